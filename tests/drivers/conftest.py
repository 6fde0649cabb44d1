"""What the tests of drivers share: a clock that a test winds."""

from __future__ import annotations

import pytest


class WoundClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ms = 1_000

    def wall_ms(self) -> int:
        return 1_790_000_000_000 + self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


@pytest.fixture
def wound() -> WoundClock:
    return WoundClock()
