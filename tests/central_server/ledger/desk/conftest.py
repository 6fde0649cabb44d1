"""People at the desk, and a clock that stands still until somebody moves it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from central_server.staff.audit import Actor

NOW_MS = 1_795_000_000_000  # 2026-11-18 (a Wednesday) 19:06:40 in Shanghai


@dataclass
class Clock:
    now_ms: int = NOW_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def li() -> Actor:
    return Actor("Li", 1)


@pytest.fixture
def wang() -> Actor:
    return Actor("Wang", 2)


@pytest.fixture
def zhao() -> Actor:
    return Actor("Zhao", 3)
