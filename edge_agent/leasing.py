"""Leases come and go: asked for as soon as a card is presented, taken as told, given back when idle or late.

    a card is presented ──► Ask, its time noted ──► Answered (for the page), LeaseTold (into the vault)
    a payment finds too little ──► Ask for more, and waits a moment
    recalled, expired, idle, of another boot ──► closed: what is left goes back

What was asked is known in memory alone: a lease that answers a request of an earlier run of the agent is
given back at once, because no clock says when it was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_agent.errors import AnchorBroken, Fenced, OutboxFull, StoreBroken
from edge_agent.pins import Pins
from edge_agent.store.database import is_full
from edge_agent.store.journal import Journal
from edge_agent.store.leases import DOUBTFUL, Leases, Taken, forget_old
from edge_agent.store.lines import Sql, Work
from edge_agent.store.replica import token_digest
from edge_agent.store.vault import Vault
from sync.contract.clock import Clock
from sync.contract.message import Answered, Ask
from sync.contract.questions import PurseShown
from sync.contract.told import LeaseTold

REQUESTS_MAX = 1_000  # remembered; a lease for an older one goes back at once
CARDS_MAX = 500  # … of which it is known what head office answered
QUEUE_MAX = 64  # asks waiting for the line; beyond, the oldest is not asked
ASK_STALE_MS = 5_000  # an ask that waited so long for the line is no longer wanted
ASK_AGAIN_MS = 3_000  # a card presented twice within this is asked for once
ENDS_SOON_MS = 60_000  # a lease with less time left does not spare the asking
CLOSE_STEP = 50  # leases closed in one transaction
NEVER_MS = 10**15
HOUR_MS = 3_600_000

RaiseAlarm = Callable[[str, bool, str], Awaitable[None]]  # name, raised, detail


@dataclass(frozen=True, slots=True)
class Habits:
    """How leases are kept, in the store's settings."""

    ask_wait_s: float = 1.0  # a payment that finds too little waits this long for more
    idle_s: float = 300.0  # a lease nobody used for so long goes back, while the line is up …
    keep: int = 0  # … unless no more than this is left in it
    journal_days: int = 60
    tend_s: float = 1.0


class _Request(NamedTuple):
    card: str
    asked_ms: int


