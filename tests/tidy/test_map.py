"""ARCHITECTURE.md is the living map: it names every room and file, and none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

# Every module of the centre has these, and every driver; the map says so once.
EVERYWHERE = {"__init__", "__main__", "models", "service", "api", "pages", "doors", "protocol", "simulator"}
PASSED_BY = ("migrations", "versions")


def test_every_file_has_its_place_on_the_map(modules: dict[Path, str], root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text("utf-8")
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    missing = [
        str(path.relative_to(root))
        for path in modules
        if path.stem not in words | EVERYWHERE and not {*path.parts} & {*PASSED_BY}
    ]
    assert missing == []


def test_every_path_on_the_map_is_there(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text("utf-8")
    for name in re.findall(r"`((?:sync|drivers|config|edge_agent|central_server)/[\w/]+\.py)`", text):
        assert (root / name).is_file(), name


def test_every_decision_has_its_number_once(root: Path) -> None:
    names = sorted(path.name for path in (root / "docs/decisions").iterdir())
    assert [name[:3] for name in names] == [f"{n:03}" for n in range(1, len(names) + 1)]
    for name in names:
        first = (root / "docs/decisions" / name).read_text("utf-8").splitlines()[0]
        assert first.startswith(f"# {name[:3]} "), name
