"""Drivers by name. A name is a path under drivers/, or an entry point that an outsider registered.

Nothing of a device is imported before somebody asks for it: a store with one card reader loads one.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from importlib.metadata import EntryPoint, entry_points

from drivers.base import Driver
from drivers.errors import UnknownDriver

KINDS = ("pos", "counter", "cardreader")
ENTRY_POINTS = "tillbeam.drivers"
_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def driver(name: str) -> Driver:
    """The driver called `name` (``cardreader.rdm6300``). Raises UnknownDriver, which says what was meant."""
    if not _NAME.fullmatch(name):
        raise UnknownDriver(name, names())
    if name in _own_names():
        found = importlib.import_module(f"drivers.{name}").DRIVER
    elif name in (outsiders := _outsiders()):
        found = outsiders[name].load()
    else:
        raise UnknownDriver(name, names())
    if not isinstance(found, Driver):
        raise TypeError(f"{name}: DRIVER is a {type(found).__name__}, not a Driver")
    return found


def names() -> list[str]:
    """All drivers there are, ours and those of outsiders, in alphabetical order; imports none of them."""
    return sorted({*_own_names(), *_outsiders()})


def _own_names() -> set[str]:
    found = set()
    for kind in KINDS:
        folder = importlib.import_module(f"drivers.{kind}")
        found |= {f"{kind}.{module.name}" for module in pkgutil.iter_modules(folder.__path__) if module.ispkg}
    return found


def _outsiders() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
