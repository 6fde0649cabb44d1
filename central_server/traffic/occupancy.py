"""How many people are inside, from those who went in and out. Pure.

A counter misses people, so the running difference drifts: below zero people left whom nobody saw come,
and at closing time people remain who left unseen. The shown figure never goes below zero, and what was
needed to keep it there is shown beside it, so nobody takes the figure for more than it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Occupancy:
    """Inside after each slot, and how far the counts of the whole day disagree."""

    inside: tuple[int, ...]
    unseen_in: int  # people who went out but never came in: what kept the figure from falling below zero
    left_over: int  # people still inside after the last slot

    @property
    def peak(self) -> int:
        """The most that were inside at the end of any slot."""
        return max(self.inside, default=0)

    @property
    def drift(self) -> int:
        """By how many people the day's counts do not close; right only after closing time."""
        return max(self.unseen_in, self.left_over)


def occupancy(slots: Iterable[tuple[int, int]]) -> Occupancy:
    """Occupancy after each (inward, outward) slot of one store's day, starting from an empty store."""
    inside: list[int] = []
    level = unseen_in = 0
    for inward, outward in slots:
        level += inward - outward
        if level < 0:
            unseen_in -= level
            level = 0
        inside.append(level)
    return Occupancy(tuple(inside), unseen_in, level)
