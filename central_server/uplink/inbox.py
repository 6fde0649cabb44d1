"""The centre's door: messages from stores become effects, once each, in order, and then receipts.

    receive → [waiting] → commit → send

`receive` reads and decodes while `commit` waits for the disk. Whatever waits is applied in one transaction
(group commit); if one of its events is bad, message by message. Nothing is answered before the commit, and
when the database is away everything waits where it is: `waiting` fills, the socket is no longer read, and
the stores keep what they have.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Busy
from central_server.uplink.apply import Arrived, BadEvents, Outcome, apply
from central_server.uplink.handlers import Handlers
from central_server.uplink.meters import Complaints, Meters
from sync.contract import topics
from sync.contract.clock import Clock
from sync.contract.errors import ContractError
from sync.contract.message import Here, Up, decode_batch, decode_said, encode
from sync.link.base import Connection, LinkDown, Message, full_jitter_s

WAITING_MAX = 64  # messages decoded and not yet applied, about 1 MiB each at most
GROUP_EVENTS_MAX = 10_000  # in one transaction: a quarter of a second of sales, and no more memory than that
KNOWN_FOR_MS = 3_000  # how long a store is believed to be known or blocked
HEARD_EVERY_MS = 10_000  # a store's row says at most so often that it has spoken
STORES_REMEMBERED_MAX = 50_000

IsKnown = Callable[[AsyncSession, str], Awaitable[bool]]
OnHere = Callable[[str, Here, bool], Awaitable[None]]  # store, what it says, whether it is known
OnSaid = Callable[[str, Up], None]  # what a store that is known says; must not wait
Heard = Callable[[AsyncSession, str, int], Awaitable[None]]  # in the transaction: a store has spoken
Send = Callable[[str, bytes], Awaitable[None]]


class _Known(NamedTuple):
    known: bool
    until_ms: int


class Inbox:
    """Takes what stores send. Run `commit` while the centre lives, `receive` on every connection."""

    def __init__(
        self,
        database: Database,
        handlers: Handlers,
        *,
        send: Send,
        is_known: IsKnown,
        on_here: OnHere,
        on_said: OnSaid | None = None,
        heard: Heard,
        clock: Clock,
        chance: random.Random,
        meters: Meters,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._send = send
        self._ask = is_known
        self._on_here = on_here
        self._on_said = on_said
        self._heard = heard
        self._heard_ms: dict[str, int] = {}
        self._clock = clock
        self._chance = chance
        self._meters = meters
        self._complaints = Complaints(clock)
        self._waiting: asyncio.Queue[Arrived] = asyncio.Queue(WAITING_MAX)
        self._known: dict[str, _Known] = {}

    async def receive(self, connection: Connection) -> None:
        """Read messages until the connection is lost. Raises LinkDown."""
        while True:
            await self.take(await connection.receive())

    async def take(self, message: Message) -> None:
        """Read one message; waits while `WAITING_MAX` are not applied. A bad one is counted and dropped."""
        try:
            store, lane = topics.read_up(message.topic)
            if lane is None:
                said = decode_said(message.payload)
            else:
                batch = decode_batch(message.payload)
                if batch.lane is not lane:
                    raise ContractError(f"a batch of lane {batch.lane.label} on {lane.label}'s topic")
        except ContractError as error:
            self._meters.messages.labels("bad").inc()
            self._complaints.say("a message nobody can read", message.topic, error)
            return
        known = await self._is_known(store)
        if lane is None and isinstance(said, Here):
            self._meters.messages.labels("here").inc()
            await self._on_here(store, said, known)
            if known and self._on_said is not None:
                self._on_said(store, said)
        elif not known:
            self._meters.messages.labels("unknown").inc()
            self._complaints.say("a store that is unknown or blocked", store, "its message was dropped")
        elif lane is None:
            self._meters.messages.labels("ask").inc()
            if self._on_said is not None:
                self._on_said(store, said)
        else:
            await self._waiting.put(Arrived(store, batch, message.payload, self._clock.wall_ms()))

    async def commit(self) -> None:
        """Apply what waits, for ever. Raises only what neither retry nor putting aside can mend."""
        while True:
            group = [await self._waiting.get()]
            events = len(group[0].batch.events)
            while events < GROUP_EVENTS_MAX and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
                events += len(group[-1].batch.events)
            self._meters.waiting.set(self._waiting.qsize())
            await self.apply(group)

    async def apply(self, group: list[Arrived]) -> None:
        """Apply `group` in one transaction, or one by one if an event in it is bad, and send the receipts."""
        try:
            await self._answer(await self._committed(group, careful=False))
        except BadEvents:
            for each in group:
                await self._answer(await self._committed([each], careful=True))

    async def _committed(self, group: list[Arrived], *, careful: bool) -> Outcome:
        """The outcome of `group` once it is on disk, however long the database is away."""

        async def work(session: AsyncSession) -> Outcome:
            now_ms = self._clock.wall_ms()
            for store in silent:
                await self._heard(session, store, now_ms)
            return await apply(session, self._handlers, group, now_ms, careful=careful)

        silent = self._silent_so_far({each.store for each in group})

        for pause_s in full_jitter_s(self._chance, first_s=0.5, most_s=10.0):
            try:
                with self._meters.commit_s.time():
                    return await self._database.run(work)
            except (DBAPIError, OSError, Busy) as error:
                self._meters.retries.inc()
                self._complaints.say("the database does not take events", group[0].store, error)
            await asyncio.sleep(pause_s)
        raise AssertionError("full_jitter_s never ends")

    def _silent_so_far(self, stores: set[str]) -> list[str]:
        """Those of `stores` that have not been noted as heard for `HEARD_EVERY_MS`, in order."""
        now_ms = self._clock.mono_ms()
        long_ago_ms = now_ms - HEARD_EVERY_MS
        silent = sorted(store for store in stores if self._heard_ms.get(store, long_ago_ms) <= long_ago_ms)
        if len(self._heard_ms) >= STORES_REMEMBERED_MAX:
            self._heard_ms.clear()
        self._heard_ms.update(dict.fromkeys(silent, now_ms))
        return silent

    async def _answer(self, outcome: Outcome) -> None:
        for what, count in outcome.outcomes.items():
            self._meters.messages.labels(what).inc(count)
        for tag, count in outcome.events.items():
            self._meters.events.labels(tag).inc(count)
        if outcome.aside:
            self._meters.aside.inc(outcome.aside)
            stores = ", ".join(sorted({each.store for each in outcome.receipts}))
            self._complaints.say(
                "events were put aside", stores, f"{outcome.aside} of them; see the page Aside"
            )
        if outcome.not_kept:
            self._meters.aside_not_kept.inc(outcome.not_kept)
            stores = ", ".join(sorted({each.store for each in outcome.receipts}))
            why = f"{outcome.not_kept} more had no room there: settle those that wait"
            self._complaints.say("events were put aside in the kept batches alone", stores, why)
        for store, received in outcome.receipts:
            try:
                await self._send(topics.down(store), encode(received))
            except LinkDown:
                return  # the stores will ask again

    async def _is_known(self, store: str) -> bool:
        now_ms = self._clock.mono_ms()
        remembered = self._known.get(store)
        if remembered is not None and now_ms < remembered.until_ms:
            return remembered.known
        for pause_s in full_jitter_s(self._chance, first_s=0.5, most_s=10.0):
            try:
                async with self._database.reading() as session:
                    known = await self._ask(session, store)
                break
            except (DBAPIError, OSError) as error:
                self._complaints.say("the database does not say who is known", store, error)
            await asyncio.sleep(pause_s)
        if len(self._known) >= STORES_REMEMBERED_MAX:
            self._known.clear()
        self._known[store] = _Known(known, now_ms + KNOWN_FOR_MS)
        return known
