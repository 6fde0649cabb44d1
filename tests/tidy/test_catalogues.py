"""Every text that a user sees stands in both catalogues, and these are as the code is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "catalogues.py"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", TOOL, *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_every_text_is_translated_and_the_catalogues_are_fresh():
    done = run("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def _package(root: Path, code: str) -> Path:
    package = root / "config"
    package.mkdir(exist_ok=True)
    (package / "a.py").write_text(code, "utf-8")
    return package


def test_a_text_is_found_translated_from_json_and_compiled(tmp_path: Path):
    package = _package(tmp_path, 'print(_("Save"), ngettext("%(n)d card", "%(n)d cards", 2))')
    templates = package / "templates"
    templates.mkdir()
    (templates / "a.html").write_text("{% trans name=x %}Hello {{ name }}{% endtrans %}", "utf-8")
    folder = tmp_path / "zh"
    folder.mkdir()
    (folder / "a.json").write_text(
        '{"Save": "保存", "%(n)d card": "%(n)d 张卡", "Hello %(name)s": "%(name)s，您好"}', "utf-8"
    )
    assert "not translated" not in run("--root", tmp_path, "--import", folder).stdout
    assert run("--root", tmp_path, "--check").returncode == 0
    again = (package / "locale/zh_CN/LC_MESSAGES/messages.mo").read_bytes()
    assert "张卡".encode() in again
    run("--root", tmp_path)
    assert (package / "locale/zh_CN/LC_MESSAGES/messages.mo").read_bytes() == again


def test_what_is_missing_stale_or_wrong_is_told(tmp_path: Path):
    _package(tmp_path, '_("Save {name}"); _("Open")')
    folder = tmp_path / "zh"
    folder.mkdir()
    (folder / "a.json").write_text('{"Save {name}": "保存 {nmae}"}', "utf-8")
    run("--root", tmp_path, "--import", folder)
    _package(tmp_path, '_("Save {name}"); _("Open"); _("Close")')
    done = run("--root", tmp_path, "--check")
    assert done.returncode == 1
    assert "other placeholders: 'Save {name}'" in done.stdout
    assert "not translated: 'Open'" in done.stdout
    assert "messages.po: stale" in done.stdout
