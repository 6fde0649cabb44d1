"""An event cut to the contract's limits, so that one long line on a receipt does not cost the whole sale.

The limits are those written at the fields (`events.py`) and are checked when the centre decodes. Text is cut
at its end; of a list that is too long the first entries stay. Amounts are never touched: a wrong amount
must be seen, not made to fit.
"""

from __future__ import annotations

import typing
from typing import Any

import msgspec

from sync.contract.events import Event

_Limits = tuple[tuple[str, int, type[msgspec.Struct] | None], ...]


def fitted(event: Event) -> Event:
    """`event` itself when it is within the limits, else a copy that is."""
    found: Event = _fitted(event)
    return found


def _fitted(struct: Any) -> Any:
    changes: dict[str, Any] = {}
    for name, most, parts in _limits(type(struct)):
        value = getattr(struct, name)
        cut = value[:most] if len(value) > most else value
        if parts is not None:
            whole = tuple(_fitted(part) for part in cut)
            cut = whole if any(a is not b for a, b in zip(whole, cut, strict=True)) else cut
        if cut is not value:
            changes[name] = cut
    return msgspec.structs.replace(struct, **changes) if changes else struct


_LIMITS: dict[type, _Limits] = {}  # by class; there are as many as classes of events and their parts


def _limits(kind: type) -> _Limits:
    """(field, longest, class of its entries) for every text and list of `kind` that has a limit."""
    if kind not in _LIMITS:
        _LIMITS[kind] = _read_limits(kind)
    return _LIMITS[kind]


def _read_limits(kind: type) -> _Limits:
    found = []
    for name, annotation in typing.get_type_hints(kind, include_extras=True).items():
        metas = [meta for meta in getattr(annotation, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
        most = min((meta.max_length for meta in metas if meta.max_length is not None), default=None)
        if most is not None:
            inner = typing.get_args(typing.get_args(annotation)[0])
            parts = inner[0] if inner and issubclass(inner[0], msgspec.Struct) else None
            found.append((name, most, parts))
    return tuple(found)
