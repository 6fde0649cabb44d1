"""How long people stay: visits by how long they lasted, in classes that are the same everywhere. Pure.

    under  5 10 15 20 30 45 s   1 1:30 2 3 5 7:30 10 15 20 30 45 min   1 2 h   and longer

A class ends at most twice as far as it begins, so a quantile told from the classes is right to its class,
and the distributions of any hours, areas and stores add up to that of them all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sync.contract.events import DWELL_MAX_MS

BOUNDS_S: Final = (
    5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600, 7200,
)  # fmt: skip
CLASSES: Final = len(BOUNDS_S) + 1
_BOUNDS_MS: Final = tuple(bound * 1000 for bound in BOUNDS_S)


def class_of(dwell_ms: int) -> int:
    """Which class a visit belongs to: the first whose bound it does not reach."""
    return bisect_right(_BOUNDS_MS, dwell_ms)


def class_label(number: int) -> str:
    """``< 0:05``, ``0:45 – 1:00``, ``≥ 2:00:00``."""
    if number == 0:
        return f"< {clock_text(BOUNDS_S[0])}"
    if number == CLASSES - 1:
        return f"≥ {clock_text(BOUNDS_S[-1])}"
    return f"{clock_text(BOUNDS_S[number - 1])} – {clock_text(BOUNDS_S[number])}"


def clock_text(seconds: float | None) -> str:
    """``0:45``, ``12:05``, ``1:02:05``; a dash for nothing."""
    if seconds is None:
        return "–"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


@dataclass
class Dwell:
    """Some visits: how many, how long together, and how many of each class."""

    visits: int = 0
    dwell_ms: int = 0
    untimed: int = 0  # visits of these that came with a clock not known to be right
    classes: list[int] = field(default_factory=lambda: [0] * CLASSES)

    def count(self, dwell_ms: int, *, sure: bool = True) -> None:
        """One visit more. Raises ValueError for one that cannot be."""
        if not 0 <= dwell_ms <= DWELL_MAX_MS:
            raise ValueError(f"nobody visits for {dwell_ms} ms")
        self.visits += 1
        self.dwell_ms += dwell_ms
        self.untimed += not sure
        self.classes[class_of(dwell_ms)] += 1

    def add(self, other: Dwell) -> None:
        """The visits of `other`, too."""
        self.visits += other.visits
        self.dwell_ms += other.dwell_ms
        self.untimed += other.untimed
        self.classes = [a + b for a, b in zip(self.classes, other.classes, strict=True)]

    @classmethod
    def of(cls, sums: Sequence[int]) -> Dwell:
        """From a row: visits, dwell_ms, untimed, then the classes."""
        visits, dwell_ms, untimed, *classes = sums
        return cls(visits, dwell_ms, untimed, classes)

    @property
    def sums(self) -> tuple[int, ...]:
        """As a row; the opposite of `of`."""
        return self.visits, self.dwell_ms, self.untimed, *self.classes

    @property
    def mean_s(self) -> float | None:
        """The mean, exactly; None of no visit."""
        return self.dwell_ms / 1000 / self.visits if self.visits else None

    @property
    def median_s(self) -> float | None:
        """What half of the visits stay below."""
        return self.quantile_s(0.5)

    def quantile_s(self, part: float) -> float | None:
        """What `part` 0..1 of the visits stay below; None of no visit.

        Inside its class it is taken to rise evenly. The last class has no end: there it is its beginning.
        """
        if not self.visits:
            return None
        wanted = part * self.visits
        for number, count in enumerate(self.classes[:-1]):
            if count and wanted <= count:
                low = BOUNDS_S[number - 1] if number else 0
                return low + (BOUNDS_S[number] - low) * wanted / count
            wanted -= count
        return float(BOUNDS_S[-1])
