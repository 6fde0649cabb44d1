"""The leases on this disk, within one transaction: what this store may hand out, and what it did with it.

    take ──► open ── spend, refund, top ──► closed          the row stays: a lease installs once
               └──── this disk was put back ──► doubtful    never spent, never given back

Each step appends a record to the lease's chain (`sync/contract/leases.py`), which becomes an event in the
same transaction as the row. A lease is good in the epoch it is of, in the boot of the box it was installed
in, and until its time is up by that boot's monotonic clock, counted from before it was asked for. No wall
clock is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from edge_agent.errors import LeaseRefused
from edge_agent.store.lines import Sql
from sync.contract.events import NAME_MAX, LeaseRecord
from sync.contract.leases import DRIFT, RECORDS_MAX, Kind, grant_seal, record_mac, same
from sync.contract.money import MINOR_MAX
from sync.contract.told import LeaseTold

OPEN, CLOSED, DOUBTFUL = "open", "closed", "doubtful"
TTL_MAX_S = 7 * 86400
TOMBSTONE_HOURS = 400 * 24  # a word about a lease that old could only come from a backup older still
TOMBSTONES_STEP = 500  # removed in one transaction
DOUBTED = "doubted"  # in `meta`: the journal's entries up to this one are in doubt
_LEASE = re.compile(r"L[A-Z2-7]{16}")
_UNIT = re.compile(r"[A-Z]{3}")
_SELECT = (
    "SELECT lease, epoch, state, purse, unit, programme, granted, topped, refunded, spent, released, number,"
    " mac, boot, until_ms, used_ms FROM lease WHERE "
)
_INSERT = (
    "INSERT INTO lease (lease, epoch, state, purse, unit, programme, digest, granted, number, mac, boot,"
    " until_ms, used_ms, hour)"
    " VALUES (?, ?, 'open', ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, (SELECT hours FROM money))"
)
_USABLE = (
    _SELECT + "state = 'open' AND ((digest = ? AND digest <> x'')"  # noqa: S608
    " OR purse IN (SELECT value FROM json_each(?))) ORDER BY until_ms, lease"
)
_STEP = (
    "UPDATE lease SET spent = spent + ?, refunded = refunded + ?, topped = topped + ?,"
    " released = released + ?, number = ?, mac = ?, state = ?, used_ms = ?,"
    " hour = (SELECT hours FROM money) WHERE lease = ?"
)
_COUNTED: tuple[Kind, ...] = ("spend", "refund", "top", "close")  # the columns of `_STEP`, in their order


class Stand(NamedTuple):
    """Who and when we are: what a lease is held against."""

    store: str
    key: bytes  # of `sync.contract.leases.lease_key`
    epoch: str
    boot: str
    mono_ms: int


class Slip(NamedTuple):
    """What a till says of a transaction, for the record."""

    till: str = ""
    txn: str = ""
    receipt: str = ""
    cashier: str = ""


class Lease(NamedTuple):
    """A lease as it stands."""

    lease: str
    epoch: str
    state: str
    purse: str
    unit: str
    programme: str
    granted: int
    topped: int
    refunded: int
    spent: int
    released: int
    number: int  # of its last record
    mac: str  # … of that record
    boot: str
    until_ms: int
    used_ms: int

    @property
    def left(self) -> int:
        """What can still be handed out or given back."""
        return self.granted + self.topped + self.refunded - self.spent - self.released


class Taken(Enum):
    """What a word about a lease did."""

    INSTALLED = "installed"
    CLOSED = "closed"  # installed and given back at once: recalled, too late, or nobody knows the request
    RECALLED = "recalled"
    KNOWN = "known"  # nothing
    FOREIGN = "foreign"  # nothing: of another epoch
    FORGED = "forged"  # nothing: not sealed by the centre for this store


class Leases:
    """All of them, for as long as one transaction lasts. `records` are the events it is to leave behind."""

    def __init__(self, sql: Sql, stand: Stand) -> None:
        self._sql, self._stand = sql, stand
        self.records: list[LeaseRecord] = []

    # ── from the centre, and on our own ─────────────────────────────────────────────────────────────────

    def take(self, told: LeaseTold, *, asked_ms: int | None, digest: bytes = b"") -> Taken:
        """A lease was granted or is wanted back.

        `asked_ms` is this boot's monotonic time before the request was sent; None, when this run of the agent
        knows nothing of it: then there is no clock to hold the lease against, and it goes back at once.
        """
        stand = self._stand
        if not self._sealed(told):
            return Taken.FORGED
        if told.epoch != stand.epoch:
            return Taken.FOREIGN
        known = self.find(told.lease)
        if known is not None:
            if not (told.recalled and known.state == OPEN):
                return Taken.KNOWN
            self.close(known.lease)
            return Taken.RECALLED
        ttl_s = min(max(told.ttl_s, 0), TTL_MAX_S)
        until_ms = stand.mono_ms if asked_ms is None else asked_ms + int(ttl_s * 1000 * (1 - DRIFT))
        self._insert(told.lease, told.purse, told.unit, told.programme, told.granted, until_ms, digest)
        if told.recalled or until_ms <= stand.mono_ms:
            self.close(told.lease)
            return Taken.CLOSED
        return Taken.INSTALLED

    def open_own(
        self, lease: str, *, purse: str, unit: str, programme: str, ttl_s: int, digest: bytes = b""
    ) -> Lease:
        """A lease with nothing in it, for a top-up or a refund. `lease` is a new `lease_id`."""
        self._insert(lease, purse, unit, programme, 0, self._stand.mono_ms + ttl_s * 1000, digest)
        return self._known(lease)

    # ── at the till ─────────────────────────────────────────────────────────────────────────────────────

    def spend(self, lease: str, amount: int, slip: Slip) -> Lease:
        """Hands out `amount` of it. Raises LeaseRefused: it is not open, not usable now, or has less."""
        row = self._good(lease, amount)
        if amount > row.left:
            raise LeaseRefused(f"lease {lease} has {row.left} left, not {amount}")
        return self._append(row, "spend", amount, slip)

    def refund(self, lease: str, amount: int, slip: Slip, *, refers_to: str) -> Lease:
        """Takes back `amount` of the spend `refers_to`, a lease/number of that purse. Raises LeaseRefused."""
        return self._append(self._good(lease, amount), "refund", amount, slip, refers_to)

    def top(self, lease: str, amount: int, slip: Slip) -> Lease:
        """Adds `amount` that the customer paid in. Raises LeaseRefused."""
        return self._append(self._good(lease, amount), "top", amount, slip)

    def close(self, lease: str) -> Lease:
        """Gives back what is left; after that there is nothing to spend, ever. Raises LeaseRefused.

        Also a lease that can no longer be used is closed so: it is on this disk that it was not spent.
        """
        row = self._known(lease)
        if row.state != OPEN or row.epoch != self._stand.epoch:
            raise LeaseRefused(f"lease {lease} is {row.state} and of epoch {row.epoch}")
        return self._append(row, "close", row.left, Slip())

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────

    def find(self, lease: str) -> Lease | None:
        row = self._sql.execute(_SELECT + "lease = ?", (lease,)).fetchone()
        return None if row is None else Lease(*row)

    def usable(self, *, digest: bytes = b"", purses: Sequence[str] = ()) -> list[Lease]:
        """Leases that can be spent from now, of a card presented or of purses; the soonest to end first."""
        rows = self._sql.execute(
            _USABLE,
            (digest, json.dumps(list(purses))),
        )
        return [lease for row in rows if self.is_usable(lease := Lease(*row))]

    def is_usable(self, lease: Lease) -> bool:
        """Whether it may be spent from at this moment."""
        stand = self._stand
        return (
            lease.state == OPEN
            and lease.epoch == stand.epoch
            and lease.boot == stand.boot
            and stand.mono_ms < lease.until_ms
        )

    def overdue(self, *, idle_ms: int, keep: int, limit: int) -> list[Lease]:
        """What is to be given back: of another boot, past its time, or idle for so long with over `keep`."""
        rows = self._sql.execute(
            _SELECT + "state = 'open' AND epoch = ? AND (boot <> ? OR until_ms <= ?"
            " OR (used_ms <= ? AND granted + topped + refunded - spent - released > ?)) LIMIT ?",
            (
                self._stand.epoch,
                self._stand.boot,
                self._stand.mono_ms,
                self._stand.mono_ms - idle_ms,
                keep,
                limit,
            ),
        )
        return [Lease(*row) for row in rows]

    # ── the chain ───────────────────────────────────────────────────────────────────────────────────────

    def _insert(
        self, lease: str, purse: str, unit: str, programme: str, granted: int, until_ms: int, digest: bytes
    ) -> None:
        stand = self._stand
        seal = grant_seal(
            stand.key,
            lease=lease,
            store=stand.store,
            epoch=stand.epoch,
            purse=purse,
            unit=unit,
            granted=granted,
            recalled=False,
        )
        record = self._record(seal, lease, 1, "open", purse, unit, granted, Slip(), "", epoch=stand.epoch)
        self._sql.execute(
            _INSERT,
            (
                lease,
                stand.epoch,
                purse,
                unit,
                programme,
                digest,
                granted,
                record.mac,
                stand.boot,
                until_ms,
                stand.mono_ms,
            ),
        )
        self.records.append(record)

    def _append(self, row: Lease, kind: Kind, amount: int, slip: Slip, refers_to: str = "") -> Lease:
        number = row.number + 1
        record = self._record(row.mac, row.lease, number, kind, row.purse, row.unit, amount, slip, refers_to)
        self._sql.execute(
            _STEP,
            (
                *(amount if kind == each else 0 for each in _COUNTED),
                number,
                record.mac,
                CLOSED if kind == "close" else OPEN,
                self._stand.mono_ms,
                row.lease,
            ),
        )
        self.records.append(record)
        if kind != "close" and number >= RECORDS_MAX - 1:
            return self.close(row.lease)  # the last number there is
        return self._known(row.lease)

    def _record(
        self,
        before: str,
        lease: str,
        number: int,
        kind: Kind,
        purse: str,
        unit: str,
        amount: int,
        slip: Slip,
        refers_to: str,
        *,
        epoch: str = "",
    ) -> LeaseRecord:
        mac = record_mac(
            self._stand.key,
            before,
            lease=lease,
            number=number,
            kind=kind,
            purse=purse,
            unit=unit,
            amount=amount,
            refers_to=refers_to,
            **slip._asdict(),
        )
        return LeaseRecord(
            lease=lease,
            number=number,
            kind=kind,
            purse=purse,
            unit=unit,
            amount=amount,
            mac=mac,
            epoch=epoch,
            refers_to=refers_to,
            **slip._asdict(),
        )

    def _known(self, lease: str) -> Lease:
        row = self.find(lease)
        if row is None:
            raise LeaseRefused(f"there is no lease {lease}")
        return row

    def _good(self, lease: str, amount: int) -> Lease:
        row = self._known(lease)
        if not self.is_usable(row):
            raise LeaseRefused(f"lease {lease} is {row.state} and cannot be used now")
        if not 0 < amount <= MINOR_MAX:
            raise LeaseRefused(f"{amount} is no amount for a lease")
        return row

    def _sealed(self, told: LeaseTold) -> bool:
        """Whether the centre made that word for this store, and its values can stand in a record."""
        seal = grant_seal(
            self._stand.key,
            lease=told.lease,
            store=self._stand.store,
            epoch=told.epoch,
            purse=told.purse,
            unit=told.unit,
            granted=told.granted,
            recalled=told.recalled,
        )
        return (
            same(seal, told.seal)
            and _LEASE.fullmatch(told.lease) is not None
            and _UNIT.fullmatch(told.unit) is not None
            and 0 < len(told.purse) <= NAME_MAX
            and 0 < told.granted <= MINOR_MAX
        )


def forget_old(sql: Sql) -> None:
    """One step of removing leases that were closed `TOMBSTONE_HOURS` of running ago; doubtful ones stay."""
    sql.execute(
        "DELETE FROM lease WHERE lease IN (SELECT lease FROM lease WHERE state = 'closed'"
        " AND hour < (SELECT hours FROM money) - ? LIMIT ?)",
        (TOMBSTONE_HOURS, TOMBSTONES_STEP),
    )


def doubt_all(sql: Sql) -> int:
    """This disk was put back in time: nothing on it about money can be believed. How many leases were open.

    What was paid before may have been given back since, so it is not given back from here.
    """
    sql.execute("INSERT OR REPLACE INTO meta SELECT ?, coalesce(max(entry), 0) FROM journal", (DOUBTED,))
    count = int(sql.execute("SELECT count(*) FROM lease WHERE state = 'open'").fetchone()[0])
    if count:
        sql.execute("UPDATE lease SET state = 'doubtful' WHERE state = 'open'")
    return count
