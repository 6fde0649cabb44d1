"""What the demo says in the terminal, in both languages."""

from __future__ import annotations

_EN = {
    "setting_up": "Setting up head office and some weeks of history …",
    "counting": "Ready. Twenty busy seconds, six of them with the line cut …",
    "ready": "Ready after {seconds} s.\n",
    "running": "A demo is running already in {folder}; end it first.",
    "cut": "The line is cut.",
    "whole": "The line is whole again.",
    "places": """  Head office   {central}/        login: {login}   password: {password}
                {others} sign in with the same password: what one asks, another allows
  Till          {edge}/till      customer display: {edge}/till/display
  This box      {edge}/edge
  Logs, data    {folder}
  Books right?  {verify}

  c + Enter     cut the line, or mend it
  Ctrl-C        end
""",
}
_ZH = {
    "setting_up": "正在准备总部和几周的历史数据……",
    "counting": "就绪。繁忙的二十秒开始，其中六秒断线……",
    "ready": "就绪，用时 {seconds} 秒。\n",
    "running": "{folder} 中已有演示在运行；请先结束它。",
    "cut": "线路已断开。",
    "whole": "线路已恢复。",
    "places": """  总部       {central}/        用户名：{login}   密码：{password}
             {others} 用同一密码登录：一人申请，另一人批准
  收银台     {edge}/till      顾客显示屏：{edge}/till/display
  本机       {edge}/edge
  日志与数据 {folder}
  核验账簿   {verify}

  c + 回车   断开或恢复线路
  Ctrl-C     结束
""",
}
WORDS = {"en": _EN, "zh_CN": _ZH}
