"""The journal for the finance department: every transfer once, as balanced entries by day and store.

A transfer takes from one account of the books and gives to another, which is what a bookkeeper writes as
"debit this, credit that"; here the accounts get the codes that finance knows: those of the settings, and
where nothing is set those of China's Accounting Standards for Business Enterprises with sub-accounts of ours.
Points stand in entries of their own unit: they are counted, not valued.

What is handed to finance is a *run*: all that was booked since the run before, however long ago it happened.
So each transfer is in one run exactly, also that of a store which was off line for a week; a run that is
downloaded again says the same again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import CentreError, Conflict, NotFound
from central_server.ledger.models.books import Transfer
from central_server.ledger.models.reports import JournalRun
from central_server.ledger.reports.history import Days, Position, Window, grouped, placed, position
from central_server.staff import service as staff
from central_server.web.text import N_
from config.finance import FinanceSettings
from sync.contract.leases import POINTS

Side = Literal["debit", "credit"]


class FinanceAccount(NamedTuple):
    """An account as finance knows it. `side` is where its balance normally stands."""

    code: str
    name: str  # msgid
    side: Side


# The kinds of `books.account`: what they are called for money, for points, and their side. What members may
# still spend is a contract liability wherever it lies. The codes are `config.finance.FinanceSettings`.
ACCOUNTS: Final[Mapping[str, tuple[str, str, Side]]] = {
    "available": (N_("Contract liabilities: cards, available"), N_("Points, available"), "credit"),
    "held": (N_("Contract liabilities: cards, held"), N_("Points, held"), "credit"),
    "escrow": (N_("Contract liabilities: cards, with stores"), N_("Points, with stores"), "credit"),
    "cash": (N_("Cash received for cards"), N_("Points bought"), "debit"),
    "bank": (N_("Money received for cards by other tenders"), N_("Points bought otherwise"), "debit"),
    "adjusted": (N_("Other expenses: corrections of cards"), N_("Points corrected"), "debit"),
    "refunded": (N_("Cash paid back for cards"), N_("Points paid back"), "credit"),
    "captured": (N_("Sales paid by card"), N_("Points redeemed"), "credit"),
    "bonus": (N_("Selling expenses: bonus money"), N_("Points earned"), "debit"),
    "forfeited": (N_("Other income: value not used"), N_("Points forfeited"), "credit"),
    "loss": (N_("Other expenses: losses of stores"), N_("Points lost by stores"), "debit"),
    "partner": (N_("Other payables: partners"), N_("Points of partners"), "credit"),
}
DEFAULTS: Final = FinanceSettings()


class Unbalanced(CentreError):
    """An entry's debits are not its credits, or a transfer is of an account that finance has no code for."""


class Moved(NamedTuple):
    """Transfers of one day and store between two kinds of accounts, added up."""

    day: int  # the store's own, as 20261122
    store: str  # or "centre"
    unit: str
    debit: str  # a kind of account
    credit: str
    amount: int  # minor units, or points
    transfers: int  # how many


@dataclass
class Line:
    """One account of an entry. Both sides may stand: money came to it and left it on that day."""

    account: FinanceAccount
    debit: int = 0
    credit: int = 0


@dataclass
class Entry:
    """One day of one store in one unit."""

    day: int
    store: str
    unit: str
    lines: list[Line]
    transfers: int

    @property
    def number(self) -> str:
        """``20261122-s1-CNY``: the same for ever, so importing a file again shows."""
        return f"{self.day}-{self.store}-{self.unit}"

    @property
    def total(self) -> int:
        """The sum of the debits, which is that of the credits."""
        return sum(line.debit for line in self.lines)


def account_of(kind: str, unit: str, codes: FinanceSettings = DEFAULTS) -> FinanceAccount:
    """The account for a kind. Raises Unbalanced when there is none: nothing may be left out."""
    known = ACCOUNTS.get(kind)
    if known is None:
        raise Unbalanced(N_("finance has no account for {kind}"), kind=kind)
    money, points, side = known
    code: str = getattr(codes, kind)
    return FinanceAccount(f"P{code}", points, side) if unit == POINTS else FinanceAccount(code, money, side)


