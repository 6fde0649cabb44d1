"""The store's side of the line: dials, greets, sends the oldest batch of the most urgent lane, hears marks.

Nothing is sent before the centre has answered `Here` with its marks, and a centre that stops answering is
greeted again, further and further apart, instead of being sent the same batches: a centre that never answers
costs a few bytes a minute. What is still unsent stays on disk meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from edge_agent.clocks import Calendar
from edge_agent.downlink import Downlink
from edge_agent.flight import Flight
from edge_agent.leasing import Leasing
from edge_agent.store.epochs import Greeting
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from sync.contract.clock import Clock
from sync.contract.errors import BadMessage
from sync.contract.ids import Lane
from sync.contract.message import Hello, Received, Words, encode
from sync.contract.topics import down, here, up
from sync.link.base import Connection, Dialler, LinkDown, full_jitter_s

log = logging.getLogger(__name__)

GREET_FIRST_S = 2.0  # between one unanswered `Here` and the next: a random time up to this, doubling
GREET_MOST_S = 60.0
GREET_AGAIN_S = 3600  # a box without NTP drifts by a third of a second in that time
STEADY_S = 10.0  # a connection that lasted this long starts the next back-off from the beginning
SYNCING_FROM = 100  # fewer unsent than this, and the badge says online

RaiseAlarm = Callable[[str, bool, str], Awaitable[None]]  # name, raised, detail


@dataclass(frozen=True, slots=True)
class Patience:
    """How many batches may be on their way at most, and how long each may take."""

    window: int = 32
    receipt_timeout_s: float = 10.0
    stuck_after_s: float = 120.0
    publish_timeout_s: float = (
        25.0  # 1.5 x keepalive and a little: the wire takes nothing more, so it is dead
    )
    # A centre that was started anew, or gave us up while nothing came, knows by this alone where we are.
    here_every_s: float = 60.0


class Uplink:
    """Keeps one connection to the centre, for ever."""

    def __init__(
        self,
        *,
        store: str,
        dialler: Dialler,
        outbox: Outbox,
        replica: Replica,
        calendar: Calendar,
        clock: Clock,
        chance: random.Random,
        alarm: RaiseAlarm,
        version: str = "",
        patience: Patience | None = None,
        leasing: Leasing | None = None,
    ) -> None:
        self._store, self._dialler = store, dialler
        self._outbox, self._calendar, self._clock, self._chance = outbox, calendar, clock, chance
        self._downlink = Downlink(outbox, replica, version, leasing)
        self._leasing = leasing
        self._patience = patience or Patience()
        self._alarm = alarm
        self._stuck: set[Lane] = set()
        self._talk: _Talk | None = None
        self.last_error = ""
        self.bad_messages = 0

    @property
    def greeted(self) -> bool:
        """Whether the centre is there: connected, and its hello has come."""
        return self._talk is not None and self._talk.flight is not None

    @property
    def state(self) -> str:
        """For the badge: online, syncing or offline."""
        if not self.greeted:
            return "offline"
        return "syncing" if sum(self._outbox.unsent().values()) >= SYNCING_FROM else "online"

    async def run(self) -> None:
        """Dials, talks, and dials again. Ends only with an error of the disk (StoreBroken, sqlite3.Error)."""
        waits = self._waits()
        while True:
            began = self._clock.mono_ms()
            try:
                await self._once()
            except LinkDown as error:
                self.last_error = str(error)
                log.info("no line to the centre: %s", error)
            if self._clock.mono_ms() - began >= STEADY_S * 1000:
                waits = self._waits()
            await asyncio.sleep(next(waits))

    def _waits(self) -> Iterator[float]:
        return full_jitter_s(self._chance)

    async def _once(self) -> None:
        connection = await self._dialler.dial([down(self._store)])
        talk = self._talk = _Talk(self, connection)
        tasks = [asyncio.ensure_future(talk.send()), asyncio.ensure_future(talk.receive())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what ended it
        finally:
            self._talk = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await connection.close()

    async def _say_stuck(self, lane: Lane, stuck: bool) -> None:
        """Raises the alarm of a lane once, and takes it back once."""
        if stuck == (lane in self._stuck):
            return
        (self._stuck.add if stuck else self._stuck.discard)(lane)
        await self._alarm("lane_stuck", stuck, lane.label)


class _Talk:
    """One connection, from dial to loss."""

    def __init__(self, uplink: Uplink, connection: Connection) -> None:
        self._up = uplink
        self._connection = connection
        self._wake = uplink._outbox.grown  # also set when something was received
        self.flight: Flight | None = None  # None: the centre has not said hello, or no longer answers
        self._greet_at_ms = self._now()
        self._greet_waits = full_jitter_s(uplink._chance, GREET_FIRST_S, GREET_MOST_S)
        self._asked_ms = 0  # when the last `Here` was sent
        self._unanswered = 0  # how many of them; two questions and one answer do not tell the time
        self._say_here = False  # tell the centre which words we have …
        self._here_due_ms = self._now()  # … or do so anyway by then
        self._progress_ms = dict.fromkeys(Lane, self._now())

    def _now(self) -> int:
        return self._up._clock.mono_ms()

    # ── up ──────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self) -> None:
        """Until the connection is lost (LinkDown)."""
        while True:
            self._wake.clear()
            await self._look_for_stuck()
            if self._say_here or (self.flight is not None and self._now() >= self._here_due_ms):
                self._said_here()
                await self._publish(here(self._up._store), encode(self._up._downlink.here(greet=False)))
            self._give_up_waiting()
            await self._greet()
            await self._send_asks()
            if self.flight is not None and await self._send_batch(self.flight):
                continue
            await self._sleep()

    async def _send_asks(self) -> None:
        """A card at a till goes before everything else."""
        leasing = self._up._leasing
        while self.flight is not None and leasing is not None and (ask := leasing.next_ask()) is not None:
            await self._publish(here(self._up._store), encode(ask))

    async def _send_batch(self, flight: Flight) -> bool:
        """Whether there was something to send."""
        lanes = flight.room()
        ready = await self._up._outbox.oldest(lanes) if lanes else None
        if ready is None:
            return False
        if flight is self.flight and flight.sent(ready.lane, lanes[ready.lane], ready.last, self._now()):
            await self._publish(up(self._up._store, ready.lane), ready.payload)
        return True

    async def _greet(self) -> None:
        if self._now() < self._greet_at_ms:
            return
        self._asked_ms = self._now()
        self._unanswered += 1
        self._said_here()
        # Full jitter may say 0; a hello needs the time of a round trip.
        self._greet_at_ms = self._now() + int(1000 * (GREET_FIRST_S + next(self._greet_waits)))
        await self._publish(here(self._up._store), encode(self._up._downlink.here(greet=True)))

    def _said_here(self) -> None:
        self._say_here = False
        self._here_due_ms = self._now() + int(self._up._patience.here_every_s * 1000)

    def _give_up_waiting(self) -> None:
        """A receipt has not come in time: the centre is greeted again, and its marks say where to go on."""
        oldest = self.flight.oldest_ms() if self.flight else None
        if oldest is not None and self._now() - oldest >= self._up._patience.receipt_timeout_s * 1000:
            self._forget_hello()

    def _forget_hello(self) -> None:
        self.flight = None
        self._greet_at_ms = self._now()

    async def _publish(self, topic: str, payload: bytes) -> None:
        try:
            async with asyncio.timeout(self._up._patience.publish_timeout_s):
                await self._connection.publish(topic, payload)
        except TimeoutError:
            raise LinkDown("the wire takes nothing more; it is dead or far too slow") from None

    async def _sleep(self) -> None:
        """Until something grew, came, or is due."""
        due = [self._greet_at_ms if self.flight is None else min(self._greet_at_ms, self._here_due_ms)]
        oldest = self.flight.oldest_ms() if self.flight else None
        if oldest is not None:
            due.append(oldest + int(self._up._patience.receipt_timeout_s * 1000))
        unsent = self._up._outbox.unsent()
        due += [self._stuck_ms(lane) for lane in Lane if unsent[lane] and lane not in self._up._stuck]
        wait_s = max(0.001, (min(due) - self._now()) / 1000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()

    # ── a lane that gets nowhere ──

    def _stuck_ms(self, lane: Lane) -> int:
        return self._progress_ms[lane] + int(self._up._patience.stuck_after_s * 1000)

    async def _look_for_stuck(self) -> None:
        """The line is up, yet the oldest row of a lane gets no receipt: a right at the broker, perhaps."""
        for lane, unsent in self._up._outbox.unsent().items():
            if not unsent:
                self._progress_ms[lane] = self._now()
                await self._up._say_stuck(lane, False)
            elif self._now() >= self._stuck_ms(lane):
                await self._up._say_stuck(lane, True)

    # ── down ────────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> None:
        """Until the connection is lost (LinkDown). What cannot be read is counted, never fatal."""
        while True:
            message = await self._connection.receive()
            try:
                heard = await self._up._downlink.take(message.payload)
            except BadMessage as error:
                self._up.bad_messages += 1
                log.warning("from the centre: %s", error)
                continue
            if isinstance(heard, Hello):
                await self._hello(heard)
            elif isinstance(heard, Received):
                await self._receipt(heard)
            elif isinstance(heard, Words):
                self._say_here = True
            self._wake.set()

    async def _hello(self, hello: Hello) -> None:
        outbox = self._up._outbox
        if hello.epoch != outbox.epoch:
            return  # an answer to what this disk was before
        if self._unanswered == 1:
            await self._up._calendar.heard_centre(hello.wall_ms, self._asked_ms)
        self._unanswered = 0
        if not hello.known:
            self.flight = None
            self._up.last_error = "the centre has blocked this store"
            return
        greeting = await outbox.greeted({lane: hello.marks.get(lane.label, 0) for lane in Lane})
        if greeting is Greeting.FENCED:
            await self._up._alarm("epoch_fenced", True, outbox.epoch)
            if self._up._leasing is not None:
                await self._up._leasing.new_epoch()
            self._forget_hello()
            return
        if self.flight is None or greeting is Greeting.REWOUND:
            self.flight = Flight(self._up._patience.window, {lane: outbox.confirmed(lane) for lane in Lane})
            self._progress_ms = dict.fromkeys(Lane, self._now()) | {
                lane: self._progress_ms[lane] for lane in self._up._stuck
            }
        self._greet_waits = full_jitter_s(self._up._chance, GREET_FIRST_S, GREET_MOST_S)
        self._greet_at_ms = self._now() + GREET_AGAIN_S * 1000
        self._up.last_error = ""

    async def _receipt(self, receipt: Received) -> None:
        outbox = self._up._outbox
        if receipt.epoch != outbox.epoch or self.flight is None:
            return  # of another life of this disk; or the hello that is asked for will say the same
        if receipt.mark > outbox.last(receipt.lane):
            self._forget_hello()  # more than we ever said: its hello will tell
            return
        if self.flight.received(receipt.lane, receipt.mark, self._now()):
            outbox.confirm(receipt.lane, receipt.mark)
            self._progress_ms[receipt.lane] = self._now()
            await self._up._say_stuck(receipt.lane, False)
