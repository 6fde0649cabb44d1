"""What the centre's database says about money, in plain SQL, held against I1 to I11 and the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.corridor.money.truth import Truth, Violation, left

Rows = Callable[[str], Awaitable[list[tuple[Any, ...]]]]
HOLDING = ("open", "doubt", "frozen", "lost")
PURSE_ACCOUNTS = ("available", "held", "escrow")
HOUR_MS = 3_600_000
HARMLESS = ("gap", "unheard", "two_boxes")  # alarms that an honest store may cause


class LeaseRow(NamedTuple):
    id: str
    store: str
    epoch: str
    purse: str
    unit: str
    granted: int
    funded: int
    escrow: int
    lost: int
    state: str
    last_number: int
    head: str


_LEASES = (
    "SELECT id, store, epoch, purse, unit, granted, funded, escrow, lost, state, last_number, head FROM lease"
)
_ENTRIES = "SELECT lease, number, kind, amount, mac FROM lease_record ORDER BY lease, number"
_LOSSES = "SELECT lease, request, amount, first_by, second_by, doubt_ms, declared_ms FROM lease_loss"
_LOTS = 'SELECT purse, sum("left") FROM lot GROUP BY purse'


@dataclass(frozen=True)
class Caps:
    """What the settings of the walk allow."""

    per_card: dict[str, int]  # by unit
    per_store: dict[str, int]
    grace_hours: int


class Books:
    """One moment of the centre's database."""

    def __init__(self) -> None:
        self.accounts: dict[int, tuple[str, str, str, int]] = {}
        self.transfers: list[tuple[int, int, str, int, str, str]] = []
        self.leases: dict[str, LeaseRow] = {}
        self.entries: dict[str, list[tuple[int, str, int, str]]] = defaultdict(list)
        self.losses: list[tuple[Any, ...]] = []
        self.over: set[tuple[str, str]] = set()  # store and epoch
        self.alarms: list[tuple[str, str, str, str]] = []
        self.lots: dict[str, int] = {}

    @classmethod
    async def read(cls, rows: Rows) -> Books:
        books = cls()
        books.accounts = {
            row[0]: row[1:] for row in await rows("SELECT id, kind, owner, unit, balance FROM account")
        }
        books.transfers = await rows("SELECT debit, credit, unit, amount, kind, about FROM transfer")
        books.leases = {row[0]: LeaseRow(*row) for row in await rows(_LEASES)}
        for lease, *entry in await rows(_ENTRIES):
            books.entries[lease].append(tuple(entry))
        books.losses = await rows(_LOSSES)
        books.over = set(await rows("SELECT store, epoch FROM lease_epoch WHERE ended_ms IS NOT NULL"))
        books.alarms = await rows("SELECT store, lease, name, detail FROM lease_alarm")
        books.lots = {purse: int(left) for purse, left in await rows(_LOTS)}
        return books

    def purse_of(self, account: int) -> str | None:
        """Whose inside the account is; None for those outside of all purses."""
        kind, owner, _, _ = self.accounts[account]
        if kind not in PURSE_ACCOUNTS:
            return None
        if kind != "escrow":
            return owner
        lease = self.leases.get(owner)
        if lease is None:
            raise Violation("I1", f"there is an escrow of lease {owner}, which nobody granted")
        return lease.purse

    def flows(self) -> dict[str, dict[str, int]]:
        """What came into each purse from each kind of account outside, less what went there."""
        flows: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for debit, credit, _, amount, _, _ in self.transfers:
            source, target = self.purse_of(debit), self.purse_of(credit)
            if source == target:
                continue
            if source is not None:
                flows[source][self.accounts[credit][0] if target is None else "purse"] -= amount
            if target is not None:
                flows[target][self.accounts[debit][0] if source is None else "purse"] += amount
        return flows

    def inside(self) -> dict[str, int]:
        """A + H + ΣE of each purse."""
        inside: dict[str, int] = defaultdict(int)
        for number, (kind, _, _, balance) in self.accounts.items():
            if kind in PURSE_ACCOUNTS and (purse := self.purse_of(number)) is not None:
                inside[purse] += balance
        return inside


