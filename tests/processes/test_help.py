"""What `--help` says is said whole: Chinese has no blanks to break a line at, and is cut off without them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Texts are put into a language as their module is imported: a process for each.
EVERY_PAGE = """
import importlib, sys
from typer.main import get_command
from typer.testing import CliRunner
app = importlib.import_module(sys.argv[1]).app
def pages(command, *words):
    yield words
    for name, each in getattr(command, "commands", {}).items():
        yield from pages(each, *words, name)
for page in pages(get_command(app)):
    said = CliRunner().invoke(app, [*page, "--help"], terminal_width=80)
    assert said.exit_code == 0, said.output
    print(said.output)
"""


@pytest.mark.parametrize("module", ["edge_agent.cli", "central_server.cli"])
@pytest.mark.parametrize("lang", ["zh_CN", "en_US"])
def test_no_help_page_is_cut_off_on_a_narrow_terminal(module: str, lang: str) -> None:
    environment = os.environ | {"LANG": f"{lang}.UTF-8", "LC_ALL": f"{lang}.UTF-8", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", EVERY_PAGE, module],
        env=environment | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert sum("--help" in line for line in lines) >= 5
    assert ("显示" in done.stdout or "，" in done.stdout) is (lang == "zh_CN")
    assert [line for line in lines if "…" in line] == []
