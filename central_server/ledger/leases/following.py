"""How the centre follows a lease: which record may be applied next, and what it does to the lease. Pure.

    number   ≤ last       told before: harmless with the same mac, an alarm with another
             = last + 1   applied, if the mac follows from the one before and the lease can bear it
             > last + 1   waits: nothing is applied over a gap

A record with the right mac was written by the store and is the truth about what it handed out, so it is
applied also to a lease that is in doubt, lost or frozen. But of a lease with which something is wrong nothing
is released: its close waits until two people have looked at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from central_server.errors import Conflict
from central_server.ledger.leases.lease_alarms import Raised
from central_server.ledger.models.leases import CLOSED, DOUBT, FROZEN, OPEN, Lease
from central_server.web.text import N_
from sync.contract.events import LeaseRecord
from sync.contract.leases import record_mac, same

GAP = "gap"
WAITING_MAX = 1_000  # records of one lease


class Heard(NamedTuple):
    """A record as it arrived."""

    record: LeaseRecord
    at_ms: int  # when it happened, as far as that can be believed
    sure: int
    key: int  # of the fact


class Applied(NamedTuple):
    """A record that was applied to its lease, and how much of a close covers a declared loss."""

    lease: Lease
    heard: Heard
    covers_loss: int = 0


class Follower:
    """One lease of one store while its records of one transaction arrive.

    `seals` are what may stand before the first record. `normal` is the state it goes back to when nothing is
    wrong with it any more. `known` has the macs of records applied in earlier transactions, by number.
    """

    def __init__(
        self, lease: Lease, key: bytes, seals: Iterable[str], known: Mapping[int, str], normal: str
    ) -> None:
        self.lease = lease
        self.applied: list[Applied] = []
        self.alarms: list[Raised] = []
        self.waiting: dict[int, list[Heard]] = {}  # cannot be applied now
        self._key = key
        self._seals = tuple(seals)
        self._known = known
        self._normal = normal
        self._macs: dict[int, str] = {}  # of those applied now

    def hear(self, heard: Heard, now_ms: int) -> None:
        """Apply a record, or let it wait, or find what is wrong with it.

        Raises Conflict when `WAITING_MAX` wait already: then it is set aside for people to replay.
        """
        number, mac = heard.record.number, heard.record.mac
        if number <= self.lease.last_number:
            known = self._macs.get(number) or self._known.get(number)
            if known is None or not same(known, mac):
                self._wrong("twisted", heard.record, now_ms)
            return
        if self.lease.state == CLOSED:
            self._alarm("after_close", heard.record)
            return
        if number > self.lease.last_number + 1 and len(self.waiting) >= WAITING_MAX:
            raise Conflict(
                N_("too many records of the lease {lease} wait for one that is missing"),
                lease=heard.record.lease,
            )
        others = self.waiting.setdefault(number, [])
        if all(other.record != heard.record for other in others):
            others.append(heard)  # also one with the same mac: which of them it was made of shows later
        self._go_on(now_ms)

    def look_again(self, now_ms: int) -> None:
        """Something else has changed: perhaps what waits can go on."""
        self._go_on(now_ms)

    def end(self, now_ms: int) -> None:
        """Nothing more comes in this transaction: if a record is missing now, that is a gap."""
        next_number = self.lease.last_number + 1
        if self.waiting and next_number not in self.waiting:
            self._wrong(GAP, self.waiting[min(self.waiting)][0].record, now_ms)
        elif not self.waiting and self.lease.why == GAP:
            mend(self.lease, self._normal)

    def _go_on(self, now_ms: int) -> None:
        """Apply whatever can be applied now."""
        while self.lease.state != CLOSED:
            number = self.lease.last_number + 1
            here = self.waiting.get(number, [])
            right = next((each for each in here if self._follows(each.record)), None)
            for each in here:
                if each is not right:
                    self._wrong("mac", each.record, now_ms)
            if right is None:
                self.waiting.pop(number, None)
                break
            self.waiting[number] = [right]
            wrong = self._cannot(right.record)
            if wrong:
                self._wrong(wrong, right.record, now_ms)
                return
            if right.record.kind == "close" and self.lease.why not in ("", GAP):
                return
            del self.waiting[number]
            self._apply(right, now_ms)
        if self.lease.state == CLOSED:
            for here in self.waiting.values():
                for each in here:
                    self._alarm("after_close", each.record)
            self.waiting.clear()

    def _follows(self, record: LeaseRecord) -> bool:
        if record.number == 1 and record.epoch != self.lease.epoch:
            return False  # the epoch is in the seal, not in the mac itself
        befores = (self.lease.head,) if self.lease.last_number else self._seals
        return any(same(mac_of(record, self._key, before), record.mac) for before in befores)

    def _cannot(self, record: LeaseRecord) -> str:
        """Why a genuine record cannot be applied: a name of `lease_alarms`; empty when it can."""
        lease = self.lease
        first = record.number == 1
        if first != (record.kind == "open") or (first and record.amount != lease.granted):
            return "misplaced"
        if (record.purse, record.unit) != (lease.purse, lease.unit):
            return "misplaced"
        if not lease.funded:
            return lease.why if lease.why == "no_purse" else "unfunded"
        if record.kind == "spend" and record.amount > lease.escrow:
            return "overspent"
        if record.kind == "close" and record.amount != lease.escrow:
            return "close_amount"
        return ""

    def _apply(self, heard: Heard, now_ms: int) -> None:
        lease, record = self.lease, heard.record
        covers = 0
        if record.kind in ("refund", "top"):
            lease.escrow += record.amount
        elif record.kind == "spend":
            lease.escrow -= record.amount
        elif record.kind == "close":
            covers = min(lease.lost, record.amount)
            lease.lost -= covers
            lease.escrow = 0
            lease.state, lease.why, lease.closed_ms = CLOSED, "", now_ms
        lease.last_number, lease.head = record.number, record.mac
        self._macs[record.number] = record.mac
        self.applied.append(Applied(lease, heard, covers))

    def _wrong(self, why: str, record: LeaseRecord, now_ms: int) -> None:
        """Freeze the lease. A gap may be filled; whatever else is wrong stays until people have looked."""
        lease = self.lease
        if lease.why != why:
            self._alarm(why, record)
        if lease.state == CLOSED or (why == GAP and lease.why):
            return
        lease.why = why
        freeze(lease, now_ms)

    def _alarm(self, name: str, record: LeaseRecord) -> None:
        lease = self.lease
        said = f"{record.kind} {record.number}: {record.amount} {record.unit}, {record.mac[:8]}"
        detail = f"{said}; last {lease.last_number}, escrow {lease.escrow}"
        self.alarms.append(Raised(name, lease.id, detail))


def freeze(lease: Lease, now_ms: int) -> None:
    """Something is wrong: nothing of the lease is released. A lost one stays lost."""
    if lease.state in (OPEN, DOUBT):
        lease.state = FROZEN
    if lease.doubt_ms is None:
        lease.doubt_ms = now_ms


def mend(lease: Lease, normal: str) -> None:
    """Nothing is wrong any more: it is open, or in doubt if its epoch is over; a lost one stays lost."""
    lease.why = ""
    if lease.state == FROZEN:
        lease.state = normal
    if lease.state == OPEN:
        lease.doubt_ms = None


def mac_of(record: LeaseRecord, key: bytes, before: str) -> str:
    """The mac that a record has when `before` is that of the one before."""
    return record_mac(
        key,
        before,
        lease=record.lease,
        number=record.number,
        kind=record.kind,
        purse=record.purse,
        unit=record.unit,
        amount=record.amount,
        till=record.till,
        txn=record.txn,
        receipt=record.receipt,
        cashier=record.cashier,
        refers_to=record.refers_to,
    )
