"""Old events become new ones on arrival, so that a store may be years behind.

`UPGRADES` maps an old tag to a function from its JSON object to the JSON object of the next version; the
steps are followed until the tag is one of today's. There is none yet: every class is at version 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sync.contract.errors import BadEvent

UPGRADES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
STEPS_MAX = 32


def upgraded(envelope: bytes) -> bytes | None:
    """`envelope` (see message.py) with its event brought up to date; None when its tag is not an old one.

    Raises BadEvent when an upgrade cannot be done, or when it is no envelope.
    """
    try:
        parts = msgspec.json.decode(envelope, type=list[Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvent(f"no envelope: {error}") from None
    event = parts[-1] if parts else None
    if not isinstance(event, dict) or str(event.get("type")) not in UPGRADES:
        return None
    for _ in range(STEPS_MAX):
        step = UPGRADES.get(str(event.get("type")))
        if step is None:
            return msgspec.json.encode([*parts[:-1], event])
        try:
            event = step(event)
        except (KeyError, TypeError, ValueError) as error:
            raise BadEvent(f"cannot bring {event.get('type')} up to date: {error!r}") from error
    raise BadEvent(f"more than {STEPS_MAX} upgrades from {parts[-1].get('type')}")
