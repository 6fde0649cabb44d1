"""The modules that make up the centre, from the bottom of the row to its top. To add one is one line here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from fastapi import APIRouter

MODULES = ("downlink", "staff", "stores", "membership", "ledger", "sales", "traffic", "reports", "uplink")
_ELSEWHERE = ("central_server.downlink.feed", "central_server.jobs")  # tables that stand outside `models.py`


def load_models() -> None:
    """Import every table, so that `Base.metadata` is whole."""
    for name in _ELSEWHERE:
        importlib.import_module(name)
    for module in MODULES:
        _imported(module, "models")


def routers() -> Iterator[APIRouter]:
    """Each module's API and pages: the `router` of its `api.py` and of its `pages.py`."""
    for module in MODULES:
        for part in ("api", "pages"):
            found = _imported(module, part)
            if found is not None:
                yield found.router


def _imported(module: str, part: str) -> Any:
    name = f"central_server.{module}.{part}"
    return importlib.import_module(name) if find_spec(name) else None