def entries(moved: Iterable[Moved], codes: FinanceSettings = DEFAULTS) -> list[Entry]:
    """The journal, by day, store and unit. Raises Unbalanced."""
    made: dict[tuple[int, str, str], tuple[Entry, dict[str, Line]]] = {}
    for each in moved:
        key = (each.day, each.store, each.unit)
        if key not in made:
            made[key] = (Entry(*key, lines=[], transfers=0), {})
        entry, lines = made[key]
        entry.transfers += each.transfers
        for kind, side in ((each.debit, "debit"), (each.credit, "credit")):
            account = account_of(kind, each.unit, codes)
            line = lines.setdefault(account.code, Line(account))
            setattr(line, side, getattr(line, side) + each.amount)
    journal = []
    for key in sorted(made):
        entry, lines = made[key]
        entry.lines = [lines[code] for code in sorted(lines)]
        _check(entry)
        journal.append(entry)
    return journal


def trial(journal: Iterable[Entry]) -> Iterator[tuple[str, Line]]:
    """(unit, the sum of an account over all of the journal), by unit and code."""
    sums: dict[tuple[str, str], Line] = {}
    for entry in journal:
        for line in entry.lines:
            total = sums.setdefault((entry.unit, line.account.code), Line(line.account))
            total.debit += line.debit
            total.credit += line.credit
    for (unit, _), total in sorted(sums.items(), key=lambda item: item[0]):
        yield unit, total


async def moved(session: AsyncSession, window: Window, days: Days) -> list[Moved]:
    """The transfers of that window, added up by day and store; days that `days` leaves out are left out."""
    at = placed()
    keys = (at.store, days.slot(), Transfer.unit, at.debit.kind, at.credit.kind)
    rows = await grouped(
        session,
        sa.select(*keys, sa.func.sum(Transfer.amount), sa.func.count())
        .select_from(at.source)
        .where(window.holds())
        .group_by(*keys),
    )
    sums: dict[tuple[int, str, str, str, str], tuple[int, int]] = {}
    for store, slot, unit, debit, credit, amount, count in rows:
        day = days.of(store, slot)
        if day is None:
            continue
        key = (day, store, unit, debit, credit)
        before, many = sums.get(key, (0, 0))
        sums[key] = before + int(amount), many + count
    return [Moved(*key, *sums[key]) for key in sorted(sums)]


async def make_run(session: AsyncSession, *, by: staff.Who, now_ms: int) -> JournalRun:
    """Close what was booked since the last run as a run of its own.

    Raises Conflict when nothing was, or somebody closes one in the same moment.
    """
    last = await session.scalar(sa.select(JournalRun).order_by(JournalRun.number.desc()).limit(1))
    begun = Position.read(last.position) if last else Position()
    upto = await position(session)
    transfers = sum(upto.values()) - sum(begun.values())
    if not transfers:
        raise Conflict(N_("nothing was booked since the last run"))
    number = last.number + 1 if last else 1
    row = (number, str(upto), transfers, now_ms, by.name)
    if not await bulk_insert(session, JournalRun, [row], skip_known=True):
        raise Conflict(N_("somebody closed a run in this moment; look again"))
    said = {"transfers": transfers, "position": str(upto)}
    await staff.record_change(
        session, by, N_("closed for finance"), N_("journal run"), number, None, said, now_ms
    )
    return await session.get_one(JournalRun, number)


async def runs(session: AsyncSession, *, limit: int, before: int | None = None) -> list[JournalRun]:
    """The newest first."""
    query = sa.select(JournalRun).order_by(JournalRun.number.desc()).limit(limit)
    return list(await session.scalars(query if before is None else query.where(JournalRun.number < before)))


async def window_of_run(session: AsyncSession, number: int) -> Window:
    """Which transfers are in a run. Raises NotFound."""
    rows = {
        row.number: row
        for row in await session.scalars(
            sa.select(JournalRun).where(JournalRun.number.in_([number - 1, number]))
        )
    }
    if number not in rows:
        raise NotFound(N_("there is no such run"))
    before = Position.read(rows[number - 1].position) if number - 1 in rows else None
    return Window(upto=Position.read(rows[number].position), after=before)


def _check(entry: Entry) -> None:
    debit, credit = entry.total, sum(line.credit for line in entry.lines)
    if debit != credit:
        raise Unbalanced(
            N_("the entry {entry} does not balance: {debit} is not {credit}"),
            entry=entry.number,
            debit=debit,
            credit=credit,
        )
