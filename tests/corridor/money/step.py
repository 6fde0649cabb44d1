"""One thing that may happen in a walk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.corridor.money.walk import Walk


class Step(NamedTuple):
    """Something that may happen. `take` does it and says what it was; empty: it could not happen now."""

    name: str
    weight: float
    take: Callable[[Walk], Awaitable[str]]
    always: bool = False
