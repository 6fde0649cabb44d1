"""The settlement file of a joint programme: what a partner is due for a period, and why.

The file is lines of comma-separated fields in ASCII, each ended by LF; amounts are integers in minor units
(or points), days are YYYYMMDD of the store's own calendar.

    TILLBEAM-PARTNER,1,<partner>,<programme>,<first day>,<last day>,<unit>,<share in 1/10,000>
    L,<number>,<day>,<store>,<payments>,<amount>,<share>    one a day and store, in that order
    T,<number of L lines>,<payments>,<amount>,<share>,<sha256 of all lines above, in hex>

The shares of the lines add up to the share of the whole: each line gets what the running total had not yet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Invalid
from central_server.ledger.books import accounts
from central_server.ledger.models.books import Transfer
from central_server.ledger.models.lots import Purse
from central_server.ledger.reports.history import Days, Window, grouped, placed
from central_server.web.text import N_

SHARE_OF: Final = 10_000
LINES_MAX: Final = 200_000
_MARK: Final = "TILLBEAM-PARTNER"
_VERSION: Final = "1"
_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class BadFile(Invalid):
    """A settlement file that is not as it was written, or cannot be written."""

    def __init__(self, msgid: str, **values: object) -> None:
        super().__init__({}, msgid)
        self.values = values


class Shared(NamedTuple):
    """What the programme's cards did in one store on one day."""

    day: int  # as 20261122
    store: str
    payments: int  # and returns
    amount: int  # minor units or points; returns taken off


class SharedLine(NamedTuple):
    """… and what of it is the partner's."""

    day: int
    store: str
    payments: int
    amount: int
    share: int


@dataclass(frozen=True)
class Settlement:
    """What a partner is due for the days from `first` to `last`."""

    partner: str
    programme: str
    first: int
    last: int
    unit: str
    share_bp: int  # of 10,000
    lines: tuple[SharedLine, ...]

    @property
    def payments(self) -> int:
        return sum(line.payments for line in self.lines)

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def share(self) -> int:
        return sum(line.share for line in self.lines)


def share_of(amount: int, share_bp: int) -> int:
    """The share of an amount, rounded half away from zero, so that a return takes back what a sale gave."""
    share = (abs(amount) * share_bp * 2 + SHARE_OF) // (2 * SHARE_OF)
    return share if amount >= 0 else -share


def settle(
    shared: Iterable[Shared], *, partner: str, programme: str, first: int, last: int, unit: str, share_bp: int
) -> Settlement:
    """The settlement of these days; raises ValueError for a share that is not 0 to 10,000."""
    if not 0 <= share_bp <= SHARE_OF:
        raise ValueError(f"a share of {share_bp} in {SHARE_OF}")
    lines, total, given = [], 0, 0
    for each in sorted(shared):
        total += each.amount
        share = share_of(total, share_bp) - given
        given += share
        lines.append(SharedLine(*each, share))
    return Settlement(partner, programme, first, last, unit, share_bp, tuple(lines))


def written(settlement: Settlement) -> str:
    """The file. Raises BadFile when there are more than LINES_MAX lines, or a name that would break one."""
    one = settlement
    if len(one.lines) > LINES_MAX:
        raise BadFile(N_("a settlement file holds at most {most} lines"), most=LINES_MAX)
    for name in (one.partner, one.programme, one.unit, *(line.store for line in one.lines)):
        if not _NAME.fullmatch(name):
            raise BadFile(N_("{name} cannot stand in a settlement file"), name=name)
    head = (_MARK, _VERSION, one.partner, one.programme, one.first, one.last, one.unit, one.share_bp)
    rows = [",".join(map(str, head))]
    rows += [",".join(map(str, ("L", number, *line))) for number, line in enumerate(one.lines, 1)]
    rows.append(f"T,{len(one.lines)},{one.payments},{one.amount},{one.share},{_sum(rows)}")
    return "".join(f"{row}\n" for row in rows)


def read(text: str) -> Settlement:
    """What `written` wrote, checked: the sum of the lines, every share, the checksum. Raises BadFile."""
    if len(text) > (LINES_MAX + 2) * 200 or not text.endswith("\n"):
        raise BadFile(N_("this is no whole settlement file"))
    rows = text[:-1].split("\n")
    head, tail = rows[0].split(","), rows[-1].split(",")
    if len(head) != 8 or head[:2] != [_MARK, _VERSION] or tail[0] != "T":
        raise BadFile(N_("this is no whole settlement file"))
    if tail[-1] != _sum(rows[:-1]):
        raise BadFile(N_("the checksum is not that of the lines"))
    try:
        lines = [_line(row, number) for number, row in enumerate(rows[1:-1], 1)]
        first, last, share_bp = (int(head[place]) for place in (4, 5, 7))
        found = settle(
            (Shared(*line[:4]) for line in lines),
            partner=head[2],
            programme=head[3],
            first=first,
            last=last,
            unit=head[6],
            share_bp=share_bp,
        )
    except ValueError as error:
        raise BadFile(N_("this is no whole settlement file")) from error
    if list(found.lines) != lines or written(found) != text:
        raise BadFile(N_("the shares are not those of the amounts"))
    return found


async def shared(
    session: AsyncSession, programme: str, window: Window, days: Days
) -> dict[str, list[Shared]]:
    """What was paid with purses of the programme, by unit: goods given, returns taken off."""
    at = placed()
    found: dict[tuple[str, int, str], tuple[int, int]] = {}
    for account, sign in ((at.credit, 1), (at.debit, -1)):
        keys = (Transfer.unit, at.store, days.slot())
        rows = await grouped(
            session,
            sa.select(*keys, sa.func.count(), sa.func.sum(Transfer.amount))
            .select_from(at.source.join(Purse, Purse.id == at.purse))
            .where(account.kind == accounts.CAPTURED, Purse.programme == programme, window.holds())
            .group_by(*keys),
        )
        for unit, store, slot, payments, amount in rows:
            day = days.of(store, slot)
            if day is not None:
                many, sums = found.get((unit, day, store), (0, 0))
                found[unit, day, store] = many + payments, sums + sign * int(amount)
    of_unit: dict[str, list[Shared]] = {}
    for (unit, day, store), (payments, amount) in sorted(found.items()):
        of_unit.setdefault(unit, []).append(Shared(day, store, payments, amount))
    return of_unit


def _line(row: str, number: int) -> SharedLine:
    mark, place, day, store, payments, amount, share = row.split(",")
    if (mark, place) != ("L", str(number)):
        raise ValueError(row)
    return SharedLine(int(day), store, int(payments), int(amount), int(share))


def _sum(rows: list[str]) -> str:
    return hashlib.sha256("".join(f"{row}\n" for row in rows).encode()).hexdigest()
