"""What a receipt earns by a programme's rules, and what is left of that when goods come back. Pure.

The lines of a receipt are shared out among the rules, the first that fits taking each. What falls to one rule
counts together: each whole `per` of it gives `gives`. Goods that come back are taken out of what fell to
their rule, and what is left is counted anew: as if they had never been bought, to the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from central_server.ledger.cards.rules import BASIS, Rules
from sync.contract.events import SaleCompleted, SaleLine
from sync.contract.money import MINOR_MAX

MILLION = 1_000_000


class Pile(msgspec.Struct, frozen=True, array_like=True):
    """So much of a receipt fell to one rule."""

    per: int
    gives: int
    times_bp: int  # of the member's tier
    minor: int

    @property
    def rule(self) -> tuple[int, int, int]:
        return self.per, self.gives, self.times_bp

    @property
    def earned(self) -> int:
        return self.minor // self.per * self.gives * self.times_bp // BASIS


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """What counts of a receipt: its piles, and which part of it was paid with tenders that earn."""

    piles: tuple[Pile, ...]
    share_millionths: int = MILLION

    @property
    def earned(self) -> int:
        """Points, or minor units of coupon; never more than an amount can be."""
        return min(sum(pile.earned for pile in self.piles), MINOR_MAX)

    @property
    def spend(self) -> int:
        """Minor units that earned."""
        return sum(pile.minor for pile in self.piles)


class When(NamedTuple):
    """The store's own day of a receipt."""

    day: int  # 20261122
    weekday: int  # Monday is 0


def counted(rules: Rules, sale: SaleCompleted, *, tier: str, when: When) -> Counted:
    """What counts of a sale."""
    share = _share(rules, sale)
    return Counted(_piles(rules, sale, tier, when, share), share)


def without(before: Counted, rules: Rules, goods: SaleCompleted, *, tier: str, when: When) -> Counted:
    """What still counts when `goods` (a receipt below zero) came back; by the sale's own tier and day."""
    back = _piles(rules, goods, tier, when, before.share_millionths)
    left = {pile.rule: pile for pile in before.piles}
    missing = 0
    for pile in back:
        there = left.get(pile.rule)
        taken = min(pile.minor, there.minor) if there is not None else 0
        if there is not None:
            left[pile.rule] = msgspec.structs.replace(there, minor=there.minor - taken)
        missing += pile.minor - taken
    for pile in sorted(left.values(), key=lambda pile: -pile.minor):  # the rules have changed since
        taken = min(missing, pile.minor)
        left[pile.rule] = msgspec.structs.replace(pile, minor=pile.minor - taken)
        missing -= taken
    return Counted(tuple(left.values()), before.share_millionths)


def written(counted: Counted) -> str:
    """As a row keeps it."""
    return msgspec.json.encode(counted).decode()


def read(kept: str) -> Counted:
    """As it was written."""
    return msgspec.json.decode(kept, type=Counted)


def _piles(rules: Rules, sale: SaleCompleted, tier: str, when: When, share: int) -> tuple[Pile, ...]:
    total = abs(sale.total_minor)
    sign = -1 if sale.total_minor < 0 else 1
    lines: Sequence[SaleLine] = sale.lines or (SaleLine("", sale.total_minor),)
    whole = sign * sum(line.amount_minor for line in lines)
    if whole <= 0:  # lines that say nothing: the total counts, as one
        lines, whole = (SaleLine("", sale.total_minor),), total
    step = rules.tier(tier)
    times_bp = step.times_bp if step else BASIS
    sums: dict[tuple[int, int, int], int] = {}
    for line in lines:
        for rule in rules.earn:
            if rule.fits(sku=line.sku, tier=tier, weekday=when.weekday, day=when.day):
                key = rule.per, rule.gives, times_bp
                sums[key] = sums.get(key, 0) + sign * line.amount_minor
                break
    # Discounts on the whole receipt, and what was paid with tenders that earn nothing, fall on all alike.
    return tuple(
        Pile(*key, max(minor, 0) * total * share // (whole * MILLION))
        for key, minor in sums.items()
        if key[1]
    )


def _share(rules: Rules, sale: SaleCompleted) -> int:
    """The part of the sale that was paid with tenders that earn, in millionths."""
    total = sale.total_minor
    if total <= 0:
        return MILLION
    kept_out = sum(tender.amount_minor for tender in sale.tenders if tender.kind in rules.earn_not_on)
    return max(total - max(kept_out, 0), 0) * MILLION // total
