"""The tutorial builds what it says it builds: its pages are taken apart, put on disk, installed and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from drivers.registry import KINDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("new-driver.md", "new-driver.zh-CN.md")]
NAME = "counter.footgate"
_FILE = re.compile(r"^`([\w./]+)`[:：]\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_in(page: Path) -> dict[str, str]:
    """Every file that the page shows whole, by its path."""
    return dict(_FILE.findall(page.read_text("utf-8")))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """The package as an outsider has it, installed: its files, and the entry point it asks for."""
    folder = tmp_path / "site"
    for name, text in files_in(PAGES[0]).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    asked = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    meta = folder / f"{asked['name']}-{asked['version']}.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {asked['name']}\nVersion: {asked['version']}\n"
    )
    points = asked["entry-points"]["tillbeam.drivers"]
    lines = [f"{name} = {place}" for name, place in points.items()]
    (meta / "entry_points.txt").write_text("\n".join(["[tillbeam.drivers]", *lines, ""]))
    return folder


def run(*words: str, path: Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A command with `path` in front of what is installed."""
    env = {**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def edge(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    return run(str(Path(sys.executable).with_name("tillbeam-edge")), *words, path=path)


def test_the_page_shows_a_whole_driver_and_both_languages_the_same() -> None:
    english, chinese = (page.read_text("utf-8") for page in PAGES)
    assert set(files_in(PAGES[0])) == {
        "pyproject.toml",
        "footgate/__init__.py",
        "footgate/protocol.py",
        "footgate/simulator.py",
        "footgate/README.md",
        "footgate/cases/footgate.json",
        "tests/test_footgate.py",
    }
    assert files_in(PAGES[0]) == files_in(PAGES[1])
    assert _BLOCK.findall(english) == _BLOCK.findall(chinese)


def test_an_outsiders_driver_is_found_by_its_entry_point(outside: Path) -> None:
    listed = edge("drivers", "--json", path=outside)
    assert NAME in [json.loads(line)["name"] for line in listed.stdout.splitlines()]
    first = json.loads((outside / "footgate/cases/footgate.json").read_text())["vectors"][0]
    (outside / "door.bin").write_bytes(bytes.fromhex(first["input_hex"]))
    decoded = edge(
        "decode", NAME, str(outside / "door.bin"), "--json", "--option", "line=north", path=outside
    )
    assert json.loads(decoded.stdout.splitlines()[-1]) == {
        "at_byte": 7,
        "type": "passed/1",
        "inward": 1,
        "line": "north",
    }


def test_its_settings_are_checked_like_any_others(outside: Path) -> None:
    (shown,) = [text for kind, text in _BLOCK.findall(PAGES[0].read_text("utf-8")) if kind == "yaml"]
    settings = outside / "edge.yaml"
    settings.write_text(shown)
    assert edge("config", "check", str(settings), path=outside).returncode == 0
    settings.write_text(shown.replace("line:", "lien:"))
    wrong = edge("config", "check", str(settings), path=outside)
    assert wrong.returncode == 1
    assert "did you mean 'line'?" in wrong.stdout


def test_it_is_found_out_by_what_it_says(outside: Path) -> None:
    code = (
        "import itertools, random, sys; from footgate import DRIVER\n"
        "for scene in itertools.islice(DRIVER.simulate(DRIVER.options(), random.Random(7)), 60):\n"
        "    sys.stdout.buffer.write(scene.chunk)"
    )
    said = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(outside)},
        capture_output=True,
        check=True,
    )
    (outside / "door.bin").write_bytes(said.stdout)
    found = edge("sniff", f"file:{outside / 'door.bin'}", path=outside)
    assert f"This is {NAME}" in found.stdout


def test_its_own_tests_pass(outside: Path) -> None:
    done = run(
        sys.executable,
        "-P",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests",
        path=outside,
        cwd=outside,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_among_ours_it_holds_what_every_driver_holds(outside: Path, tmp_path: Path) -> None:
    """The four commands at the page's end, in a copy of the tree's drivers."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "drivers", tree / "drivers", ignore=shutil.ignore_patterns("__pycache__"))
    for kind in KINDS:  # it has to hold by itself
        for other in (tree / "drivers" / kind).iterdir():
            if other.is_dir():
                shutil.rmtree(other)
    shutil.move(outside / "footgate", tree / "footgate")
    commands = _BLOCK.findall(PAGES[0].read_text("utf-8"))[-1][1]
    move, change, refresh, _test = commands.splitlines()
    for words in (move, change):
        done = run("sh", "-c", words, path=tree, cwd=tree)
        assert done.returncode == 0, done.stderr
    done = run("sh", "-c", refresh.replace("python", sys.executable), path=tree, cwd=tree)
    assert done.stdout.strip() == str(tree / "drivers/counter/footgate/README.md"), done.stderr
    words = (
        "-P",
        "-m",
        "pytest",
        "-n0",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/drivers/test_every_driver.py",
        "-k",
        "footgate and not slow and not hundred",
    )
    done = run(sys.executable, *words, path=tree)
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 15
