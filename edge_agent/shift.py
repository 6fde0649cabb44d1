"""交班: where each till's shift began, its sheet as it grows, and the sheets of those that are closed.

Receipts and payments stand in the till lane of the outbox, so a shift is a walk over that lane from where
the one before ended; nothing is counted twice, and a restart begins at the same place. Numbers go on for
ever: the last sheet of a till is never removed. What the outbox no longer has (rows past `keep_days`, a disk
put back in time) makes a sheet `partial`, and it says so.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from copy import deepcopy
from typing import Literal, NamedTuple

import msgspec

from edge_agent.errors import EdgeError
from edge_agent.sheet import CASH, Sheet
from edge_agent.store.database import Database, is_full
from edge_agent.store.leases import DOUBTED
from edge_agent.store.lines import Sql
from edge_agent.store.outbox import Outbox
from sync.contract.clock import Stamp
from sync.contract.events import LeaseRecord, SaleCompleted, decode_event
from sync.contract.ids import Lane
from sync.contract.money import MINOR_MAX

STEP_ROWS = 500  # read and added up in one hop: about 2 ms here, 15 ms on a Pi
SHEETS_KEPT = 400  # of one till: a year of closings, and of counts once a day
TILLS_MAX = 200
CASHIER_MAX = 64

_NEXT = "SELECT number, boot, mono_ms, body FROM row WHERE lane = ? AND number > ? ORDER BY number LIMIT ?"
_TENDER = "SELECT tender FROM journal WHERE till = ? AND txn = ?"
_WANTED = (b'{"type":"sale.completed/', b'{"type":"lease.record/')
_encoder = msgspec.json.Encoder()

Why = Literal["gone", "disk_full", "counted"]


class ShiftRefused(EdgeError):
    """A shift was not closed; `reason` says why, in one word for the page to translate."""

    def __init__(self, reason: Why) -> None:
        super().__init__(f"the shift is not closed: {reason}")
        self.reason = reason


class Shift(msgspec.Struct, kw_only=True):
    """One shift of one till. Open as long as `to_ms` is 0."""

    till: str
    number: int
    sheet: Sheet
    to_ms: int = 0
    cashier: str = ""
    counted: int | None = None  # cash in the drawer less the float, in minor units of the store's currency

    @property
    def closed(self) -> bool:
        return bool(self.to_ms)


class _Mark(msgspec.Struct):
    """Where a till's open shift begins."""

    number: int = 1
    after: int = 0  # the lane's number before its first row
    from_ms: int = 0
    partial: bool = False


