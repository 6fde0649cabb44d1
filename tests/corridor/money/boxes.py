"""A store's box in the walk: the real agent's parts on a real disk, called one step at a time.

The power may go at any moment that matters, the disk may be lost or put back in time; what is then said is
said to nobody. What a till is told goes to the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edge_agent.clocks import Calendar
from edge_agent.errors import EdgeError, StoreBroken
from edge_agent.leasing import Habits, Leasing
from edge_agent.paying import Caps
from edge_agent.payments import Payments
from edge_agent.pins import Pins
from edge_agent.store.database import open_database
from edge_agent.store.outbox import Limits, Outbox
from edge_agent.store.owner import claim
from edge_agent.store.replica import Replica
from edge_agent.store.vault import Vault
from edge_agent.uplink import Uplink, _Talk
from sync.contract.events import Event
from sync.contract.leases import DRIFT
from sync.contract.message import Ask, Words, decode_down, decode_said, encode
from sync.contract.questions import MoneyAnswer, MoneyQuestion, Pay, Refund, TopUp, Undo
from sync.contract.told import LeaseTold
from sync.contract.topics import here
from sync.link.base import LinkDown, Message
from tests.corridor.centre_box import KEYS
from tests.corridor.disks import SimDisk, copy_database, put_back
from tests.corridor.money.clocks import WalkClock
from tests.corridor.money.eyes import Eyes, Now, ends_of_leases
from tests.corridor.money.power import FeelingAnchorDisk, FeelingLine, Power, PowerCut, one_line
from tests.corridor.money.truth import Deal, Truth, Violation
from tests.corridor.money.wires import Wires

if TYPE_CHECKING:
    from tests.corridor.money.walk import Walk

T = TypeVar("T")
TURNS_MAX = 100  # of a tenth of a second: no question may take so long
WAIT_S = 0.3  # that a payment waits for head office
CAPS = Caps(offline_card=60, offline_store=100, top=60, balance=300, pays_per_hour=1_000_000)


class Disks:
    """An empty disk with the newest tables, made once: making one takes as long as many steps."""

    def __init__(self, empty: bytes) -> None:
        self.empty = empty

    @classmethod
    async def made(cls, folder: Path) -> Disks:
        path = folder / "empty.db"
        db = await open_database(path, one_line(Power.steady(), []), random.Random(0).randbytes)
        await db.write(lambda sql: sql.execute("DELETE FROM meta WHERE name = 'epoch'"))
        await db.close()
        return cls(path.read_bytes())


class _OnWires:
    """The box's connection to the broker: what it says waits on the wires; it hears one message at a time."""

    def __init__(self, store: str, wires: Wires, clock: WalkClock, asked_ms: dict[str, int]) -> None:
        self._store, self._wires, self._clock = store, wires, clock
        self.coming: list[Message] = []
        self.asked_ms = asked_ms  # by request

    async def publish(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/here") and isinstance(said := decode_said(payload), Ask):
            self.asked_ms[said.request] = self._clock.honest_ms
        self._wires.put_up(self._store, Message(topic, payload))

    async def receive(self) -> Message:
        if not self.coming:
            raise LinkDown("the walk hands over one message at a time")
        return self.coming.pop()

    async def close(self) -> None:
        return None


class Box:
    """One store's."""

    def __init__(
        self,
        name: str,
        folder: Path,
        chance: random.Random,
        wires: Wires,
        truth: Truth,
        disks: Disks,
        *,
        wild: bool,
    ) -> None:
        self.name, self._chance, self._wires, self._truth, self._disks = name, chance, wires, truth, disks
        folder = folder / name
        folder.mkdir()
        self.path, self._anchor, self._copy = folder / "edge.db", folder / "edge.anchor", folder / "edge.copy"
        self.copied = False
        self.clock = WalkClock(chance, wild=wild)
        self.power = Power(chance)
        self.boot = chance.randbytes(4).hex()
        self.on = False
        self.life = 1  # of the disk
        self.crashes = 0
        self._eyes = Eyes(name, truth)
        self._seen = -1
        self._was_wild, self._was_put_back = wild, False
        self._asked_ms: dict[str, int] = {}  # by request
        self._ends_ms: dict[str, int] = {}  # by lease
        self._lines: list[FeelingLine] = []
        self._outbox_runs: asyncio.Task[None] | None = None
        self._talk: _Talk | None = None

    # ── life and death ──────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """The agent begins, if the box is off."""
        if self.on:
            return
        self.power.off, self.on, self._lines, self._talk, self._seen = False, True, [], None, -1
        self._asked_ms = {}
        if not self.path.exists():
            self.path.write_bytes(self._disks.empty)
        db = await open_database(self.path, one_line(self.power, self._lines), self._chance.randbytes)
        store_key = KEYS.store_key(self.name)
        await claim(db, self.name, store_key)
        calendar = await Calendar.open(db, self.clock, self.boot, lambda: False)
        self._outbox = await Outbox.open(db, self.clock, calendar, Limits(disk=SimDisk()))
        self._outbox_runs = asyncio.ensure_future(self._outbox.run())
        anchor = FeelingAnchorDisk(self._anchor, self.power, self._chance)
        self._vault = await Vault.open(
            db, self._outbox, anchor, self.clock, boot=self.boot, store=self.name, store_key=store_key
        )
        if self._was_put_back and not self._vault.fenced:
            self._truth.forgotten(self.name, self._outbox.epoch, await db.read(ends_of_leases))
        self._was_put_back = False
        replica = await Replica.open(db, self.name, store_key)
        pins = Pins(self.clock.mono_ms)
        self._leasing = Leasing(
            vault=self._vault,
            pins=pins,
            clock=self.clock,
            store_key=store_key,
            random_bytes=self._chance.randbytes,
            online=lambda: self.online,
            wake=lambda: None,
            alarm=_no_alarm,
            habits=Habits(ask_wait_s=WAIT_S),
        )
        replica.take_leases = self._leasing.take
        self._payments = Payments(
            vault=self._vault,
            leasing=self._leasing,
            pins=pins,
            replica=replica,
            outbox=self._outbox,
            clock=self.clock,
            now_ms=self.clock.wall_ms,
            boot=self.boot,
            store_key=store_key,
            random_bytes=self._chance.randbytes,
            online=lambda: self.online,
            caps=CAPS,
        )
        self._uplink = Uplink(
            store=self.name,
            dialler=None,  # type: ignore[arg-type]  # nobody dials here
            outbox=self._outbox,
            replica=replica,
            calendar=calendar,
            clock=self.clock,
            chance=self._chance,
            alarm=_no_alarm,
            leasing=self._leasing,
        )

    @property
    def epoch(self) -> str:
        return self._outbox.epoch

    async def survive(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """`work`, unless the power goes in it; then the box is off, and nobody was told anything."""
        try:
            done: T | None = await work()
        except PowerCut:
            done = None
        except StoreBroken:
            if not self.power.off:
                raise
            done = None
        if self.power.off:
            await self.crash()
            return None
        return done

    async def crash(self) -> None:
        """The agent is killed: nobody says goodbye, and what was not on disk is gone."""
        if not self.on:
            return
        self.crashes += 1
        await self.end()

    async def end(self) -> None:
        self.power.arm(0)
        self.power.off, self.on = True, False
        if self._outbox_runs is not None:
            self._outbox_runs.cancel()
            await asyncio.gather(self._outbox_runs, return_exceptions=True)
            self._outbox_runs = None
        for line in self._lines:
            await line.close()
        self._talk = None

    def reboot(self) -> None:
        """The box was off: another boot, and monotonic time from the beginning."""
        self.boot = self._chance.randbytes(4).hex()
        self.clock.reboot()

    # ── the disk ────────────────────────────────────────────────────────────────────────────────────────

    def copy(self) -> None:
        """Somebody copies the database; not the anchor."""
        if self.path.exists():
            copy_database(self.path, self._copy)
            self.copied = True

    def put_back(self, *, lose_anchor: bool) -> None:
        """The database is again what it was when it was copied. The box is off."""
        put_back(self._copy, self.path)
        self._was_put_back = True
        if lose_anchor:
            self._anchor.unlink(missing_ok=True)
        self._another_disk()

    def lose_disk(self, *, keep_anchor: bool) -> None:
        """The database is gone for good, and the box is given an empty one. The box is off."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._was_put_back = False
        if not keep_anchor:
            self._anchor.unlink(missing_ok=True)
        self._another_disk()

    def _another_disk(self) -> None:
        self.life += 1
        self._truth.disk_gone(self.name)
        self._eyes.forget()

    def look(self) -> bool:
        """Look at what stands on the disk; whether anything may have changed. Raises Violation."""
        if not self.on:
            if self._seen == -2 or not self.path.exists():
                return False
            self._seen = -2
            with contextlib.closing(sqlite3.connect(self.path)) as sql:
                self._eyes.look(sql, running=False, now=self._now())
            return True
        changes = self._lines[0].sql.total_changes
        if changes == self._seen:
            return False
        self._seen = changes
        self._eyes.look(self._lines[0].sql, running=True, now=self._now())
        return True

    def _now(self) -> Now | None:
        """An honest clock's; a wild one is not held to anything."""
        return (
            None if self.clock.wild or self._was_wild else Now(self.boot, self.clock.honest_ms, self._ends_ms)
        )

    # ── the line ────────────────────────────────────────────────────────────────────────────────────────

    @property
    def online(self) -> bool:
        """Whether the agent thinks that head office answers."""
        return self._uplink.greeted

    def hang_up(self) -> None:
        """The connection is another one from now on."""
        self._talk = None
        if self.on:
            self._uplink._talk = None

    async def say(self) -> None:
        """What the agent has to say goes on the wires: that it is there, what it wants, one batch."""
        if self._talk is None:
            self._connection = _OnWires(self.name, self._wires, self.clock, self._asked_ms)
            self._talk = self._uplink._talk = _Talk(self._uplink, self._connection)
            self._talk._unanswered = (
                1  # two questions and one answer do not tell the time: it is set by the walk
            )
        talk = self._talk
        if talk.flight is None and not self._wires.up[self.name] and not self._wires.down[self.name]:
            talk._greet_at_ms = -1
            await talk._greet()
        if talk._say_here:
            talk._said_here()
            await self._connection.publish(here(self.name), encode(self._uplink._downlink.here(greet=False)))
        await talk._send_asks()
        if talk.flight is not None:
            await talk._send_batch(talk.flight)

    async def hear(self, message: Message) -> None:
        """A message of the centre arrives."""
        if self._talk is None:
            await self.say()
        assert self._talk is not None
        self._note_times(message)
        self._connection.coming.append(message)
        with contextlib.suppress(LinkDown):
            await self._talk.receive()

    def _note_times(self, message: Message) -> None:
        """When leases must end that answer what we asked, by the time that their question went out."""
        told = decode_down(message.payload)
        for word in [word for _, word in told.words] if isinstance(told, Words) else ():
            if isinstance(word, LeaseTold) and word.request in self._connection.asked_ms:
                ttl_ms = int(word.ttl_s * 1000 * (1 - DRIFT))
                self._ends_ms[word.lease] = self._connection.asked_ms[word.request] + ttl_ms

    # ── tills ───────────────────────────────────────────────────────────────────────────────────────────

    async def present(self, card: str, member: str) -> None:
        """A card is at the reader: leases are asked for."""
        self._leasing.presented(card, member)
        if self._talk is not None:
            await self._talk._send_asks()

    async def tick(self) -> None:
        """A second has passed: leases are looked after."""
        await self._leasing.tend()

    async def ask(self, question: MoneyQuestion, walk: Walk, again: Deal | None = None) -> MoneyAnswer | None:
        """What the till is told; None when the power went before. It goes to the truth. Raises Violation."""
        return (await self.ask_together([question], walk, again))[0]

    async def ask_together(
        self, questions: Sequence[MoneyQuestion], walk: Walk, again: Deal | None = None
    ) -> list[MoneyAnswer | None]:
        """Several at once, while the line goes on talking if it is up."""
        truth = self._truth
        deals = [again or truth.asked(self.name, self.life, question) for question in questions]
        self.power.together = len(questions) > 1
        asking = [asyncio.ensure_future(self._answer(question)) for question in questions]
        try:
            for _ in range(TURNS_MAX):
                if all(each.done() for each in asking):
                    break
                if walk.line_up[self.name] and not self.power.off and not self.power.together:
                    await walk.talk(self, turns=2)
                await asyncio.wait(asking, timeout=0.1)
            else:
                for each in asyncio.all_tasks():
                    each.print_stack()
                raise Violation("answer", f"a till waits for ever: {questions}")
        finally:
            self.power.together = False
        answers: list[MoneyAnswer | None] = []
        for deal, each in zip(deals, asking, strict=True):
            answer = None if self.power.off else each.result()
            if each.exception() is not None and not isinstance(each.exception(), PowerCut | EdgeError):
                raise each.exception()  # type: ignore[misc]
            if answer is not None:
                truth.told(deal, answer)
            answers.append(answer)
        if self.power.off:
            await self.crash()
        return answers

    async def _answer(self, question: MoneyQuestion) -> MoneyAnswer | None:
        try:
            match question:
                case Pay():
                    return await self._payments.pay(question)
                case Refund():
                    return await self._payments.refund(question)
                case TopUp():
                    return await self._payments.top_up(question)
                case Undo():
                    return await self._payments.undo(question)
        except StoreBroken:
            if not self.power.off:
                raise
        return None

    async def record(self, events: Sequence[Event]) -> None:
        """Events that no till made: journals that somebody typed in."""
        await self._outbox.accept(events)


async def _no_alarm(name: str, raised: bool, detail: str) -> None:
    """The walk reads no alarms of stores."""
