"""How many people are in a sales area, from samples that are made when the number changes. Pure.

    sample   2 ─────────────┐ 3 ───┐ 1 ────────────────── … (no more)
    known    ███████████████████████████████████████░░░░░░░░
                                     │← HOLD_MS     →│

A number holds until the next sample, but no longer than a camera is ever silent: what comes after was not
seen, and is a gap, not the last number for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from central_server.calendar import QUARTER_MS

HOLD_MS: Final = 17 * 60_000  # a camera says its number every 15 minutes, and looks once a minute


class Sample(NamedTuple):
    """So many people were in the area at that moment."""

    at_ms: int
    people: int


@dataclass
class Level:
    """A quarter of an hour, or more of them together."""

    known_ms: int = 0  # for how long the number was known
    people_ms: int = 0  # people × how long they were seen
    most: int = 0  # people at once

    @property
    def mean(self) -> float | None:
        """How many on average while it was known; None when it never was."""
        return self.people_ms / self.known_ms if self.known_ms else None

    def add(self, other: Level) -> None:
        """Another time in the same area."""
        self.known_ms += other.known_ms
        self.people_ms += other.people_ms
        self.most = max(self.most, other.most)


def fold(samples: Iterable[Sample], last: Sample | None) -> tuple[dict[int, Level], Sample | None]:
    """What samples of one area, in lane order, add to its quarters of an hour; and the last one then.

    `last` is what was known before them. A sample from before it (a clock that was put back, an old disk that
    is sent late) begins anew. Any cut of the samples gives the same sums.
    """
    quarters: dict[int, Level] = {}
    for sample in samples:
        if last is not None:
            until_ms = min(sample.at_ms, last.at_ms + HOLD_MS)
            for quarter_ms, length_ms in _quarters(last.at_ms, until_ms):
                level = quarters.setdefault(quarter_ms, Level())
                level.add(Level(length_ms, last.people * length_ms, last.people))
        level = quarters.setdefault(sample.at_ms - sample.at_ms % QUARTER_MS, Level())
        level.most = max(level.most, sample.people)
        last = sample
    return quarters, last


def _quarters(from_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
    """(the quarter of an hour, how much of the span lies in it)."""
    while from_ms < until_ms:
        quarter_ms = from_ms - from_ms % QUARTER_MS
        end_ms = min(quarter_ms + QUARTER_MS, until_ms)
        yield quarter_ms, end_ms - from_ms
        from_ms = end_ms
