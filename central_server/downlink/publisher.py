"""Tells every store what it has not been told yet, at its pace.

A store says in `Here` how far it has each of its two feeds; that is all the publisher believes. It sends the
words after it in messages of at most 64 KiB, a few ahead of what the store has confirmed, and goes back to
the confirmed number when no `Here` follows in time. A store that stays silent is forgotten until it speaks
again: it costs nothing. Losing this object's memory loses nothing either.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.downlink.feed import WORD_MAX_BYTES, Numbered, after, last_numbers, raise_above
from sync.contract import topics
from sync.contract.clock import Clock
from sync.contract.message import Hello, Here, Words, encode
from sync.contract.told import EVERYONE
from sync.link.base import LinkDown

POLL_S = 3.0  # for what another centre process told, and for time-outs
WINDOW = 4  # messages of a feed ahead of what the store has confirmed
ANSWER_TIMEOUT_MS = 10_000  # without a Here, what was sent is sent again
TRIES_MAX = 6  # then the store is gone until it says Here
WORDS_AT_ONCE = 500  # read from a feed in one query
WORDS_MAX_BYTES = WORD_MAX_BYTES  # of JSON in one message; the largest word has room
STORES_MAX = 20_000  # followed at once; past it the one that spoke longest ago is forgotten
PAYLOADS_KEPT = 32  # most stores are at the same place of the feed for everyone
RAISE_EVERY_MS = 600_000  # a feed is raised at most so often
RAISE_BEYOND = 1_000_000  # above the number that was heard, for other stores may have come further than that
RAISE_MAX = 10_000_000  # and not further than this: no chain has told so many words in a day

log = logging.getLogger(__name__)

Send = Callable[[str, bytes], Awaitable[None]]
MarksOf = Callable[[AsyncSession, str, str], Awaitable[dict[str, int]]]


@dataclass
class _Told:
    """How far a store has one feed."""

    has: int  # as it said
    sent: int  # as far as we have sent
    ends: list[int] = field(default_factory=list)  # last numbers of the messages that are under way
    sent_ms: int = 0
    tries: int = 0


class _Payload(NamedTuple):
    last: int
    body: bytes


class Publisher:
    """Follows the stores that are there. Call `here` for what they say; `run` while the centre lives."""

    def __init__(self, database: Database, *, send: Send, marks_of: MarksOf, clock: Clock) -> None:
        self._database = database
        self._send = send
        self._marks_of = marks_of
        self._clock = clock
        self._stores: OrderedDict[str, dict[str, _Told]] = OrderedDict()  # store → feed → how far
        self._payloads: OrderedDict[tuple[str, int, int], _Payload] = OrderedDict()
        self._raised_ms: dict[str, int] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something was told, or a store spoke: look now."""
        self._wake.set()

    async def here(self, store: str, here: Here, known: bool) -> None:
        """A store says how far it is; if it asks for a Hello it gets one. Never raises LinkDown."""
        if not known:
            self._stores.pop(store, None)
            if here.greet:
                await self._try_send(store, encode(Hello(here.epoch, self._clock.wall_ms(), {}, known=False)))
            return
        self._follow(store, here)
        if here.greet:
            try:
                async with self._database.reading() as session:
                    marks = await self._marks_of(session, store, here.epoch)
            except (DBAPIError, OSError) as error:
                log.warning("cannot greet %s: %s", store, error)  # it will ask again
                return
            await self._try_send(store, encode(Hello(here.epoch, self._clock.wall_ms(), marks)))
        self.wake()

    async def run(self) -> None:
        """Send what is to be sent, for ever."""
        while True:
            self._wake.clear()
            try:
                await self.publish()
            except (DBAPIError, OSError) as error:  # LinkDown among them
                log.debug("cannot publish now: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()

    async def publish(self) -> None:
        """One round over the stores that are there. Raises LinkDown and the database's errors."""
        self._go_back()
        while self._stores:
            feeds = [EVERYONE, *self._stores]
            async with self._database.reading() as session:
                lasts = await last_numbers(session, feeds)
            more = False  # to be sent at once; what is told meanwhile wakes us
            for store, told in list(self._stores.items()):
                for feed, at in told.items():
                    if feed not in lasts:
                        continue  # it spoke while we asked: the next round has it
                    if at.has > lasts[feed]:
                        more |= await self._raise(feed, at.has)
                    elif at.sent < lasts[feed] and len(at.ends) < WINDOW:
                        sent = await self._send_words(store, feed, at, lasts[feed])
                        more |= sent and at.sent < lasts[feed] and len(at.ends) < WINDOW
            if not more:
                return

    def _follow(self, store: str, here: Here) -> None:
        old = self._stores.pop(store, None)
        told: dict[str, _Told] = {}
        for feed, has in ((EVERYONE, here.everyone), (store, here.own)):
            before = None if old is None or here.greet else old.get(feed)
            if before is None or has < before.has:  # connected anew: what was under way is lost
                told[feed] = _Told(has, has)
            else:
                ends = [end for end in before.ends if end > has]
                told[feed] = _Told(has, max(before.sent, has), ends, before.sent_ms, before.tries)
                if has > before.has:
                    told[feed].sent_ms, told[feed].tries = self._clock.mono_ms(), 0
        self._stores[store] = told
        if len(self._stores) > STORES_MAX:
            self._stores.popitem(last=False)

    def _go_back(self) -> None:
        """What was sent and not confirmed in time is sent again; who never answers is forgotten."""
        now_ms = self._clock.mono_ms()
        for store, told in list(self._stores.items()):
            for at in told.values():
                if at.ends and now_ms - at.sent_ms >= ANSWER_TIMEOUT_MS:
                    at.sent, at.ends, at.tries = at.has, [], at.tries + 1
                    if at.tries >= TRIES_MAX:
                        self._stores.pop(store, None)

    async def _send_words(self, store: str, feed: str, at: _Told, last: int) -> bool:
        payload = await self._payload(feed, at.sent, last)
        if payload.last == at.sent:
            return False  # the words went on to higher numbers meanwhile: the next round sees them
        await self._send(topics.down(store), payload.body)
        if not at.ends:
            at.sent_ms = self._clock.mono_ms()
        at.ends.append(payload.last)
        at.sent = payload.last
        return True

    async def _payload(self, feed: str, number: int, last: int) -> _Payload:
        """The next message of `feed` after `number`, when the feed's last number is `last`."""
        key = (feed, number, last)
        kept = self._payloads.get(key)
        if kept is not None:
            self._payloads.move_to_end(key)
            return kept
        async with self._database.reading() as session:
            words = await after(session, feed, number, WORDS_AT_ONCE)
        made = _packed(feed, number, words)
        self._payloads[key] = made
        if len(self._payloads) > PAYLOADS_KEPT:
            self._payloads.popitem(last=False)
        return made

    async def _raise(self, feed: str, number: int) -> bool:
        """A store has more of a feed than there is: the centre came back from a backup.

        Everything in the feed is numbered anew, far above what the store has, so that every store takes it
        again. A store that lies can so make all the others do that, hence the two limits.
        """
        now_ms = self._clock.mono_ms()
        if now_ms - self._raised_ms.get(feed, -RAISE_EVERY_MS) < RAISE_EVERY_MS:
            return False
        self._raised_ms[feed] = now_ms
        async with self._database.transaction() as session:
            raised = await raise_above(session, feed, number, most=RAISE_MAX, beyond=RAISE_BEYOND)
        self._payloads.clear()
        say = log.warning if raised else log.error
        say("a store has number %d of feed %s, which has never given it (raised: %s)", number, feed, raised)
        return raised

    async def _try_send(self, store: str, payload: bytes) -> None:
        try:
            await self._send(topics.down(store), payload)
        except LinkDown as error:
            log.debug("cannot greet %s: %s", store, error)


def _packed(feed: str, number: int, words: list[Numbered]) -> _Payload:
    """As many words as go into one message; it ends with the last of them, which the store will confirm."""
    some: list[Any] = []  # (number, Raw): the words stay the JSON that they are
    size, last = 0, number
    for word in words:
        if size + len(word.body) > WORDS_MAX_BYTES:
            break
        size += len(word.body)
        some.append((word.number, msgspec.Raw(word.body)))
        last = word.number
    return _Payload(last, encode(Words(feed, number, some)))
