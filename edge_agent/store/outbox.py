"""What the store has to say, on disk until the centre has receipted it.

Each lane has its own numbers 1, 2, 3 … without gaps, within one epoch. `accept` returns when the events are
on disk; everybody who waits at that moment shares one commit. Reading never removes; only `confirm`, on the
centre's receipt, moves a mark, and confirmed rows stay some days for a centre restored from a backup.

When there is no room left (`store/room.py` makes some first): a money event is refused with OutboxFull, and
counts and health become a `dropped/1` that stands for their numbers.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edge_agent.clocks import Calendar
from edge_agent.errors import OutboxFull, StoreBroken
from edge_agent.store import room
from edge_agent.store.batches import Ready, read_batch, rows_next
from edge_agent.store.database import Database, is_full
from edge_agent.store.epochs import Greeting, begin_epoch, clear_opened, keep_beyond, read_lanes
from edge_agent.store.lines import Sql
from edge_agent.store.numbering import INSERT, Born, LaneState, born, numbered, save_marks
from edge_agent.store.room import Disk
from sync.contract.clock import Clock
from sync.contract.events import Event
from sync.contract.ids import Lane

GROUP_MAX = 1_000  # rows in one commit: about 5 ms of work beside the fsync
BRIEF_ROWS = 64
_OLDEST = "SELECT boot, mono_ms FROM row WHERE lane = ? AND number > ? ORDER BY number LIMIT 1"
_HOUR_S = 3600.0

T = TypeVar("T")
Told = Callable[[Sql], tuple[Sequence[Event], T]]  # changes tables, and says which events that makes
Then = Callable[[T], Awaitable[None]]
# One call of `accept`, stored whole or not at all. A tuple: every event makes one, and reads it again.
Call = tuple[list[Born], "asyncio.Future[None]"]
_TILL = int(Lane.TILL)


@dataclass(slots=True)
class Limits:
    """What the outbox may take, in the store's settings."""

    group_max: int = GROUP_MAX
    keep_days: float = 7
    disk: Disk = field(default_factory=Disk)
    tend_s: float = 1.0  # between one step of housekeeping and the next


