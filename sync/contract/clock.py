"""Time as the contract sees it. Wall clocks lie; monotonic clocks do not, but forget when the box restarts.

A `Stamp` therefore names the boot and the monotonic time, which are always true, and a wall time with a
word on whether it can be believed. Wall times are milliseconds since 1970-01-01T00:00Z.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

WALL_MAX_MS = 2**47  # the year 6429: what any library can still write as a date
MONO_MAX_MS = 2**53


class Clock(Protocol):
    """What time it is. Handed in by the door, so that a test may wind it."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 as this machine believes them; may jump either way."""
        ...

    def mono_ms(self) -> int:
        """Milliseconds since some moment of this boot; never goes back."""
        ...


class Stamp(msgspec.Struct, frozen=True):
    """When something happened."""

    boot: str  # names one run of the box: 8 hex digits
    mono_ms: int
    wall_ms: int
    sure: bool  # the wall clock was known to be right
