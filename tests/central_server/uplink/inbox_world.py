"""An inbox on a real database, with handlers that write down what they are given."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base, Database, bulk_insert
from central_server.facts import Fact
from central_server.uplink.inbox import Inbox
from central_server.uplink.meters import Meters
from sync.contract.clock import Stamp
from sync.contract.events import Dropped, Event, MemberJoined, Passed, SaleCompleted, encode_event
from sync.contract.ids import Lane
from sync.contract.message import Down, Here, Up, decode_down, encode_batch, envelope
from sync.contract.topics import up
from sync.link.base import Message

EPOCH = "0123456789abcdef"


class Effect(Base):
    """What a handler did: its primary key makes a second effect of one event impossible."""

    __tablename__ = "test_effect"

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(default=0)
    store: Mapped[str]
    lane: Mapped[int]
    number: Mapped[int]
    numbers: Mapped[int]
    type: Mapped[str]


class FakeClock:
    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


class World:
    """The inbox, the wire it answers on and the switches of a test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.meters = CollectorRegistry()
        self.sent: list[tuple[str, Down]] = []
        self.heard: list[tuple[str, Here, bool]] = []
        self.said: list[tuple[str, Up]] = []
        self.noted: list[str] = []
        self.unknown: set[str] = set()
        self.poison: set[int] = set()  # numbers whose event no handler can bear
        self.errors: list[Exception] = []  # raised by the next calls of a handler
        self.calls: list[tuple[str, int]] = []
        self._place = 0
        kinds: list[type] = [MemberJoined, SaleCompleted, Passed, Dropped]
        self.handlers: dict[type, Any] = dict.fromkeys(kinds, self._handle)
        self.inbox = Inbox(
            database,
            self.handlers,
            send=self._send,
            is_known=self._is_known,
            on_here=self._on_here,
            on_said=lambda store, said: self.said.append((store, said)),
            heard=self._heard,
            clock=self.clock,
            chance=random.Random(1),
            meters=Meters(self.meters),
        )

    async def _send(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, decode_down(payload)))

    async def _is_known(self, _session: AsyncSession, store: str) -> bool:
        return store not in self.unknown

    async def _heard(self, _session: AsyncSession, store: str, _at_ms: int) -> None:
        self.noted.append(store)

    async def _on_here(self, store: str, here: Here, known: bool) -> None:
        self.heard.append((store, here, known))

    async def _handle(
        self, session: AsyncSession, store: str, facts: Sequence[Fact[Any]], _now_ms: int
    ) -> None:
        self.calls.append((store, len(facts)))
        if self.errors:
            raise self.errors.pop(0)
        rows = []
        for fact in facts:
            self._place += 1
            numbers = getattr(fact.event, "numbers", 1)
            kind = type(fact.event).__name__
            rows.append((fact.key, self._place, store, int(fact.id.lane), fact.id.number, numbers, kind))
        await bulk_insert(session, Effect, rows)
        for fact in facts:
            if fact.id.number in self.poison:
                raise KeyError(f"poison {fact.id.number}")

    async def arrive(self, *messages: Message) -> None:
        """The messages arrive together and are applied as one group."""
        for message in messages:
            await self.inbox.take(message)
        waiting = self.inbox._waiting
        group = [waiting.get_nowait() for _ in range(waiting.qsize())]
        if group:
            await self.inbox.apply(group)

    async def effects(self, store: str = "shop") -> list[tuple[int, int]]:
        """(number, numbers) of each effect, in the order in which they happened."""
        async with self.database.reading() as session:
            query = (
                sa.select(Effect.number, Effect.numbers).where(Effect.store == store).order_by(Effect.place)
            )
            return [(row.number, row.numbers) for row in await session.execute(query)]


def batch(
    first: int,
    events: Sequence[Event | bytes],
    *,
    store: str = "shop",
    lane: Lane = Lane.COUNT,
    epoch: str = EPOCH,
) -> Message:
    """A message as an edge sends it; bytes stand for an envelope that nobody can read."""
    stamp = Stamp("0badcafe", 1, 1_790_000_000_000, True)
    bodies = [each if isinstance(each, bytes) else envelope(encode_event(each), stamp) for each in events]
    return Message(up(store, lane), encode_batch(epoch, lane, first, bodies))


def passes(count: int) -> list[Event]:
    return [Passed(device="door", inward=1) for _ in range(count)]
