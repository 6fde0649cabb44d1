"""Value that nobody uses: by the month in which it was given out, and how much of it is left.

A cohort is all that was given out in one month. What is left of cohorts older than N months is the breakage
after N months; what was forfeited at its expiry and not re-activated since is shown apart, because it is
still the member's to ask for, and so is what was re-activated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import DAY_MS
from central_server.ledger.models.lots import Lot, LotUse, Purse
from central_server.ledger.reports.ages import months_before
from central_server.ledger.reports.liability import EPOCH, offset_ms

MONTHS: Final = (6, 12, 24, 36)  # after how many months breakage is stated


class Given(NamedTuple):
    """What was given out on one day, and what became of it."""

    programme: str
    unit: str
    kind: str  # of lot: paid, bonus, earned, coupon
    day: date
    amount: int
    left: int
    forfeited: int  # less what was re-activated
    revived: int = 0  # re-activated, ever


@dataclass
class Cohort:
    """All of one programme, unit and kind that was given out in one month."""

    programme: str
    unit: str
    kind: str
    month: str  # 2026-11
    amount: int = 0
    left: int = 0
    forfeited: int = 0
    revived: int = 0

    @property
    def used(self) -> int:
        """What was spent, or paid back."""
        return self.amount - self.left - self.forfeited

    @property
    def unused_share(self) -> float | None:
        """What is left or forfeited, over what was given out."""
        return (self.left + self.forfeited) / self.amount if self.amount else None


class Breakage(NamedTuple):
    """What was given out more than `months` months ago, and what of it was not used."""

    programme: str
    unit: str
    kind: str
    months: int
    amount: int
    unused: int

    @property
    def share(self) -> float | None:
        return self.unused / self.amount if self.amount else None


def cohorts(given: Iterable[Given]) -> list[Cohort]:
    """By programme, unit, kind and month, the newest month last."""
    found: dict[tuple[str, str, str, str], Cohort] = {}
    for each in given:
        key = (each.programme, each.unit, each.kind, f"{each.day:%Y-%m}")
        cohort = found.setdefault(key, Cohort(*key))
        cohort.amount += each.amount
        cohort.left += each.left
        cohort.forfeited += each.forfeited
        cohort.revived += each.revived
    return [found[key] for key in sorted(found)]


def breakage(given: Iterable[Given], day: date) -> list[Breakage]:
    """What was not used after each of MONTHS, as of `day`."""
    sums: dict[tuple[str, str, str, int], tuple[int, int]] = {}
    until = {months: months_before(day, months) for months in MONTHS}
    for each in given:
        for months, last in until.items():
            key = (each.programme, each.unit, each.kind, months)
            amount, unused = sums.get(key, (0, 0))
            if each.day <= last:
                amount, unused = amount + each.amount, unused + each.left + each.forfeited
            sums[key] = amount, unused
    return [Breakage(*key, *sums[key]) for key in sorted(sums)]


async def given(session: AsyncSession, *, zone: str) -> list[Given]:
    """All that was ever given out, by day, as it stands now. What is pending was not given out yet.

    What moved to another purse, as of a lost card, counts there, and from then.
    """
    day = (Lot.made_ms + offset_ms(zone)) // DAY_MS
    keys = (Purse.programme, Purse.unit, Lot.kind, day)
    of_lot = sa.join(Lot, Purse, Purse.id == Lot.purse)
    rows = await session.execute(
        sa.select(*keys, sa.func.sum(Lot.amount), sa.func.sum(Lot.left), sa.func.sum(Lot.expired))
        .select_from(of_lot)
        .group_by(*keys)
    )
    used = await session.execute(
        sa.select(*keys, LotUse.kind, sa.func.sum(LotUse.amount))
        .select_from(of_lot.join(LotUse, LotUse.lot == Lot.id))
        .where(LotUse.kind.in_(("move", "revive")))
        .group_by(*keys, LotUse.kind)
    )
    uses = {tuple(key): int(amount) for *key, amount in used}
    return [
        Given(
            programme,
            unit,
            kind,
            EPOCH + timedelta(days=int(number)),
            int(amount) - uses.get((programme, unit, kind, number, "move"), 0),
            int(left),
            int(expired),
            -uses.get((programme, unit, kind, number, "revive"), 0),
        )
        for programme, unit, kind, number, amount, left, expired in rows
    ]
