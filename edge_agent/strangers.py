"""Packages of somebody else's that stand where ours should: `config`, `drivers`, `sync` are common names.

Imports nothing of ours, for it is asked when that has failed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

OURS = ("config", "drivers", "sync")


def strangers() -> dict[str, str]:
    """Which of our packages is somebody else's, and where that one stands; "-" when there is none at all."""
    beside = Path(__file__).resolve().parents[1]
    found = {name: _place(name) for name in OURS}
    return {name: str(place or "-") for name, place in found.items() if place != beside / name}


def whose(error: ImportError) -> str:
    """What to tell whoever cannot load the program; in both languages, for there are no catalogues yet."""
    found = ", ".join(f"{name} ({place})" for name, place in strangers().items())
    if not found:
        return f"{error}"
    return (
        f"A package of somebody else's stands in front of ours: {found}.\n"
        f"别人的同名软件包挡住了本程序：{found}。\n"
        "-> env -u PYTHONPATH /opt/tillbeam/bin/tillbeam-edge doctor"
    )


def _place(name: str) -> Path | None:
    """The folder of the package; of one without an __init__, its first."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    folders = list(spec.submodule_search_locations or []) if spec else []
    return Path(folders[0]).resolve() if folders else Path(spec.origin) if spec and spec.origin else None
