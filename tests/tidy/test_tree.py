"""What holds for every committed file: nothing of the machine it was written on, and the rules here."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

LINES_MAX = 400
# Longer ones, and why they may be.
LONGER = {
    "central_server/migrations/versions/20261122_first.py": "every table once, as alembic writes it",
    "central_server/migrations/versions/20261122_ledger.py": "every table of the ledger, as alembic has it",
}
# Where whatever nobody foresaw is caught, and why there.
CATCHES_ALL = {
    "drivers/counter/camera/nursery.py": "a worker that fails says why: it must not go on as a nursery",
    "edge_agent/supervisor.py": "one device must not touch another",
    "edge_agent/field/doctor/examine.py": "one check must not hide the others: the box is broken as it is",
    "central_server/web/mishaps.py": "the web's last handler",
    "central_server/uplink/apply.py": "one event must not stop a store: it goes aside",
    "central_server/uplink/aside.py": "the same event, tried again",
    "central_server/jobs.py": "one job must not take the inbox with it",
}
# Split, so that this file does not find itself. Registries and mirrors, and homes of developers' machines.
OF_A_MACHINE = re.compile(
    r"/wo"
    r"rk/(main|shared|\.)|/ro"
    r"ot/|/ho"
    r"me/[a-z]|/tmp"
    r"/tb\b"
    r"|pypi\.o"
    r"rg|pythonho"
    r"sted|index"
    r"-url ?=|extra-ind"
    r"ex|artif"
    r"actory|npmj"
    r"s\.(org|com)"
)
# Whoever writes a line answers for it; its tools do not sign.
TOOLS = re.compile(
    r"\b(cla"
    r"ude|anthro"
    r"pic|chat"
    r"gpt|open"
    r"ai|copi"
    r"lot|co-auth"
    r"ored-by)\b",
    re.IGNORECASE,
)
NO_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "misc"}


def test_nothing_tells_of_the_machine_it_was_written_on(texts: dict[Path, str], root: Path) -> None:
    assert list(_found(OF_A_MACHINE, texts, root)) == []


def test_nothing_names_the_tools_it_was_written_with(texts: dict[Path, str], root: Path) -> None:
    assert list(_found(TOOLS, texts, root)) == []


def _found(what: re.Pattern[str], texts: dict[Path, str], root: Path) -> Iterator[str]:
    for path, text in texts.items():
        for match in what.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(root)}:{line}: {match.group()}"


def test_every_module_says_what_it_is(modules: dict[Path, str], root: Path) -> None:
    silent = [path for path, text in modules.items() if not ast.get_docstring(ast.parse(text))]
    assert [str(path.relative_to(root)) for path in silent] == []


def test_a_file_holds_one_idea(modules: dict[Path, str], root: Path) -> None:
    lengths = {str(path.relative_to(root)): text.count("\n") for path, text in modules.items()}
    assert {name: lines for name, lines in lengths.items() if lines >= LINES_MAX and name not in LONGER} == {}
    assert [name for name in LONGER if lengths.get(name, 0) < LINES_MAX] == [], "no longer longer"


def test_no_module_is_a_drawer_for_odds_and_ends(modules: dict[Path, str], root: Path) -> None:
    named = {path: {path.stem, *path.relative_to(root).parts[:-1]} for path in modules}
    assert [str(path) for path, names in named.items() if names & NO_NAMES] == []


def test_whatever_nobody_foresaw_is_caught_in_few_places(modules: dict[Path, str], root: Path) -> None:
    catching = {
        str(path.relative_to(root)) for path, text in modules.items() if _catches_all(ast.parse(text))
    }
    assert catching == set(CATCHES_ALL)


def _catches_all(tree: ast.Module) -> bool:
    """Whether there is an `except:` or `except Exception`, or `except BaseException` that swallows."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            names = (
                {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {""}
            )
            if names & {"", "Exception"}:
                return True
            if "BaseException" in names and not any(isinstance(part, ast.Raise) for part in ast.walk(node)):
                return True
    return False


def test_programs_speak_through_their_log_and_their_commands(modules: dict[Path, str], root: Path) -> None:
    printing = [
        str(path.relative_to(root))
        for path, text in modules.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_golden_messages_are_only_added_to(root: Path) -> None:
    folder = root / "tests/sync/contract/golden"
    lines = (folder / "CHECKSUMS").read_text("ascii").splitlines()
    known = {name: digest for digest, name in (line.split() for line in lines if not line.startswith("#"))}
    for name, digest in known.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, f"{name} was changed"
    new = {path.name for path in folder.iterdir()} - set(known) - {"CHECKSUMS"}
    assert new == set(), "add them: sha256sum NAME >> CHECKSUMS"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_is_locked_by_hash(root: Path, name: str) -> None:
    text = (root / name).read_text("utf-8")
    wanted = [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip() and entry[0] != "#"]
    assert len(wanted) > 20
    for entry in wanted:
        assert re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in text


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_the_run_script_is_a_script_for_any_shell(root: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    for script in ("run", ".ci/run"):
        done = subprocess.run(
            [shell, "-n", script], cwd=root, capture_output=True, text=True, timeout=10, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), script


def test_the_licence_stands_at_the_door(root: Path) -> None:
    text = (root / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
