"""Members' money as stores recorded it, against what their receipts say was paid with it. Pure.

Both sides are the store's own words by two roads: the record was written when the card paid, the receipt was
printed by the till. Where they differ, the difference is named, receipt by receipt:

    agrees        the same receipt, the same amount
    no record     the receipt says stored value, and no record of a lease names it: the record is still to
                  come, or the till took another card than ours as stored value
    no receipt    a card paid, and no receipt says so: the sale was abandoned, or printed as another tender
    other amount  both are there, and differ
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from central_server.web.text import N_

AGREES, NO_RECORD, NO_RECEIPT, OTHER_AMOUNT = "agrees", "no record", "no receipt", "other amount"
LABELS: Final[Mapping[str, str]] = {
    AGREES: N_("Agrees"),
    NO_RECORD: N_("Receipt without a record"),
    NO_RECEIPT: N_("Record without a receipt"),
    OTHER_AMOUNT: N_("Another amount"),
}


class Paid(NamedTuple):
    """What one side says of one receipt; several of a receipt are added up. Returns are below zero."""

    store: str
    day: int  # 20261122, the store's own
    currency: str
    till: str
    receipt: str
    amount: int


class Difference(NamedTuple):
    """One receipt on which the two sides do not agree."""

    store: str
    day: int
    currency: str
    till: str
    receipt: str
    recorded: int
    tendered: int
    why: str


@dataclass
class StoreDay:
    """One day of one store, in one currency."""

    store: str
    day: int
    currency: str
    spends: int = 0
    refunds: int = 0
    tops: int = 0
    recorded: int = 0  # spends less refunds
    tendered: int = 0
    counts: dict[str, int] = field(default_factory=dict)  # of receipts, by what is wrong or right with them

    @property
    def difference(self) -> int:
        """Recorded less tendered."""
        return self.recorded - self.tendered


_Key = tuple[str, int, str, str, str]  # store, day, currency, till, receipt


def reconcile(
    recorded: Iterable[Paid], tendered: Iterable[Paid], neighbour: Mapping[int, tuple[int, int]]
) -> tuple[list[StoreDay], list[Difference]]:
    """The days by store, and every receipt that differs.

    A receipt's record may name its till otherwise, or stand just over midnight: what finds no partner on its
    own day and till is looked for at the store's other tills, and on the day before and after (`neighbour`).
    """
    ours, theirs = _sums(recorded), _sums(tendered)
    pairs = {key: key for key in theirs.keys() & ours.keys()}
    pairs |= _elsewhere(ours.keys() - pairs.keys(), theirs.keys() - pairs.keys(), neighbour)
    days: dict[tuple[str, int, str], StoreDay] = {}
    found: list[Difference] = []

    def note(key: _Key, record: int, tender: int, why: str) -> None:
        place = key[:3]
        day = days.setdefault(place, StoreDay(*place))
        day.recorded += record
        day.tendered += tender
        day.counts[why] = day.counts.get(why, 0) + 1
        if why != AGREES:
            found.append(Difference(*key, record, tender, why))

    for key, amount in theirs.items():
        if key in pairs:
            record = ours[pairs[key]]
            note(key, record, amount, AGREES if record == amount else OTHER_AMOUNT)
        else:
            note(key, 0, amount, NO_RECORD)
    met = set(pairs.values())
    for key, amount in ours.items():
        if key not in met:
            note(key, amount, 0, NO_RECEIPT)
    return [days[key] for key in sorted(days)], sorted(found)


def _sums(paid: Iterable[Paid]) -> dict[_Key, int]:
    sums: dict[_Key, int] = defaultdict(int)
    for each in paid:
        sums[each.store, each.day, each.currency, each.till, each.receipt] += each.amount
    return dict(sums)


def _elsewhere(
    ours: Iterable[_Key], theirs: Iterable[_Key], neighbour: Mapping[int, tuple[int, int]]
) -> dict[_Key, _Key]:
    """Receipt → record, for what has another till or stands just over midnight. Without a number: none."""
    free: dict[tuple[str, int, str, str], list[_Key]] = defaultdict(list)
    for key in sorted(ours):
        store, day, currency, _, receipt = key
        if receipt:
            free[store, day, currency, receipt].append(key)
    pairs: dict[_Key, _Key] = {}
    for key in sorted(theirs):
        store, day, currency, _, receipt = key
        for where in (day, *neighbour.get(day, ())):
            if some := free.get((store, where, currency, receipt)):
                pairs[key] = some.pop(0)
                break
    return pairs
