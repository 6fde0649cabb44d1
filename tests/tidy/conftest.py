"""What the tests of the tree itself look at: the files that are committed, or are about to be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sync", "drivers", "config", "edge_agent", "central_server")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def committed() -> list[Path]:
    """Every file that git knows and that still stands."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("which files are committed is told by git in a clone: sudo apt-get install git")
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="session")
def texts(committed: list[Path]) -> dict[Path, str]:
    """The committed files that are text, without what others published."""
    found = {}
    for path in committed:
        if "vendor" in path.parts:
            continue
        try:
            found[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures, recordings, catalogues
    return found


@pytest.fixture(scope="session")
def modules(texts: dict[Path, str]) -> dict[Path, str]:
    """The Python of the five packages."""
    return {
        path: text
        for path, text in texts.items()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
    }
