"""What the tills of this store did with money, by their own numbers; within one transaction.

An entry is one transaction of a till, its parts are the records of leases that it made. What a till was
told stands with it, so that the same question has the same answer. Nothing in here says whose card it was:
`digest` is keyed with this store's own key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from edge_agent.store.leases import DOUBTED
from edge_agent.store.lines import Sql
from sync.contract.questions import MoneyAnswer
from sync.contract.terminal import Day

HOUR_MS = 3_600_000
SALE_MS = 30 * 60 * 1000  # the payments of one receipt lie no further apart; a number may come again later
PAID_BY_MAX = 20  # of a card's payments that a return without a sale looks at
PRUNE_STEP = 500  # entries in one transaction
_INSERT = (
    "INSERT INTO journal (till, txn, kind, asked, answer, receipt, cashier, tender, currency, amount, points,"
    " digest, boot, mono_ms, wall_ms, hour, outage, undone, held)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT hours FROM money), ?, ?, ?)"
)
_SELECT = (
    "SELECT entry, till, txn, kind, asked, answer, receipt, cashier, currency, amount, boot, mono_ms, wall_ms"
    ", undone, held FROM journal WHERE "
)
_PARTS = (
    "SELECT entry, part, lease, number, kind, purse, programme, unit, amount, worth, returned, returned_worth"
    " FROM part WHERE entry = ? ORDER BY part"
)
_SIGNED = "CASE kind WHEN 'spend' THEN -amount ELSE amount END"
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[MoneyAnswer | Day] = msgspec.json.Decoder(MoneyAnswer | Day)


class PaymentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A payment by card, as a page shows it."""

    till: str
    txn: str
    receipt: str
    cashier: str
    currency: str
    amount_minor: int
    refunded_minor: int
    wall_ms: int


class NewEntry(NamedTuple):
    """A transaction of a till that has just been done."""

    till: str
    txn: str
    kind: str  # pay, refund, top, undo, close
    asked: bytes  # a digest of the question
    answer: MoneyAnswer | Day
    receipt: str
    cashier: str
    currency: str
    amount: int
    points: int
    digest: bytes  # of who paid, for how often and how much one may
    boot: str
    mono_ms: int
    wall_ms: int
    outage: int  # 0: the line was up
    tender: str = ""
    undone: bool = False
    held: bool = False  # a payment that its till has not acknowledged yet


class Entry(NamedTuple):
    """A transaction of a till as it stands."""

    entry: int
    till: str
    txn: str
    kind: str
    asked: bytes
    answer: bytes
    receipt: str
    cashier: str
    currency: str
    amount: int
    boot: str
    mono_ms: int
    wall_ms: int
    undone: int
    held: int

    def told(self) -> MoneyAnswer | Day:
        """What the till was told."""
        return _decoder.decode(self.answer)


class Part(NamedTuple):
    """One record of a lease, as a part of an entry."""

    entry: int
    part: int
    lease: str
    number: int
    kind: str  # spend, refund, top
    purse: str
    programme: str
    unit: str
    amount: int
    worth: int
    returned: int = 0
    returned_worth: int = 0


