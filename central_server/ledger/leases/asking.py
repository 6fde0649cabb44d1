"""Asks of stores become leases: taken as they come, granted together with others that wait, and answered.

    put ─► [waiting] ─► grant, in one transaction ─► the anchor says so ─► Answered, on the store's own topic

An ask is never stored: one that is lost, or dropped because too many wait, does no harm, for the store asks
again. It comes from a till where a cashier is scanning, so nothing here waits for more to come together.

What stores say of their epochs stands in the same queue, so that the first ask of a new disk finds it known.

While grants are stopped, as after the database was put back in time, every ask is answered so (`gate.py`).

When all that a card has is in leases of other stores, they were recalled just now, and are often back within
a moment: the ask is tried again shortly before it is answered with nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import CentreError
from central_server.keys import Keys
from central_server.ledger.leases.anchor import Anchor, Mark
from central_server.ledger.leases.epochs import echoed, new_epoch
from central_server.ledger.leases.gate import Gate
from central_server.ledger.leases.leases import grant
from central_server.ledger.leases.stopping import PutBack
from config.money import LeaseSettings
from sync.contract import topics
from sync.contract.clock import Clock
from sync.contract.message import Answered, Ask, Here, encode
from sync.link.base import LinkDown

WAITING_MAX = 20_000  # said and not yet looked at: all stores come back at once; past it an ask is dropped
AT_ONCE_MAX = 64  # in one transaction
STORES_REMEMBERED_MAX = 50_000  # whose epoch is known to be noted
TOO_OLD_MS = 10_000  # whoever asked has asked again by then

RECALL_WAIT_S = 0.3  # for a recall to be heard and its close to come back; a till waits a second
RECALL_TRIES = 2

LOOK_AGAIN_S = 1.0  # while the database does not say whether it was put back in time

log = logging.getLogger(__name__)

Send = Callable[[str, bytes], Awaitable[None]]


class _Said(NamedTuple):
    store: str
    said: Ask | Here
    came_ms: int
    tries: int = 0  # made in vain


class Asking:
    """Answers what stores ask. `put` from the inbox; `run` while the centre lives."""

    def __init__(
        self,
        database: Database,
        *,
        send: Send,
        keys: Keys,
        settings: Callable[[], LeaseSettings],
        anchor: Anchor,
        clock: Clock,
    ) -> None:
        self._database = database
        self._send = send
        self._keys = keys
        self._settings = settings
        self._gate = Gate(database, anchor, clock)
        self._clock = clock
        self._waiting: asyncio.Queue[_Said] = asyncio.Queue(WAITING_MAX)
        self._overrun = False  # an ask was dropped, and said so, since nothing waited
        self._epochs: OrderedDict[str, str] = OrderedDict()  # store → the epoch that we have noted

    def put(self, store: str, said: Ask | Here) -> None:
        """A store that is known has said this. Never waits."""
        if isinstance(said, Here) and self._epochs.get(store) == said.epoch:
            return
        self._put(_Said(store, said, self._clock.mono_ms()))

    async def run(self) -> None:
        """Answer, for ever; first see whether the database was put back in time."""
        await self._look()
        while True:
            some = [await self._waiting.get()]
            while len(some) < AT_ONCE_MAX and not self._waiting.empty():
                some.append(self._waiting.get_nowait())
            self._overrun = self._overrun and not self._waiting.empty()
            await self.answer(some, patient=True)

    async def answer_waiting(self) -> None:
        """Answer what waits now; for tests and simulations that have no task of their own for it."""
        while not self._waiting.empty():
            await self.answer([self._waiting.get_nowait()])

    async def answer(self, some: Sequence[_Said], *, patient: bool = False) -> None:
        """Grant, commit, answer. What cannot be granted together is granted one by one, or not at all.

        With `patient`, those whose money is elsewhere are tried again after `RECALL_WAIT_S`.
        """
        recent = self._clock.mono_ms() - TOO_OLD_MS
        left = [each for each in some if isinstance(each.said, Here) or each.came_ms >= recent]
        try:
            answers = await self._granted(left)
        except (DBAPIError, OSError, CentreError) as error:
            if len(left) > 1:
                for each in left:
                    await self.answer([each], patient=patient)
                return
            log.warning("what %s asks cannot be answered: %s", left[0].store if left else "", error)
            return
        for each, answer in answers:
            if patient and each.tries < RECALL_TRIES and _is_elsewhere(answer):
                again = each._replace(tries=each.tries + 1)
                asyncio.get_running_loop().call_later(RECALL_WAIT_S, self._put, again)
                continue
            try:
                await self._send(topics.down(each.store), encode(answer))
            except LinkDown as error:
                log.debug("cannot answer %s: %s", each.store, error)  # it will ask again

    async def _look(self) -> None:
        complained = False
        while True:
            try:
                return await self._gate.look()
            except (DBAPIError, OSError) as error:
                if not complained:
                    log.warning("nothing is granted yet, the database or the anchor is away: %s", error)
                complained = True
            await asyncio.sleep(LOOK_AGAIN_S)

    def _put(self, each: _Said) -> None:
        try:
            self._waiting.put_nowait(each)
        except asyncio.QueueFull:
            if not self._overrun:
                log.warning("%s asks, and %d others wait: it is not heard", each.store, WAITING_MAX)
            self._overrun = True

    async def _granted(self, some: Sequence[_Said]) -> list[tuple[_Said, Answered]]:
        if not some:
            return []
        ready = await self._gate.is_ready()

        async def work(session: AsyncSession) -> tuple[list[tuple[_Said, Answered]], Mark | None]:
            now_ms, settings = self._clock.wall_ms(), self._settings()
            stopped = not ready or await self._gate.is_stopped(session)
            answers: list[tuple[_Said, Answered]] = []
            # Rows are locked store by store, and everybody does it in this order.
            for each in sorted(some, key=lambda each: each.store):
                if isinstance(each.said, Here):
                    await new_epoch(session, each.store, each.said.epoch, now_ms)
                    await echoed(session, each.store, each.said.epoch, now_ms)
                    continue
                if stopped:
                    answers.append((each, Answered(each.said.request, refused="stopped")))
                    continue
                answer = await grant(
                    session,
                    store=each.store,
                    ask=each.said,
                    keys=self._keys,
                    settings=settings,
                    now_ms=now_ms,
                )
                answers.append((each, answer))
            granted = any(answer.leases for _, answer in answers)
            return answers, await self._gate.count(session) if granted else None

        try:
            answers, mark = await self._database.run(work)
        except PutBack:
            await self._gate.look()
            answers, mark = await self._database.run(work)
        if mark is not None and not await self._gate.hold(mark):
            answers = []  # they ask again
        for each in some:
            if isinstance(each.said, Here):
                self._remember(each.store, each.said.epoch)
        return answers

    def _remember(self, store: str, epoch: str) -> None:
        self._epochs.pop(store, None)
        self._epochs[store] = epoch
        if len(self._epochs) > STORES_REMEMBERED_MAX:
            self._epochs.popitem(last=False)


def _is_elsewhere(answer: Answered) -> bool:
    """Whether nothing could be granted although the card has something: then others hold it."""
    return answer.refused == "empty" and any(purse.balance > 0 for purse in answer.purses)