class Shifts:
    """The shifts of all tills of a store."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        stamp: Callable[[str, int], Stamp],
        now_ms: Callable[[], int],
        till_of: Callable[[str], str],
    ) -> None:
        """`stamp` says when a row was; `till_of` the till a device belongs to, empty when it is unknown."""
        self._db, self._outbox, self._stamp, self._now_ms, self._till_of = db, outbox, stamp, now_ms, till_of
        self._marks: dict[str, _Mark] = {}
        self._sheets: dict[str, Sheet] = {}
        self._put_back = False  # this disk was, once: what a till did before its first closing may be gone
        self._epoch = ""  # of the rows in `_sheets`
        self._walked = 0  # the last number added up
        self._gone = 0  # the last number that was no longer there to be added up
        self._turn = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        db: Database,
        outbox: Outbox,
        *,
        stamp: Callable[[str, int], Stamp],
        now_ms: Callable[[], int],
        till_of: Callable[[str], str],
    ) -> Shifts:
        """The shifts as the disk has them. Raises sqlite3.Error."""
        shifts = cls(db, outbox, stamp, now_ms, till_of)
        for till, number, epoch, after, to_ms in await db.read(_last_closed):
            same = epoch == outbox.epoch
            shifts._marks[till] = _Mark(number + 1, after if same else 0, to_ms, partial=not same)
        shifts._put_back = await db.read(_put_back)
        shifts._begin_again()
        return shifts

    async def current(self, till: str) -> Shift:
        """The till's open shift, as it stands."""
        async with self._turn:
            await self._walk()
            # A copy: whoever shows it may wait, and the sheet grows meanwhile.
            return Shift(till=till, number=self._mark(till).number, sheet=deepcopy(self._sheet(till)))

    async def closed(self, till: str, number: int) -> Shift | None:
        """A closed shift, as it was when it was closed; None when there is none of that number any more."""
        body = await self._db.ask(
            lambda sql: sql.execute(
                "SELECT body FROM sheet WHERE till = ? AND number = ?", (till, number)
            ).fetchone()
        )
        return msgspec.json.decode(body[0], type=Shift) if body else None

    async def close(self, till: str, number: int, *, cashier: str = "", counted: int | None = None) -> Shift:
        """Ends the till's shift `number`: on disk when this returns, and the next one has begun.

        Asked again, it gives the closed one: a double click closes one shift. Raises ShiftRefused.
        """
        if counted is not None and abs(counted) > MINOR_MAX:
            raise ShiftRefused("counted")
        async with self._turn:
            mark = self._mark(till)
            if number < mark.number and (before := await self.closed(till, number)):
                return before
            if number != mark.number or (till not in self._marks and len(self._marks) >= TILLS_MAX):
                raise ShiftRefused("gone")
            await self._walk()
            shift = Shift(
                till=till,
                number=number,
                sheet=self._sheet(till),
                to_ms=self._now_ms(),
                cashier=cashier.strip()[:CASHIER_MAX],
                counted=counted,
            )
            row = (till, number, self._epoch, self._walked, shift.to_ms, _encoder.encode(shift))
            try:
                await self._db.write(lambda sql: _keep(sql, row))
            except sqlite3.Error as error:
                if not is_full(error):
                    raise
                raise ShiftRefused("disk_full") from None
            self._marks[till] = _Mark(number + 1, self._walked, shift.to_ms)
            self._sheets.pop(till, None)
            return shift

    # ── adding up ───────────────────────────────────────────────────────────────────────────────────────

    def _begin_again(self) -> None:
        self._sheets.clear()
        self._epoch = self._outbox.epoch
        self._walked = self._gone = (
            0  # a till that never closed a shift has everything since the disk was new
        )

    async def _walk(self) -> None:
        """Adds up what has come since the last look."""
        if self._epoch != self._outbox.epoch:  # the rows have other numbers now
            for mark in self._marks.values():
                mark.after, mark.partial = 0, True
            self._put_back = True
            self._begin_again()
        while self._walked < self._outbox.last(Lane.TILL):
            after = self._walked
            rows = await self._db.read(lambda sql, after=after: _read(sql, after))  # type: ignore[misc]
            if not rows:
                return
            if after + 1 < rows[0].number:  # pruned: what began before it is not whole
                self._gone = rows[0].number - 1
                for till, sheet in self._sheets.items():
                    sheet.partial |= self._mark(till).after < self._gone
            for row in rows:
                self._add(row)
            self._walked = rows[-1].number

    def _add(self, row: _Row) -> None:
        event, wall_ms = row.event, self._stamp(row.boot, row.mono_ms).wall_ms
        if event is None:
            return
        # The paper may call the till otherwise than our settings do.
        till = (self._till_of(event.device) if isinstance(event, SaleCompleted) else "") or event.till
        if not till or row.number <= self._mark(till).after:
            return
        sheet = self._sheet(till)
        if len(self._sheets) < TILLS_MAX:  # beyond, a till's sheet stays empty
            self._sheets[till] = sheet
        sheet.from_ms = sheet.from_ms or wall_ms
        if isinstance(event, SaleCompleted):
            sheet.sale(event, wall_ms)
        else:
            sheet.record(event, wall_ms, row.tender)

    def _mark(self, till: str) -> _Mark:
        return self._marks.get(till) or _Mark(partial=self._put_back)

    def _sheet(self, till: str) -> Sheet:
        if till in self._sheets:
            return self._sheets[till]
        mark = self._mark(till)
        return Sheet(from_ms=mark.from_ms, partial=mark.partial or mark.after < self._gone)


class _Row(NamedTuple):
    number: int
    boot: str
    mono_ms: int
    event: SaleCompleted | LeaseRecord | None  # None: of no interest here
    tender: str  # of a top-up


def _read(sql: Sql, after: int) -> list[_Row]:
    """The next rows of the till lane; only receipts and records are decoded, here in the disk's thread."""
    rows: list[_Row] = []
    for number, boot, mono_ms, body in sql.execute(_NEXT, (int(Lane.TILL), after, STEP_ROWS)).fetchall():
        event = decode_event(body) if body.startswith(_WANTED) else None
        tender = CASH
        if isinstance(event, LeaseRecord) and event.kind == "top":
            # A record says nothing of tenders: they are the till's business, not head office's.
            found = sql.execute(_TENDER, (event.till, event.txn)).fetchone()
            tender = found[0] if found else CASH
        wanted = event if isinstance(event, SaleCompleted | LeaseRecord) else None
        rows.append(_Row(number, boot, mono_ms, wanted, tender))
    return rows


def _put_back(sql: Sql) -> bool:
    return sql.execute("SELECT 1 FROM meta WHERE name = ?", (DOUBTED,)).fetchone() is not None


def _last_closed(sql: Sql) -> list[tuple[str, int, str, int, int]]:
    return sql.execute(
        "SELECT till, max(number), epoch, after, to_ms FROM sheet GROUP BY till LIMIT ?", (TILLS_MAX,)
    ).fetchall()


def _keep(sql: Sql, row: tuple[str, int, str, int, int, bytes]) -> None:
    sql.execute("INSERT INTO sheet (till, number, epoch, after, to_ms, body) VALUES (?, ?, ?, ?, ?, ?)", row)
    sql.execute("DELETE FROM sheet WHERE till = ? AND number <= ?", (row[0], row[1] - SHEETS_KEPT))