@dataclass(slots=True)
class _Card:
    """What head office answered of late about a card that was presented."""

    asked_ms: int = -NEVER_MS
    request: str = ""  # the last one
    answered: bool = False  # … has its answer
    refused: str = ""
    awaited: set[str] = field(default_factory=set)  # leases that were answered and are still to come
    leases: dict[str, int] = field(default_factory=dict)  # installed in this run: when they end
    name: str = ""
    purses: tuple[PurseShown, ...] = ()
    since: int = 0  # the journal's last entry when the purses were told
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Leasing:
    """The comings and goings of one store's leases."""

    def __init__(
        self,
        *,
        vault: Vault,
        pins: Pins,
        clock: Clock,
        store_key: bytes,
        random_bytes: Callable[[int], bytes],
        online: Callable[[], bool],
        wake: Callable[[], None],
        alarm: RaiseAlarm,
        habits: Habits | None = None,
        news: Callable[[str], None] = lambda card: None,
    ) -> None:
        """`online`: head office answers; `wake`: the uplink has asks to send; `news`: for a card's pages."""
        self._vault, self._pins, self._clock, self._key = vault, pins, clock, store_key
        self._random_bytes, self._online, self._wake = random_bytes, online, wake
        self._alarm, self._news = alarm, news
        self.habits = habits or Habits()
        self._requests: OrderedDict[str, _Request] = OrderedDict()
        self._cards: OrderedDict[str, _Card] = OrderedDict()
        self._queue: deque[str] = deque(maxlen=QUEUE_MAX)
        self._wants: dict[str, dict[str, int]] = {}
        self._was_online = False
        self._next_hour_ms = clock.mono_ms() + HOUR_MS

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────

    def presented(self, card: str, member: str = "") -> None:
        """A card (its token) was shown at a till: head office is asked, unless enough is known already."""
        if not card or not self._online():
            return
        now = self._clock.mono_ms()
        known = self._cards.get(card)
        if known is not None:
            lasts = any(until_ms - now > ENDS_SOON_MS for until_ms in known.leases.values())
            if now - known.asked_ms < ASK_AGAIN_MS or (lasts and self._pins.state(card) in ("set", "unset")):
                return
        self._ask(card, {})

    def _ask(self, card: str, wants: dict[str, int]) -> _Card:
        known = self._cards.pop(card, None) or _Card()
        self._cards[card] = known  # last in the dict: the one most recently presented
        while len(self._cards) > CARDS_MAX:
            self._cards.popitem(last=False)
        request = self._random_bytes(8).hex()
        known.asked_ms, known.request, known.answered = self._clock.mono_ms(), request, False
        known.refused, known.awaited = "", set()
        self._requests[request] = _Request(card, known.asked_ms)
        while len(self._requests) > REQUESTS_MAX:
            self._requests.popitem(last=False)
        if len(self._queue) == QUEUE_MAX:
            self._wants.pop(self._queue.popleft(), None)
        self._queue.append(request)
        self._wants[request] = wants
        self._wake()
        return known

    def next_ask(self) -> Ask | None:
        """What is to be sent now; each is given once."""
        while self._queue:
            request = self._queue.popleft()
            wants = self._wants.pop(request, {})
            asked = self._requests.get(request)
            if asked is None or self._clock.mono_ms() - asked.asked_ms > ASK_STALE_MS or self._vault.fenced:
                continue
            return Ask(request=request, epoch=self._vault.stand().epoch, card=asked.card, wants=wants)
        return None

    async def want(self, card: str, wants: dict[str, int], enough: Callable[[], Awaitable[bool]]) -> str:
        """Asks for at least so much, and waits a moment until it is `enough`.

        Why it is not: what head office refused, ``offline``, ``late``, or nothing.
        """
        if not card or not self._online():
            return "offline"
        try:
            async with asyncio.timeout(self.habits.ask_wait_s):
                return await self._wait(card, wants, enough)
        except TimeoutError:
            return "late"

    async def _wait(self, card: str, wants: dict[str, int], enough: Callable[[], Awaitable[bool]]) -> str:
        asked = False
        known = self._cards.get(card)
        while True:
            # One that was presented a moment ago is perhaps about to be answered.
            under_way = known is not None and not known.answered and self._is_fresh(known)
            if known is None or not (asked or under_way or known.awaited):
                known, asked = self._ask(card, wants), True
            known.news.clear()
            if await enough():
                return ""
            if asked and known.answered and not known.awaited:
                return known.refused
            await known.news.wait()

    def _is_fresh(self, known: _Card) -> bool:
        return self._clock.mono_ms() - known.asked_ms < ASK_AGAIN_MS

    # ── hearing ─────────────────────────────────────────────────────────────────────────────────────────

    async def answered(self, answer: Answered) -> None:
        """Head office has heard an ask; the leases themselves come in the store's feed."""
        asked = self._requests.get(answer.request)
        known = self._cards.get(asked.card) if asked else None
        if asked is None or known is None:
            return
        self._pins.told(asked.card, answer.pin_salt, answer.pin_check)
        known.name, known.purses = answer.name, answer.purses
        known.since = await self._vault.ask(lambda sql: Journal(sql).last())
        if known.request == answer.request:
            known.answered, known.refused = True, answer.refused
            known.awaited = set(answer.leases) - set(known.leases)
        known.news.set()
        self._news(asked.card)

    def told_of(self, card: str) -> tuple[str, tuple[PurseShown, ...], int] | None:
        """What head office answered of a card: masked name, purses, and the journal's last entry then."""
        known = self._cards.get(card)
        return (known.name, known.purses, known.since) if known and known.purses else None

    async def take(self, words: Sequence[LeaseTold], beside: Work[None]) -> None:
        """Words about leases, with whatever else came in the message, in one transaction.

        Raises OutboxFull with nothing taken, AnchorBroken with all of it on disk, StoreBroken.
        """
        if self._vault.fenced:  # all of them are of the epoch that is about to end
            await self._vault.write(beside)
            return

        def work(sql: Sql, leases: Leases) -> list[tuple[LeaseTold, Taken]]:
            beside(sql)
            return [(each, self._take(leases, each)) for each in words]

        for word, taken in await self._vault.change(work):
            await self._taken(word, taken)

    def _take(self, leases: Leases, word: LeaseTold) -> Taken:
        asked = self._requests.get(word.request)
        card = asked.card if asked else word.card
        return leases.take(
            word,
            asked_ms=asked.asked_ms if asked else None,
            digest=token_digest(self._key, card) if card else b"",
        )

    async def _taken(self, word: LeaseTold, taken: Taken) -> None:
        if taken is Taken.FORGED:
            await self._alarm("lease_forged", True, word.lease)
        asked = self._requests.get(word.request)
        known = self._cards.get(asked.card) if asked else None
        if asked is None or known is None:
            return
        if taken is Taken.INSTALLED:
            known.leases[word.lease] = asked.asked_ms + word.ttl_s * 1000
        elif taken is not Taken.KNOWN:
            known.leases.pop(word.lease, None)
        known.awaited.discard(word.lease)
        known.news.set()
        self._news(asked.card)

    async def new_epoch(self) -> None:
        """A new epoch has begun: what was asked in the old one is void, and its leases are in doubt."""
        self._requests.clear()
        self._queue.clear()
        self._wants.clear()
        for known in self._cards.values():
            known.leases.clear()
            known.awaited.clear()
        await self._vault.hold()
        await self.say_doubt()

    async def say_doubt(self) -> None:
        """Raises the alarm when leases on this disk are in doubt."""
        count = await self._vault.ask(
            lambda sql: int(
                sql.execute("SELECT count(*) FROM lease WHERE state = ?", (DOUBTFUL,)).fetchone()[0]
            )
        )
        if count:
            await self._alarm("leases_doubtful", True, str(count))

    # ── giving back ─────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Tends the leases, for ever. Raises StoreBroken, sqlite3.Error."""
        if self._vault.doubtful:
            await self.say_doubt()
        while True:
            await self.tend()
            await asyncio.sleep(self.habits.tend_s)

    async def tend(self) -> None:
        """One look: what is late, idle or of another boot goes back; hours, outages and old entries too."""
        await self._vault.hold()
        await self._alarm("anchor_broken", bool(self._vault.broken), self._vault.broken)
        # What cannot be done now is found again a second later.
        with contextlib.suppress(OutboxFull, AnchorBroken, Fenced):
            await self._close_overdue()
        try:
            await self._keep_house()
        except sqlite3.Error as error:
            if not is_full(error):
                raise StoreBroken(f"the journal cannot be tended: {error}") from error

    async def _close_overdue(self) -> None:
        idle_ms = int(self.habits.idle_s * 1000) if self._online() else NEVER_MS

        def overdue(leases: Leases) -> list[str]:
            found = leases.overdue(idle_ms=idle_ms, keep=self.habits.keep, limit=CLOSE_STEP)
            return [lease.lease for lease in found]

        def close(sql: Sql, leases: Leases) -> list[str]:
            found = overdue(leases)  # again: somebody may have paid meanwhile
            for lease in found:
                leases.close(lease)
            return found

        stand = self._vault.stand()
        if self._vault.fenced or not await self._vault.ask(lambda sql: overdue(Leases(sql, stand))):
            return
        closed = await self._vault.change(close)
        for known in self._cards.values():
            for lease in closed:
                known.leases.pop(lease, None)

    async def _keep_house(self) -> None:
        online = self._online()
        came, self._was_online = online and not self._was_online, online
        hour = self._clock.mono_ms() >= self._next_hour_ms
        if not (came or hour):
            return
        if hour:
            self._next_hour_ms += HOUR_MS

        def work(sql: Sql) -> None:
            journal = Journal(sql)
            if came:
                journal.end_outage()
            if hour:
                journal.another_hour()
                journal.prune(self.habits.journal_days * 24)
                forget_old(sql)

        await self._vault.write(work)