class Journal:
    """The journal, for as long as one transaction lasts."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def find(self, till: str, txn: str) -> Entry | None:
        row = self._sql.execute(_SELECT + "till = ? AND txn = ?", (till, txn)).fetchone()
        return None if row is None else Entry(*row)

    def write(self, new: NewEntry) -> int:
        """The number of the entry. Raises sqlite3.IntegrityError when the till has used its number."""
        self._sql.execute(
            _INSERT,
            (
                new.till,
                new.txn,
                new.kind,
                new.asked,
                _encoder.encode(new.answer),
                new.receipt,
                new.cashier,
                new.tender,
                new.currency,
                new.amount,
                new.points,
                new.digest,
                new.boot,
                new.mono_ms,
                new.wall_ms,
                new.outage,
                int(new.undone),
                int(new.held),
            ),
        )
        return self.last()

    def last(self) -> int:
        """The number of the newest entry; 0 when there is none."""
        return int(self._sql.execute("SELECT coalesce(max(entry), 0) FROM journal").fetchone()[0])

    def add_parts(self, parts: Iterable[Part]) -> None:
        self._sql.executemany("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", parts)

    def parts(self, entry: int) -> list[Part]:
        return [Part(*row) for row in self._sql.execute(_PARTS, (entry,))]

    def in_doubt(self, entry: Entry) -> bool:
        """Whether the disk was put back in time since: what became of the payment cannot be known here."""
        row = self._sql.execute("SELECT value FROM meta WHERE name = ?", (DOUBTED,)).fetchone()
        return row is not None and entry.entry <= int(row[0])

    # ── giving back ─────────────────────────────────────────────────────────────────────────────────────

    def paid_for(self, receipt: str) -> list[Entry]:
        """The payments of a receipt, oldest first; those taken back are none."""
        rows = self._sql.execute(
            _SELECT + "receipt = ? AND kind = 'pay' AND undone = 0 ORDER BY entry", (receipt,)
        )
        return [Entry(*row) for row in rows] if receipt else []

    def sales(self, receipt: str) -> list[list[Entry]]:
        """The payments of a receipt number, those of one sale together; each sale is one till's.

        Many tills begin their numbers anew every day or shift: what lies far apart, or has the end of a shift
        or a restart of this box in between, is another sale.
        """
        sales: list[list[Entry]] = []
        newest: dict[str, list[Entry]] = {}  # by till
        for entry in self.paid_for(receipt):
            sale = newest.get(entry.till)
            if sale is None or not self._one_sale(sale[0], entry):
                sale = newest[entry.till] = []
                sales.append(sale)
            sale.append(entry)
        return sales

    def _one_sale(self, first: Entry, later: Entry) -> bool:
        # By the box's own clock: the wall clock may have been set, or stood still while the box was off.
        if first.boot != later.boot or later.mono_ms - first.mono_ms > SALE_MS:
            return False
        shift_ended = self._sql.execute(
            "SELECT 1 FROM sheet WHERE till = ? AND to_ms BETWEEN ? AND ?",
            (first.till, first.wall_ms, later.wall_ms),
        ).fetchone()
        return shift_ended is None

    def paid_by(self, digest: bytes, amount_minor: int) -> list[Entry]:
        """Whose newest payments, oldest first: as many as have `amount_minor` left to give back."""
        found: list[Entry] = []
        rows = self._sql.execute(
            _SELECT + "digest = ? AND kind = 'pay' AND undone = 0 AND held = 0 ORDER BY entry DESC LIMIT ?",
            (digest, PAID_BY_MAX),
        )
        for entry in (Entry(*row) for row in rows.fetchall()) if digest else ():
            left = sum(part.worth - part.returned_worth for part in self.parts(entry.entry))
            if left and not self.in_doubt(entry):
                found.append(entry)
                amount_minor -= left
            if amount_minor <= 0:
                break
        return found[::-1]

    def give_back(self, part: Part, amount: int, worth: int) -> None:
        """Notes that so much of the part went back. Raises sqlite3.IntegrityError beyond what was paid."""
        self._sql.execute(
            "UPDATE part SET returned = returned + ?, returned_worth = returned_worth + ?"
            " WHERE entry = ? AND part = ?",
            (amount, worth, part.entry, part.part),
        )

    def undo(self, entry: int, answer: MoneyAnswer) -> None:
        """The payment has no effect any more, and the till was told so."""
        self._sql.execute(
            "UPDATE journal SET undone = 1, held = 0, answer = ? WHERE entry = ?",
            (_encoder.encode(answer), entry),
        )

    # ── a terminal's master has its word, too ───────────────────────────────────────────────────────────

    def confirm(self, entry: int) -> None:
        """The till has acknowledged the payment: it is final."""
        self._sql.execute("UPDATE journal SET held = 0 WHERE entry = ?", (entry,))

    def held(self) -> list[Entry]:
        """Payments that no till has acknowledged, oldest first; without those that are in doubt."""
        where = "held = 1 AND entry > ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?), 0)"
        rows = self._sql.execute(f"{_SELECT} {where} ORDER BY entry LIMIT ?", (DOUBTED, PRUNE_STEP))
        return [Entry(*row) for row in rows]

    def newest(self, till: str, prefix: str, suffix: str = "", kind: str = "") -> Entry | None:
        """The till's newest entry whose number begins and ends so, of that kind if one is named."""
        row = self._sql.execute(
            _SELECT + "till = ? AND substr(txn, 1, length(?)) = ? AND (? = '' OR substr(txn, -length(?)) = ?)"
            " AND (? = '' OR kind = ?) ORDER BY entry DESC LIMIT 1",
            (till, prefix, prefix, suffix, suffix, suffix, kind, kind),
        ).fetchone()
        return None if row is None else Entry(*row)

    def paid_after(self, till: str, after: int, prefix: str, limit: int) -> list[Entry]:
        """The till's payments behind that entry whose numbers begin so, oldest first; the newest `limit`."""
        rows = self._sql.execute(
            _SELECT + "till = ? AND entry > ? AND substr(txn, 1, length(?)) = ? AND kind = 'pay'"
            " AND undone = 0 AND held = 0 ORDER BY entry DESC LIMIT ?",
            (till, after, prefix, prefix, limit),
        )
        return [Entry(*row) for row in rows][::-1]

    def closing(self, till: str) -> Entry | None:
        """The till's last closing of its sums."""
        row = self._sql.execute(
            _SELECT + "till = ? AND kind = 'close' ORDER BY entry DESC LIMIT 1", (till,)
        ).fetchone()
        return None if row is None else Entry(*row)

    def sums(self, till: str, after: int, currency: str) -> dict[str, tuple[int, int]]:
        """How many, and how much in that currency, by kind, of what the till did after that entry."""
        rows = self._sql.execute(
            "SELECT kind, count(*), coalesce(sum(amount), 0) FROM journal"
            " WHERE till = ? AND entry > ? AND undone = 0 AND held = 0 AND currency = ?"
            " AND kind IN ('pay', 'refund', 'top') GROUP BY kind",
            (till, after, currency),
        )
        return {kind: (int(count), int(amount)) for kind, count, amount in rows}

    def shown(self, receipt: str) -> tuple[PaymentShown, ...]:
        """The payments of a receipt, for a page."""
        return tuple(
            PaymentShown(
                till=each.till,
                txn=each.txn,
                receipt=each.receipt,
                cashier=each.cashier,
                currency=each.currency,
                amount_minor=each.amount,
                refunded_minor=sum(part.returned_worth for part in self.parts(each.entry)),
                wall_ms=each.wall_ms,
            )
            for each in self.paid_for(receipt)
        )

    # ── how much, how often ─────────────────────────────────────────────────────────────────────────────

    def outage(self) -> int:
        """The number of the outage that is, or would be the next."""
        return int(self._sql.execute("SELECT outage FROM money").fetchone()[0])

    def end_outage(self) -> None:
        """The line is up: what is done in the next outage counts anew."""
        self._sql.execute(
            "UPDATE money SET outage = outage + 1"
            " WHERE EXISTS (SELECT 1 FROM journal WHERE journal.outage = money.outage)"
        )

    def in_outage(self, outage: int, kind: str, digest: bytes | None = None) -> int:
        """Minor units paid or topped up in it, by one card or by all."""
        row = self._sql.execute(
            "SELECT coalesce(sum(amount), 0) FROM journal WHERE outage = ? AND outage > 0 AND kind = ?"
            " AND undone = 0 AND (? IS NULL OR digest = ?)",
            (outage, kind, digest, digest),
        ).fetchone()
        return int(row[0])

    def payments_within_hour(self, digest: bytes, boot: str, mono_ms: int, wall_ms: int) -> int:
        """How often a card has paid: in this boot by its own clock, before it by what the wall clock says."""
        row = self._sql.execute(
            "SELECT count(*) FROM journal WHERE digest = ? AND kind = 'pay' AND undone = 0"
            " AND CASE WHEN boot = ? THEN mono_ms > ? ELSE wall_ms > ? END",
            (digest, boot, mono_ms - HOUR_MS, wall_ms - HOUR_MS),
        ).fetchone()
        return int(row[0])

    def top_up_had(self, till: str, receipt: str) -> bool:
        """Whether a top-up at that till had the receipt."""
        row = self._sql.execute(
            "SELECT 1 FROM journal WHERE receipt = ? AND till = ? AND kind = 'top'", (receipt, till)
        ).fetchone()
        return row is not None

    def since(self, purse: str, entry: int) -> int:
        """By how much what was done after that entry changes the purse."""
        row = self._sql.execute(
            f"SELECT coalesce(sum({_SIGNED}), 0) FROM part WHERE purse = ? AND entry > ?",  # noqa: S608
            (purse, entry),
        ).fetchone()
        return int(row[0])

    # ── housekeeping ────────────────────────────────────────────────────────────────────────────────────

    def another_hour(self) -> None:
        """The agent has run for another hour."""
        self._sql.execute("UPDATE money SET hours = hours + 1")

    def prune(self, keep_hours: int) -> bool:
        """One step of removing entries that many running hours old; whether there was any.

        The newest stays: its number says which entries came before. So do a till's last closing and what is
        held.
        """
        rows = self._sql.execute(
            "SELECT entry FROM journal WHERE hour < (SELECT hours FROM money) - ?"
            " AND entry < (SELECT max(entry) FROM journal) AND held = 0"
            " AND NOT (kind = 'close' AND entry = (SELECT max(entry) FROM journal AS closing"
            " WHERE closing.till = journal.till AND closing.kind = 'close')) ORDER BY entry LIMIT ?",
            (keep_hours, PRUNE_STEP),
        ).fetchall()
        self._sql.executemany("DELETE FROM part WHERE entry = ?", rows)
        self._sql.executemany("DELETE FROM journal WHERE entry = ?", rows)
        return bool(rows)
