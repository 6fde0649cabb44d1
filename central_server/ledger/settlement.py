"""What stores owe each other: one took the cash, another gave the goods for it. Pure.

Every lot of a purse knows who was given its money: the store that took the cash, or head office, which
answers for bonus money and earned points. When the lot is used elsewhere, who took owes who gave. A return
takes that back, so amounts here may be negative; and a sum over everybody is always zero, because every
amount stands once as owed and once as due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

CENTRE: Final = "centre"  # as the books call head office


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