class Checker:
    """Holds one look at the books against the look before and against the truth."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._seen: set[str] = set()  # leases at the last look
        self._applied: dict[str, int] = {}  # records of each lease, then
        self._over: set[tuple[str, str]] = set()  # epochs that were over then

    def look(self, books: Books, truth: Truth) -> None:
        """Raises Violation."""
        _balances(books)
        flows = books.flows()
        _purses(books, flows)
        self._grants(books)
        for lease in books.leases.values():
            _prefix(books, lease, truth)
        self._losses(books)
        _against_truth(books, flows, truth)
        for store, lease, name, detail in books.alarms:
            if name not in HARMLESS and (store, lease) not in truth.forged:
                raise Violation("alarm", f"{name} of {lease} at {store}: {detail}")

    def _grants(self, books: Books) -> None:
        """I8 and I10, at the look at which a grant is first seen."""
        for lease in books.leases.values():
            if lease.state == "open" and (lease.store, lease.epoch) in books.over:
                raise Violation("I8", f"{lease.id} is open, and its epoch {lease.epoch} is over")
        fresh = [lease for lease in books.leases.values() if lease.id not in self._seen]
        self._seen.update(lease.id for lease in fresh)
        # What was reported as topped up or brought back since may have come after the grant.
        grown = {
            id_: sum(
                amount
                for number, kind, amount, _ in books.entries.get(id_, ())
                if number > self._applied.get(id_, 0) and kind in ("top", "refund")
            )
            for id_ in books.leases
        }
        self._applied = {id_: len(entries) for id_, entries in books.entries.items()}
        for lease in fresh:
            if not lease.granted or lease.last_number:
                continue  # of the store's own, or told by a store before a centre that forgot it
            if (lease.store, lease.epoch) in self._over:
                raise Violation(
                    "I8", f"{lease.id} was granted to epoch {lease.epoch} of {lease.store}, which is over"
                )
            holding = [
                each for each in books.leases.values() if each.unit == lease.unit and each.state in HOLDING
            ]
            at_store = sum(each.escrow - grown[each.id] for each in holding if each.store == lease.store)
            if at_store > self._caps.per_store[lease.unit]:
                raise Violation(
                    "I10", f"{lease.store} holds {at_store} {lease.unit} after the grant of {lease.id}"
                )
            of_purse = sum(each.escrow - grown[each.id] for each in holding if each.purse == lease.purse)
            if of_purse > self._caps.per_card[lease.unit]:
                raise Violation(
                    "I10", f"stores hold {of_purse} of {lease.purse} after the grant of {lease.id}"
                )
        self._over = books.over

    def _losses(self, books: Books) -> None:
        """I11: two people, and a lease that had been in doubt for long enough."""
        declared: dict[str, int] = defaultdict(int)
        for lease, request, amount, first, second, doubt_ms, declared_ms in books.losses:
            declared[lease] += amount
            if not first or not second or first == second:
                raise Violation("I11", f"loss {request} of {lease} was declared by {first!r} and {second!r}")
            if doubt_ms is None or declared_ms - doubt_ms < self._caps.grace_hours * HOUR_MS:
                raise Violation("I11", f"loss {request} of {lease} was declared before its grace was over")
        for lease in books.leases.values():
            if lease.lost > declared[lease.id]:
                raise Violation(
                    "I11", f"{lease.lost} of {lease.id} is lost, {declared[lease.id]} was declared"
                )
            if lease.state == "closed" and declared[lease.id]:
                released = books.entries[lease.id][-1][2]
                if declared[lease.id] - lease.lost != min(declared[lease.id], released):
                    raise Violation(
                        "I11", f"{released} of {lease} came back, {declared[lease.id]} was declared"
                    )


def _balances(books: Books) -> None:
    """I1 and I2: balances are the sums of their transfers, all of a unit make 0, no guarded one is below."""
    sums: dict[int, int] = defaultdict(int)
    for debit, credit, unit, amount, _, about in books.transfers:
        if amount <= 0 or debit == credit:
            raise Violation("I1", f"a transfer of {amount} about {about}")
        if books.accounts[debit][2] != unit or books.accounts[credit][2] != unit:
            raise Violation("I1", f"a transfer of {unit} about {about} between accounts of other units")
        sums[debit] -= amount
        sums[credit] += amount
    totals: dict[str, int] = defaultdict(int)
    for number, (kind, owner, unit, balance) in books.accounts.items():
        totals[unit] += balance
        if balance != sums[number]:
            raise Violation("I1", f"{kind} of {owner} has {balance}, its transfers make {sums[number]}")
        if balance < 0 and kind in PURSE_ACCOUNTS:
            raise Violation("I2", f"{kind} of {owner} is {balance}")
    for unit, total in totals.items():
        if total:
            raise Violation("I1", f"all balances in {unit} make {total}, not 0")


def _purses(books: Books, flows: dict[str, dict[str, int]]) -> None:
    """I1 for each purse, and that its lots say the same as its accounts."""
    inside = books.inside()
    for purse in inside.keys() | flows.keys() | books.lots.keys():
        if inside.get(purse, 0) != sum(flows[purse].values()):
            raise Violation(
                "I1", f"{purse} holds {inside.get(purse, 0)}, came in and out: {dict(flows[purse])}"
            )
        if books.lots.get(purse, 0) != inside.get(purse, 0):
            raise Violation(
                "I1", f"the lots of {purse} hold {books.lots.get(purse, 0)}, not {inside.get(purse, 0)}"
            )


def _prefix(books: Books, lease: LeaseRow, truth: Truth) -> None:
    """I4: what was applied is a prefix of what the store wrote; the escrow is what these records leave."""
    entries, log = books.entries.get(lease.id, []), truth.log.get(lease.id, [])
    if [entry[0] for entry in entries] != list(range(1, len(entries) + 1)) or lease.last_number != len(
        entries
    ):
        raise Violation(
            "I4", f"{lease.id} has records {[entry[0] for entry in entries]}, says {lease.last_number}"
        )
    escrow = lease.granted if lease.funded else 0
    for (number, kind, amount, mac), record in zip(entries, [*log, *[None] * len(entries)], strict=False):
        if record is None or (record.kind, record.amount, record.mac) != (kind, amount, mac):
            raise Violation(
                "I4", f"{lease.id}/{number} {kind} {amount} was applied; the store wrote {record}"
            )
        escrow += {"open": 0, "top": amount, "refund": amount, "spend": -amount, "close": -amount}[kind]
    if entries and lease.head != entries[-1][3]:
        raise Violation("I4", f"the head of {lease.id} is not its last record's mac")
    if escrow != lease.escrow:
        raise Violation("I1", f"{lease.id} says it holds {lease.escrow}, its records leave {escrow}")
    if lease.state == "closed" and lease.escrow:
        raise Violation("I7", f"{lease.id} is closed and holds {lease.escrow}")


def _against_truth(books: Books, flows: dict[str, dict[str, int]], truth: Truth) -> None:
    """I6: what was handed out, and what could still be, is no more than what was paid in or declared lost.

    And what came into the purses and went out of them is what the records say that were applied.
    """
    paid_in, goods, told = truth.paid_in(), truth.goods(), truth.told_goods()
    lost: dict[str, int] = defaultdict(int)
    could: dict[str, int] = defaultdict(int)  # be handed out yet, here or in a store
    came: dict[tuple[str, str], int] = defaultdict(int)
    for number, (kind, owner, _, balance) in books.accounts.items():
        if kind in ("available", "held"):
            could[owner] += balance
        elif kind == "escrow" and books.leases[owner].escrow != balance:
            says = books.leases[owner].escrow
            raise Violation("I1", f"{owner} says it holds {says}, its account {number} {balance}")
    for lease in books.leases.values():
        lost[lease.purse] += lease.lost
        if not truth.log.get(lease.id):
            could[lease.purse] += lease.escrow
        for _, kind, amount, _ in books.entries.get(lease.id, ()):
            came[lease.purse, kind] += amount
    for log in truth.log.values():
        if log:
            could[log[0].purse] += left(log)
    for purse in truth.purses():
        most = paid_in[purse] + lost[purse]
        if goods[purse] + could[purse] > most or told[purse] > most:
            raise Violation(
                "I6",
                f"of {purse}: {told[purse]} told, {goods[purse]} handed out, {could[purse]} could be yet,"
                f" {paid_in[purse]} paid in, {lost[purse]} lost",
            )
        flow = flows[purse]
        credited = flow["cash"] + flow["bonus"]
        captured = -flow["captured"]
        if credited != truth.loaded[purse] + came[purse, "top"]:
            raise Violation("I1", f"{purse} was credited {credited}, paid in and reported is other")
        if captured != truth.handed_out[purse] + came[purse, "spend"] - came[purse, "refund"]:
            raise Violation("I1", f"{captured} of {purse} was captured, handed out and reported is other")
        if flow["loss"] != lost[purse]:
            raise Violation("I1", f"{purse} has {flow['loss']} from losses, {lost[purse]} is lost")
