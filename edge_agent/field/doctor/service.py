"""Whether the agent runs, is started by itself, and answers; and what it says about its devices."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from edge_agent.field.doctor.box import SERVICE, Box
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.words import Said, _

ANSWER_MAX_S = 5.0
ANSWER_MAX_BYTES = 1024 * 1024
_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "WatchdogUSec", "NRestarts")
_MANY_RESTARTS = 3
_START = f"sudo systemctl enable --now {SERVICE}"
_LOG = f"journalctl -u {SERVICE} -n 50"


def service(box: Box) -> Iterator[Finding]:
    """What systemd says of the service; without systemd, whether somebody holds the state folder."""
    said = box.run(["systemctl", "show", SERVICE, *(f"--property={name}" for name in _PROPERTIES)])
    unit = dict(line.partition("=")[::2] for line in said.text.splitlines())
    if said.status != 0 or "ActiveState" not in unit:
        if box.agent_pid:
            yield ok(_("the agent runs (process {pid}); there is no systemd here"), pid=box.agent_pid)
        else:
            yield bad(_("the agent does not run, and there is no systemd here"), "tillbeam-edge run")
        return
    if unit["LoadState"] != "loaded":
        install = "sudo cp docs/tillbeam-edge.service /etc/systemd/system/ && sudo systemctl daemon-reload"
        says = _("there is no service; an agent runs all the same (process {pid})")
        none = _("there is no service")
        yield warn(says, install, pid=box.agent_pid) if box.agent_pid else bad(none, install)
        return
    if unit["ActiveState"] != "active":
        yield bad(_("the service is {state}"), f"{_START}; {_LOG}", state=unit["ActiveState"])
        return
    yield ok(_("the service runs"))
    if unit["UnitFileState"] not in ("enabled", "static"):
        yield warn(_("it will not start by itself after a power cut"), f"sudo systemctl enable {SERVICE}")
    if unit["WatchdogUSec"] in ("", "0", "infinity"):
        yield warn(
            _("no watchdog: an agent that hangs would not be started again"), f"sudo systemctl edit {SERVICE}"
        )
    restarts = unit["NRestarts"]
    if restarts.isdecimal() and int(restarts) >= _MANY_RESTARTS:
        yield warn(_("it was started again {count} times"), _LOG, count=restarts)


def agent(box: Box) -> Iterator[Finding]:
    """What the agent says about itself: its line, its devices, its alarms."""
    web = box.settings.web
    status = agent_status(box)
    if isinstance(status, Exception):
        says = _("the agent does not answer on port {port}: {why}")
        yield (bad if box.agent_pid else warn)(
            says, f"ss -ltnp | grep {web.port}; {_LOG}", port=web.port, why=status
        )
        return
    link, why = status.get("link", "?"), status.get("link_error", "")
    if link == "offline":
        yield warn(_("offline: {why}"), "tillbeam-edge doctor --only broker", why=why)
    else:
        yield ok(_("the line to head office is up ({link})"), link=link)
    for device in status.get("devices", []):
        if device.get("state") in ("down", "blocked"):
            problem = device.get("last_problem", "")
            says = _("{name} is {state}: {problem}") if problem else _("{name} is {state}")
            camera = str(device.get("port", "")).startswith("camera:")
            mend = "tillbeam-edge doctor --only devices" if camera else "tillbeam-edge ports"
            yield bad(says, mend, name=device.get("name"), state=device["state"], problem=Said(problem))
    for alarm in status.get("alarms", []):
        detail = alarm.get("detail", "")
        yield bad(_("alarm {name} {detail}"), "tillbeam-edge status", name=alarm.get("name"), detail=detail)


def agent_status(box: Box) -> dict[str, Any] | Exception:
    """What `/edge/status` says, or why it says nothing."""
    web = box.settings.web
    host = "127.0.0.1" if web.host in ("0.0.0.0", "::") else web.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{web.port}/edge/status"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_MAX_S) as answer:
            found = json.loads(answer.read(ANSWER_MAX_BYTES))
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)  # without urllib's brackets
        return why if isinstance(why, Exception) else error
    return found if isinstance(found, dict) else ValueError("?")
