"""How much of what members prepaid must lie in custody at a bank, and what is short.

The rules on prepaid cards ask an issuer for a part of the last quarter's balance (MOFCOM order 9 of 2012,
articles 26 and 27); `law.py` has the percentage for each kind of issuer. Only what was paid counts: bonus
money and points are nobody's deposit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, get_args

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import calendar_of
from central_server.errors import Invalid, NotFound
from central_server.ledger.cards.law import CUSTODY_BP, Issuer, custody_due
from central_server.ledger.cards.programmes import programmes
from central_server.ledger.models.lots import PAID
from central_server.ledger.models.reports import CustodyDeposit
from central_server.ledger.reports.ages import quarter_before, quarter_name
from central_server.ledger.reports.history import Position
from central_server.ledger.reports.liability import liability
from central_server.staff import service as staff
from central_server.web.text import N_
from sync.contract.money import MINOR_MAX

ISSUERS: Final[Mapping[Issuer, str]] = {
    "scale": N_("Issuer of scale"),
    "group": N_("Group issuer"),
    "brand": N_("Brand issuer"),
}
NOTE_MAX: Final = 200


@dataclass(frozen=True)
class Custody:
    """One unit of one issuer for the quarter that ended on `last`. Amounts are minor units."""

    unit: str
    last: date
    balance: int  # prepaid and not used, at the end of that day
    issuer: Issuer
    held: int  # what the bank confirmed

    @property
    def percent(self) -> float:
        """What the law asks of an issuer of that kind."""
        return CUSTODY_BP[self.issuer] / 100

    @property
    def needed(self) -> int:
        """Rounded up: a fen too little is too little."""
        return custody_due(self.issuer, max(self.balance, 0))

    @property
    def short(self) -> int:
        """What has to be paid in still; zero when there is enough."""
        return max(self.needed - self.held, 0)

    @property
    def ratio(self) -> float | None:
        """Held over balance, 0..1 and more; None when nothing is owed."""
        return self.held / self.balance if self.balance > 0 else None


async def custody(
    session: AsyncSession,
    today: date,
    *,
    zone: str,
    issuer: Issuer | None = None,
    upto: Position | None = None,
) -> list[Custody]:
    """One row a unit for the last whole quarter before `today`, by head office's calendar.

    `issuer`: as if it were of that kind; None: of the kind that was noted with the deposit, else a group.
    """
    _, last = quarter_before(today)
    _, until_ms = calendar_of(zone).bounds(last)
    owed = await liability(session, last, zone=zone, until_ms=until_ms, upto=upto)
    paid = {unit: amount for unit, kind, amount in owed.totals() if kind == PAID}
    confirmed = {row.unit: row for row in await confirmations(session, quarter_name(last))}
    rows = []
    for unit in sorted(paid.keys() | confirmed.keys()):
        row = confirmed.get(unit)
        kind = issuer or (_issuer(row.issuer) if row else "group")
        rows.append(Custody(unit, last, paid.get(unit, 0), kind, row.amount if row else 0))
    return rows


async def confirmations(session: AsyncSession, quarter: str) -> list[CustodyDeposit]:
    """What the bank confirmed for that quarter: the newest of each unit."""
    newest = (
        sa.select(sa.func.max(CustodyDeposit.id))
        .where(CustodyDeposit.quarter == quarter)
        .group_by(CustodyDeposit.unit)
    )
    return list(
        await session.scalars(
            sa.select(CustodyDeposit).where(CustodyDeposit.id.in_(newest)).order_by(CustodyDeposit.unit)
        )
    )


async def confirm(
    session: AsyncSession,
    today: date,
    *,
    unit: str,
    issuer: str,
    amount: int,
    note: str,
    by: staff.Who,
    now_ms: int,
) -> CustodyDeposit:
    """Note what the bank holds for the last whole quarter; a correction is another row. Raises Invalid."""
    if issuer not in get_args(Issuer):
        raise Invalid({"issuer": N_("must be scale, group or brand")})
    if unit not in await currencies(session):
        raise Invalid({"unit": N_("no programme of this chain has this currency")})
    if not 0 <= amount <= MINOR_MAX:
        raise Invalid({"amount": N_("is no amount")})
    quarter = quarter_name(quarter_before(today)[1])
    made = CustodyDeposit(unit=unit, quarter=quarter, issuer=issuer, amount=amount, note=note[:NOTE_MAX])
    made.at_ms, made.by = now_ms, by.name
    session.add(made)
    await session.flush()
    said = {"unit": unit, "quarter": quarter, "issuer": issuer, "amount": amount}
    await staff.record_change(session, by, N_("confirmed"), N_("custody"), quarter, None, said, now_ms)
    return made


async def take_back(
    session: AsyncSession, today: date, *, unit: str, why: str, by: staff.Who, now_ms: int
) -> CustodyDeposit:
    """What was noted last for the quarter counts no more: another row says that, and why.

    Raises NotFound (nothing stands there), Invalid (no reason).
    """
    quarter = quarter_name(quarter_before(today)[1])
    stands = {row.unit: row for row in await confirmations(session, quarter) if row.amount}
    if unit not in stands:
        raise NotFound(N_("nothing is noted of this quarter and currency"))
    if not why.strip():
        raise Invalid({"why": N_("is needed")})
    row = stands[unit]
    return await confirm(
        session, today, unit=unit, issuer=row.issuer, amount=0, note=why.strip(), by=by, now_ms=now_ms
    )


async def currencies(session: AsyncSession) -> list[str]:
    """The currencies of the chain's programmes of stored value, by name."""
    found = (each.rules for each in (await programmes(session)).values())
    return sorted({rules.unit for rules in found if rules.kind == "value"})


def _issuer(text: str) -> Issuer:
    return next((kind for kind in ISSUERS if kind == text), "group")
