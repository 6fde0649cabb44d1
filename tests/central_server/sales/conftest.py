"""What happened in a store, as facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from central_server.facts import Fact, fact_key
from sync.contract.clock import Stamp
from sync.contract.ids import EventId, Lane

NOW_MS = 1_795_000_000_000  # 2026-11-18 19:06:40 in Shanghai

MakeFacts = Callable[..., list[Fact[Any]]]


@pytest.fixture
def now_ms() -> int:
    return NOW_MS


@pytest.fixture
def facts() -> MakeFacts:
    """Facts of `events`, a second apart."""

    def make(
        *events: Any, first: int = 1, at_ms: int = NOW_MS, sure: bool = True, lane: Lane = Lane.TILL
    ) -> list[Fact[Any]]:
        return [
            Fact(
                fact_key(1, first + n),
                EventId("s1", "0" * 16, lane, first + n),
                Stamp("0" * 8, n, at_ms + n * 1000, sure),
                event,
            )
            for n, event in enumerate(events)
        ]

    return make
