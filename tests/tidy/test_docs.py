"""What the pages say can be done: their links lead somewhere, and every command shown is one that exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from drivers.registry import names

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|(?<=\n\n))((?: {4,}|\t)\S.*(?:\n(?: {4,}|\t).*|\n(?=\n {4}))*)")
_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(
    r"(?:^|[\s/(])(tillbeam-edge|tillbeam-central|\./run)(?![\w.-])((?:[ \t]+[^\n|;&<>#]*)?)"
)
_SERVICES = re.compile(
    r"^.*\b(?:systemctl|journalctl)\b.*$", re.MULTILINE
)  # name the services, not the programs
_ENDS = re.compile(r"\\\n\s*")
_MISUSE = typer.BadParameter.__mro__[1]  # the command line library's UsageError
# Words that stand for what a reader puts there.
_FREE = re.compile(r"NAME|N|…|\.\.\.|\[.*|.*\]")


def pages() -> list[Path]:
    """Every page a reader meets."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "drivers").rglob("*.md")]
    return sorted(found)


def units() -> list[Path]:
    return sorted([*(ROOT / "docs").glob("*.service"), *(ROOT / "config").glob("*.yaml")])


class Shown(NamedTuple):
    """A command on a page; `whole` when it is an example to be typed, not a name in a sentence."""

    program: str
    words: list[str]
    whole: bool


def shown(text: str) -> Iterator[Shown]:
    """The commands of ours in the text's code."""
    code = [(match[0], True) for match in _FENCE.finditer(text)]
    prose = _FENCE.sub("", text)
    code += [(match[0], True) for match in _INDENTED.finditer(prose)]
    code += [(match[2], False) for match in _SPAN.finditer(_INDENTED.sub("", prose))]
    for part, whole in code:
        for match in _COMMAND.finditer(_SERVICES.sub("", _ENDS.sub(" ", part))):
            yield Shown(match[1], shlex.split(match[2]), whole)


def command_of(program: str) -> Any:
    """The program's tree of commands."""
    if program == "tillbeam-edge":
        from config.cli import settings_app
        from config.edge import EdgeSettings
        from edge_agent import cli

        app = typer.Typer()
        app.add_typer(cli.app)
        app.add_typer(settings_app(EdgeSettings, cli.DEFAULT_CONFIG, environ={}), name="config")
        return typer.main.get_command(app)
    from central_server import cli as central

    return typer.main.get_command(central.app)


def mistake_in(each: Shown) -> str:
    """What is wrong with the command; empty: nothing."""
    command, words = command_of(each.program), list(each.words)
    while words and hasattr(command, "commands"):
        if words[0] == "--help" or _FREE.fullmatch(words[0]):
            return ""
        if words[0] not in command.commands:
            return f"no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return "" if not each.whole else "which command?"
    known = {name for param in command.params for name in param.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("-") and word != "-"]
    unknown = [word for word in unknown if word.partition("=")[0] not in known]
    if unknown:
        return f"no option {unknown[0]!r}"
    if each.whole and "--help" not in words:
        try:
            command.make_context(each.program, words)
        except _MISUSE as error:
            return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.parametrize("page", [*pages(), *units()], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_shown_is_one_that_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.suffix != ".md":
        text = "".join(
            f"```\n{line.lstrip('# ')}\n```\n" for line in text.splitlines() if "tillbeam-" in line
        )
    wrong = [
        (each.program, each.words, mistake)
        for each in shown(text)
        if each.program != "./run" and (mistake := mistake_in(each))
    ]
    assert wrong == []


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_run_shown_is_one_that_exists(page: Path) -> None:
    script = (ROOT / "run").read_text("utf-8")
    known = set(re.findall(r"^([a-z]+)\)$", script, re.MULTILINE))
    assert {"demo", "test", "lint", "bench", "lock", "shots"} <= known
    for each in shown(page.read_text("utf-8")):
        if each.program == "./run" and each.words and not _FREE.fullmatch(each.words[0]):
            assert each.words[0] in known, each


def test_every_bench_and_demo_option_shown_is_one_that_exists() -> None:
    said = {
        name: subprocess.run(
            [sys.executable, "-P", "-m", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        ).stdout
        for name, words in {"bench": ["bench"], "demo": ["demo", "--help"]}.items()
    }
    for page in pages():
        for each in shown(page.read_text("utf-8")):
            if each.program == "./run" and each.words[:1] == ["demo"]:
                assert [word for word in each.words[1:] if word[0] == "-" and word not in said["demo"]] == []
            if each.program == "./run" and each.words[:1] == ["bench"] and len(each.words) > 1:
                assert _FREE.fullmatch(each.words[1]) or f"  {each.words[1]} " in said["bench"], each


def test_a_command_that_does_not_exist_is_found() -> None:
    text = (
        "Do\n\n    sudo /opt/tillbeam/bin/tillbeam-edge enroll --code A\n\nor `tillbeam-central keys turn`.\n"
    )
    assert [mistake_in(each) for each in shown(text)] == ["no command 'enroll'", "no command 'turn'"]
    text = "```sh\ntillbeam-edge run --colour red\ntillbeam-edge decode\ntillbeam-edge run # all right\n```\n"
    found = [mistake_in(each) for each in shown(text)]
    assert found[0] == "no option '--colour'"
    assert "DRIVER" in found[1] or "Missing" in found[1]
    assert found[2] == ""


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = _FENCE.sub("", page.read_text("utf-8"))
    for target in _LINK.findall(prose):
        if "://" in target or target.startswith(("mailto:", "#")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve()
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in {_anchor(line) for line in file.read_text("utf-8").splitlines()}, target


def _anchor(line: str) -> str:
    """The name under which a headline can be linked to."""
    title = re.sub(r"^#+ ", "", line) if line.startswith("#") else ""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_recordings_and_drivers_in_commands_are_there(page: Path) -> None:
    for each in shown(page.read_text("utf-8")):
        if each.words[:1] == ["decode"] and len(each.words) > 2:
            driver, file = each.words[1:3]
            assert driver in names(), each
            assert not file.startswith("drivers/") or (ROOT / file).is_file(), each


@pytest.mark.parametrize("stem", ["README", "docs/operating"])
def test_the_chinese_page_has_the_headlines_and_commands_of_the_english_one(stem: str) -> None:
    english, chinese = ((ROOT / f"{stem}{tail}.md").read_text("utf-8") for tail in ("", ".zh-CN"))
    for text in (english, chinese):
        assert text.count("```") % 2 == 0
    assert _levels(english) == _levels(chinese)
    assert [each for each in shown(english) if each.whole] == [each for each in shown(chinese) if each.whole]
    assert set(re.findall(r"docs/pictures/[\w-]+(?=-en|-zh)", english)) == set(
        re.findall(r"docs/pictures/[\w-]+(?=-en|-zh)", chinese)
    )


def _levels(text: str) -> list[int]:
    return [len(mark) for mark in re.findall(r"^(#+) ", _FENCE.sub("", text), re.MULTILINE)]
