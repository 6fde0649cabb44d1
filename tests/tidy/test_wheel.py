"""The wheel holds the five packages with all they need, and works from where it was installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = {"edge_agent", "central_server", "drivers", "sync", "config"}
BUILD_MAX_S = 60
_SPEAK = "import sys; from {module} import main; sys.argv[0] = '{script}'; main()"


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=BUILD_MAX_S, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as an installer lays it out."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def test_the_wheel_holds_our_five_packages_and_nothing_else(site: Path) -> None:
    assert {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")} == PACKAGES


def test_every_file_of_the_packages_is_in_the_wheel(site: Path, root: Path, committed: list[Path]) -> None:
    ours = [path.relative_to(root) for path in committed]
    missing = [str(path) for path in ours if path.parts[0] in PACKAGES and not (site / path).is_file()]
    assert missing == []


@pytest.mark.parametrize(
    "pattern",
    [
        "central_server/*/templates/*.html",
        "central_server/web/static/vendor/*.js",
        "central_server/web/static/vendor/*LICENSE",
        "central_server/migrations/versions/*.py",
        "edge_agent/web/templates/*.html",
        "edge_agent/web/static/*.js",
        "edge_agent/store/migrations/*.sql",
        "*/locale/zh_CN/LC_MESSAGES/messages.mo",
        "drivers/pos/escpos_tap/profiles/*.yaml",
        "config/schema/*.json",
        "config/*.example.yaml",
        "*.dist-info/licenses/LICENSE",
    ],
)
def test_what_the_programs_read_beside_python_is_in_the_wheel(site: Path, pattern: str) -> None:
    assert any(path.stat().st_size for path in site.glob(pattern))


def test_the_wheel_names_the_console_scripts(site: Path) -> None:
    (named,) = site.glob("*.dist-info/entry_points.txt")
    said = named.read_text("utf-8")
    assert "tillbeam-edge = edge_agent.cli:main" in said
    assert "tillbeam-central = central_server.cli:main" in said


@pytest.mark.parametrize(
    ("script", "module", "words", "answer"),
    [
        ("tillbeam-edge", "edge_agent.cli", ["--help"], "enrol"),
        ("tillbeam-edge", "edge_agent.cli", ["drivers"], "cardreader.rdm6300"),
        ("tillbeam-central", "central_server.cli", ["--help"], "migrate"),
    ],
)
def test_the_programs_start_from_the_wheel(
    site: Path, tmp_path: Path, script: str, module: str, words: list[str], answer: str
) -> None:
    path = f"import sys; sys.path.insert(0, {str(site)!r}); "
    code = path + _SPEAK.format(module=module, script=script)
    check = f"import {module} as m; assert m.__file__.startswith({str(site)!r}), m.__file__; "
    done = subprocess.run(
        [sys.executable, "-P", "-c", path + check + code, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"},
    )
    assert done.returncode == 0, done.stderr
    assert answer in done.stdout


def test_the_centres_first_start_works_from_the_wheel(site: Path, tmp_path: Path) -> None:
    """Migrations are found where they were installed."""
    settings = tmp_path / "central.yaml"
    settings.write_text(f"state_dir: {tmp_path}/state\n", "utf-8")
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from central_server.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "migrate", "--config", settings],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state/tillbeam.sqlite3").stat().st_size > 0