class Outbox:
    """The lanes of one store. `run` and `tend` must be running for `accept` to return."""

    def __init__(self, db: Database, clock: Clock, calendar: Calendar, limits: Limits) -> None:
        self._db, self._clock, self._calendar, self._limits = db, clock, calendar, limits
        self._lanes: dict[Lane, LaneState] = {}
        self._opened: dict[Lane, int] = {}  # see epochs.py; empty once the centre has been heard
        self._waiting: deque[Call] = deque()
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()  # a group's numbers must not meet a new epoch,
        self._reading = asyncio.Lock()  # nor must a batch
        self._together: set[asyncio.Task[Any]] = set()
        self._broken: StoreBroken | None = None
        self._distrusted, self._hour = False, 0
        self.grown = asyncio.Event()  # set when rows came; the uplink clears it
        self.full = False  # something was dropped or refused for want of room, and there is none yet

    @classmethod
    async def open(
        cls, db: Database, clock: Clock, calendar: Calendar, limits: Limits | None = None
    ) -> Outbox:
        """The outbox as it stands on disk. Raises sqlite3.Error."""
        outbox = cls(db, clock, calendar, limits or Limits())
        found = await db.write(read_lanes)
        outbox._opened = found.opened
        outbox._lanes = {lane: LaneState(found.last[lane], found.confirmed[lane]) for lane in Lane}
        outbox._hour = await db.read(room.last_hour)
        outbox._limits.disk.hold_ballast()
        return outbox

    @property
    def epoch(self) -> str:
        return self._db.epoch

    def last(self, lane: Lane) -> int:
        """The last number of the lane that is on disk; 0 before the first."""
        return self._lanes[lane].last

    def confirmed(self, lane: Lane) -> int:
        """How far the centre has receipted the lane."""
        return self._lanes[lane].confirmed

    def unsent(self) -> dict[Lane, int]:
        """How many events of each lane the centre has not receipted."""
        return {lane: state.last - state.confirmed for lane, state in self._lanes.items()}

    # ── in ──────────────────────────────────────────────────────────────────────────────────────────────

    async def accept(self, events: Sequence[Event]) -> None:
        """Returns when all of `events` are on disk, in one commit.

        Raises OutboxFull when one of them is of the till lane and there is no room, EventTooLarge when one is
        over the contract's limit (nothing is stored in either case), StoreBroken when the disk failed.
        """
        if not events:
            return
        if self._broken is not None:
            raise self._broken
        call = born(events, self._clock.mono_ms())
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, told))
        if len(self._waiting) == 1:
            self._wake.set()
        await told

    async def run(self) -> None:
        """Commits groups for ever. Ends only with an error: nothing can be accepted then, so the agent stops.

        Raises StoreBroken: after a failed fsync no later one can be trusted, so we do not go on.
        """
        group: list[Call] = []
        try:
            while True:
                await self._wake.wait()
                if self._broken is not None:
                    raise self._broken
                group = self._take_group()
                if not group:
                    self._wake.clear()
                    continue
                async with self._turn:
                    await self._store(group)
                self.grown.set()
        except sqlite3.Error as error:
            raise StoreBroken(f"the outbox cannot be written: {error}") from error
        finally:
            self._broken = self._broken or StoreBroken("the outbox is closed")
            for _, told in (*group, *self._waiting):
                if not told.done():
                    told.set_exception(self._broken)
                    told.exception()  # nobody may be waiting any more
            self._waiting.clear()
            for task in self._together:
                task.cancel()

    def _take_group(self) -> list[Call]:
        waiting, group_max = self._waiting, self._limits.group_max
        group: list[Call] = []
        size = 0
        while waiting and (not group or size + len(waiting[0][0]) <= group_max):
            group.append(waiting.popleft())
            size += len(group[-1][0])
        return group

    async def _store(self, group: list[Call]) -> None:
        """Commits the group and tells everybody in it how it went."""
        try:
            await self._commit(group)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
            await self._store_in_what_room_there_is(group)

    async def _store_in_what_room_there_is(self, group: list[Call]) -> None:
        self.full = True
        money = [call for call in group if any(lane == _TILL for lane, _, _ in call[0])]
        if await self._commit_making_room(group) or (money and await self._commit_making_room(money)):
            money = []
        for _, told in money:
            if not told.done():
                told.set_exception(OutboxFull("the store's disk is full; the event was not recorded"))
        for call, told in group:
            if not told.done():
                for lane, _, _ in call:
                    self._lanes[Lane(lane)].owed += 1
                told.set_result(None)

    async def _commit_making_room(self, group: list[Call]) -> bool:
        while await self._make_room():
            try:
                await self._commit(group)
            except sqlite3.Error as error:
                if not is_full(error):
                    raise
            else:
                return True
        return False

    async def _commit(self, group: list[Call]) -> None:
        groups = (each for each, _ in group)
        rows, last = numbered(self._lanes, groups, self._calendar.boot, self._clock.mono_ms())
        marks = self._moved_marks()

        def work(sql: Sql) -> None:
            sql.executemany(INSERT, rows)
            if marks:
                save_marks(sql, marks)

        await self._db.write(work, brief=len(rows) <= BRIEF_ROWS)
        self._marks_saved(marks)
        self._numbers_saved(last)
        for _, told in group:
            if not told.done():  # its caller may have been cancelled; the event is on disk all the same
                told.set_result(None)

    def _numbers_saved(self, last: Mapping[int, int]) -> None:
        for lane, state in self._lanes.items():
            state.last, state.owed = last[lane], 0

    async def together(self, work: Told[T], then: Then[T]) -> T:
        """The tables that `work` changes and its events, in one transaction; on disk on return.

        `then` is done after it and before anybody reads the events: nobody hears of them sooner.
        Goes on when its caller is cancelled. `work` may be called again after room was made; what it raises
        undoes everything and is raised here. Raises OutboxFull (nothing is changed: money is never half
        recorded), EventTooLarge, StoreBroken.
        """
        task = asyncio.ensure_future(self._in_turn(work, then))
        self._together.add(task)
        task.add_done_callback(self._together.discard)
        await asyncio.wait([task])
        if task.cancelled():
            raise StoreBroken("the outbox is closed")
        return task.result()

    async def _in_turn(self, work: Told[T], then: Then[T]) -> T:
        def all_of_it(sql: Sql) -> tuple[T, dict[int, int]]:
            events, result = work(sql)
            now = self._clock.mono_ms()
            rows, last = numbered(self._lanes, [born(events, now)], self._calendar.boot, now)
            sql.executemany(INSERT, rows)
            return result, last

        async with self._turn, self._reading:
            while True:
                if self._broken is not None:
                    raise self._broken
                try:
                    result, last = await self._db.write(all_of_it, brief=True)
                except sqlite3.IntegrityError:  # of a table's CHECK: the disk is well
                    raise
                except sqlite3.Error as error:
                    if not is_full(error):
                        self._broken = StoreBroken(f"the outbox cannot be written: {error}")
                        self._wake.set()
                        raise self._broken from error
                    self.full = True
                    if not await self._make_room():
                        raise OutboxFull("the store's disk is full; nothing was changed") from None
                else:
                    break
            self._numbers_saved(last)
            await then(result)
        self.grown.set()
        return result

    async def _make_room(self) -> bool:
        sent = {lane: max(state.confirmed, state.handed) for lane, state in self._lanes.items()}
        return await room.make_room(self._db, self._limits.disk, self._confirmed(), sent)

    def _confirmed(self) -> dict[Lane, int]:
        return {lane: state.confirmed for lane, state in self._lanes.items()}

    # ── out ─────────────────────────────────────────────────────────────────────────────────────────────

    async def oldest(self, after: Mapping[Lane, int]) -> Ready | None:
        """The next batch of the most urgent lane of `after` that has rows beyond the number given there."""
        for lane in sorted(after):
            if self._lanes[lane].last > after[lane]:
                return await self._batch(lane, after[lane])
        return None

    async def _batch(self, lane: Lane, after: int) -> Ready | None:
        state = self._lanes[lane]
        async with self._reading:
            epoch, rows, stamp = self.epoch, state.rows, self._calendar.stamp
            ready = await self._db.read(lambda sql: read_batch(sql, epoch, lane, after, rows, stamp))
        if ready is None:
            return None
        state.rows, state.handed = rows_next(ready), max(state.handed, ready.last)
        return ready

    async def oldest_wall_ms(self) -> int | None:
        """When the oldest event that the centre has not receipted happened; None when there is none."""
        marks = {lane: state.confirmed for lane, state in self._lanes.items() if state.last > state.confirmed}
        if not marks:
            return None
        rows = await self._db.ask(
            lambda sql: [sql.execute(_OLDEST, (lane, mark)).fetchone() for lane, mark in marks.items()]
        )
        return min((self._calendar.stamp(*row).wall_ms for row in rows if row), default=None)

    def confirm(self, lane: Lane, mark: int) -> bool:
        """The centre has receipted up to `mark`: whether that moved ours. Never back, never beyond the last.

        On disk with the next commit, a second later at most: a mark forgotten by a power cut comes with the
        next hello.
        """
        state = self._lanes[lane]
        if not state.confirmed < mark <= state.last:
            return False
        state.confirmed, state.dirty = mark, True
        return True

    async def greeted(self, marks: Mapping[Lane, int]) -> Greeting:
        """The centre's hello said how far it has this epoch; to be called before anything is sent.

        Older marks than ours (a restored backup) are taken, and the rows are there again. A mark beyond what
        we can have said means that this disk was put back in time: a new epoch is begun.
        """
        async with self._turn:
            limit = {lane: self._opened.get(lane, state.last) for lane, state in self._lanes.items()}
            if self._distrusted or any(marks.get(lane, 0) > limit[lane] for lane in Lane):
                await self._fence(marks)
                return Greeting.FENCED
            if self._opened:
                await self._db.write(clear_opened)
                self._opened = {}
            greeting = Greeting.SAME
            for lane, state in self._lanes.items():
                mark = state.handed = marks.get(lane, 0)
                if mark < state.confirmed:
                    greeting = Greeting.REWOUND
                if mark != state.confirmed:
                    state.confirmed, state.dirty = mark, True
            return greeting

    def distrust(self) -> None:
        """This disk was put back in time, though its marks may not show it: a new epoch at the next hello.

        Not before: only the centre's marks say which of the rows here it has, and which are news to it.
        """
        self._distrusted = True

    async def new_epoch(self) -> None:
        """Begins a new epoch with what the centre has not receipted: for a disk moved to another box."""
        async with self._turn:
            await self._fence({})

    async def _fence(self, marks: Mapping[Lane, int]) -> None:
        keep_after = keep_beyond(self._opened, self._confirmed(), marks)
        async with self._reading:
            epoch = self._db.draw_epoch()
            self._db.epoch = await self._db.write(lambda sql: begin_epoch(sql, epoch, keep_after))
        self._opened, self._distrusted = {}, False
        for lane, state in self._lanes.items():
            self._lanes[lane] = LaneState(max(0, state.last - keep_after[lane]), 0, owed=state.owed)
        self.grown.set()

    # ── housekeeping ────────────────────────────────────────────────────────────────────────────────────

    async def tend(self) -> None:
        """Every second for ever: moved marks to disk, old confirmed rows away in steps, room found again.

        Raises StoreBroken like `run`.
        """
        next_hour = self._clock.mono_ms() + _HOUR_S * 1000
        while True:
            await asyncio.sleep(self._limits.tend_s)
            try:
                if self._clock.mono_ms() >= next_hour:
                    next_hour += _HOUR_S * 1000
                    await self._note_hour()
                await self.tidy()
            except sqlite3.Error as error:
                if not is_full(error):
                    raise StoreBroken(f"the outbox cannot be tended: {error}") from error

    async def tidy(self) -> None:
        """One step of the housekeeping. Raises sqlite3.Error."""
        if marks := self._moved_marks():
            await self._db.write(lambda sql: save_marks(sql, marks))
            self._marks_saved(marks)
        before = self._hour - int(self._limits.keep_days * 24)
        if before >= 0:
            confirmed = self._confirmed()
            await self._db.write(lambda sql: room.prune_hours(sql, before, confirmed))
        if self.full and await room.has_room(self._db, self._limits.disk):
            self.full = False

    async def _note_hour(self) -> None:
        self._hour += 1
        rows = [(self._hour, int(lane), state.confirmed) for lane, state in self._lanes.items()]
        await self._db.write(
            lambda sql: sql.executemany("INSERT OR REPLACE INTO hour VALUES (?, ?, ?)", rows)
        )

    def _moved_marks(self) -> list[tuple[int, int]]:
        return [(state.confirmed, int(lane)) for lane, state in self._lanes.items() if state.dirty]

    def _marks_saved(self, marks: list[tuple[int, int]]) -> None:
        for confirmed, lane in marks:
            state = self._lanes[Lane(lane)]
            state.dirty = state.confirmed != confirmed
