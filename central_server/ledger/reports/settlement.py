"""What stores owe each other: one took the cash, another gave the goods for it.

Every lot of a purse knows who was given its money: the store that took the cash, or head office, which
answers for bonus money and earned points. When the lot is used elsewhere, who took owes who gave. A return
takes that back, so amounts here may be negative; and a sum over everybody is always zero, because every
amount stands once as owed and once as due. What moves from one purse to another (a lost card replaced), or
expires, goes through head office: it is owed to head office then, and head office owes what it buys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from central_server.ledger.books import accounts
from central_server.ledger.books.accounts import CENTRE
from central_server.ledger.models.books import Account, Transfer
from central_server.ledger.models.lots import Lot, LotUse, Purse
from central_server.ledger.reports.history import Window, grouped, placed

_TOOK: Final = (
    accounts.CASH,
    accounts.BANK,
    accounts.LOSS,
    accounts.CAPTURED,
    accounts.REFUNDED,
)  # owned by a store


class Use(NamedTuple):
    """Value that was taken in at one place and used at another (the same one: nobody owes)."""

    unit: str
    took: str  # a store, or CENTRE
    gave: str  # a store, or CENTRE: forfeited value ends there
    amount: int  # minor units or points; negative: taken back


class Debt(NamedTuple):
    """One pair, netted: `debtor` pays `creditor` `amount` > 0."""

    unit: str
    debtor: str
    creditor: str
    amount: int


@dataclass
class Position:
    """What one store, or company, did for the others and they for it."""

    unit: str
    place: str
    due: int = 0  # gave goods for money that others took
    owed: int = 0  # took money for which others gave goods
    own: int = 0  # gave goods for its own money

    @property
    def net(self) -> int:
        """To be received; negative: to be paid."""
        return self.due - self.owed


def positions(uses: Iterable[Use]) -> list[Position]:
    """One for each unit and place that appears, in order. Their nets sum to zero per unit."""
    found: dict[tuple[str, str], Position] = {}

    def at(unit: str, place: str) -> Position:
        return found.setdefault((unit, place), Position(unit, place))

    for use in uses:
        if use.took == use.gave:
            at(use.unit, use.gave).own += use.amount
        else:
            at(use.unit, use.gave).due += use.amount
            at(use.unit, use.took).owed += use.amount
    return [found[key] for key in sorted(found)]


def debts(uses: Iterable[Use]) -> list[Debt]:
    """Each pair once, with what is left when both directions are set against each other."""
    owed: dict[tuple[str, str, str], int] = {}
    for unit, took, gave, amount in uses:
        if took == gave:
            continue
        first, second = sorted((took, gave))
        sign = 1 if took == first else -1
        owed[unit, first, second] = owed.get((unit, first, second), 0) + sign * amount
    return [
        Debt(unit, first, second, amount) if amount > 0 else Debt(unit, second, first, -amount)
        for (unit, first, second), amount in sorted(owed.items())
        if amount
    ]


def by_company(uses: Iterable[Use], company_of: Mapping[str, str]) -> list[Use]:
    """The same between companies: a store that belongs to none stands for itself."""
    return [
        Use(unit, company_of.get(took, took), company_of.get(gave, gave), amount)
        for unit, took, gave, amount in uses
    ]


@dataclass
class Done:
    """What one store did with members' money in a span: a control beside the settlement."""

    unit: str
    store: str
    cash: int = 0  # taken for cards and top-ups
    otherwise: int = 0  # … by another tender
    goods: int = 0  # given, returns taken off
    paid_out: int = 0  # to customers
    lost: int = 0  # declared

    def sums(self) -> tuple[int, ...]:
        """Its amounts, in that order."""
        return self.cash, self.otherwise, self.goods, self.paid_out, self.lost


async def uses(session: AsyncSession, window: Window) -> list[Use]:
    """What was used in that window, by who took and who gave."""
    at, came, giver = placed(), aliased(Transfer), aliased(Account)
    took = sa.case((giver.kind.in_(_TOOK), giver.owner), else_=CENTRE)
    gave = sa.case(
        (sa.and_(LotUse.amount > 0, at.credit.kind.in_(_TOOK)), at.credit.owner),
        (sa.and_(LotUse.amount < 0, at.debit.kind.in_(_TOOK)), at.debit.owner),
        else_=CENTRE,
    )
    source = (
        at.source.join(LotUse, LotUse.transfer == Transfer.id)
        .join(Lot, Lot.id == LotUse.lot)
        .join(Purse, Purse.id == Lot.purse)
        .join(came, came.id == Lot.transfer)
        .join(giver, giver.id == came.debit)
    )
    query = (
        sa.select(Purse.unit, took, gave, sa.func.sum(LotUse.amount))
        .select_from(source)
        .where(window.holds())
        .group_by(Purse.unit, took, gave)
    )
    return [Use(unit, by, at_, int(amount)) for unit, by, at_, amount in await grouped(session, query)]


async def done(session: AsyncSession, window: Window) -> list[Done]:
    """What each store did in that window, by unit and store."""
    found: dict[tuple[str, str], Done] = {}
    fields = {
        accounts.CASH: "cash",
        accounts.BANK: "otherwise",
        accounts.CAPTURED: "goods",
        accounts.REFUNDED: "paid_out",
        accounts.LOSS: "lost",
    }
    at = placed()
    for account, sign in ((at.credit, 1), (at.debit, -1)):
        rows = await session.execute(
            sa.select(Transfer.unit, account.owner, account.kind, sa.func.sum(Transfer.amount))
            .select_from(at.source)
            .where(account.kind.in_(sorted(fields)), window.holds())
            .group_by(Transfer.unit, account.owner, account.kind)
        )
        for unit, store, kind, amount in rows:
            row = found.setdefault((unit, store), Done(unit, store))
            turned = -sign if kind in (accounts.CASH, accounts.BANK, accounts.LOSS) else sign
            setattr(row, fields[kind], getattr(row, fields[kind]) + turned * int(amount))
    return [found[key] for key in sorted(found)]
