"""What happened in stores, as facts, and the words that stores were told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.downlink.feed import after
from central_server.facts import Fact, fact_key
from sync.contract.clock import Stamp
from sync.contract.ids import EventId, Lane
from sync.contract.told import EVERYONE, Told

NOW_MS = 1_795_000_000_000

MakeFacts = Callable[..., list[Fact[Any]]]


@pytest.fixture
def now_ms() -> int:
    return NOW_MS


@pytest.fixture
def facts() -> MakeFacts:
    """Facts of `events`, a second apart."""

    def make(*events: Any, first: int = 1, at_ms: int = NOW_MS, sure: bool = True) -> list[Fact[Any]]:
        return [
            Fact(
                fact_key(1, first + n),
                EventId("s1", "0" * 16, Lane.TILL, first + n),
                Stamp("0" * 8, n, at_ms + n * 1000, sure),
                event,
            )
            for n, event in enumerate(events)
        ]

    return make


async def told(session: AsyncSession) -> dict[str, Told]:
    """The newest word of each key of the feed for everyone."""
    words: Sequence[Told] = [each.word for each in await after(session, EVERYONE, 0, 1000)]
    return {word.key: word for word in words}


@pytest.fixture
def words() -> Any:
    return told


@pytest.fixture
def as_json() -> Callable[[Any], bytes]:
    return msgspec.json.encode
