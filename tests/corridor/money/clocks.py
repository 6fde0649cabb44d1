"""Clocks that may say anything (DESIGN I9): which payments are approved may change, and nothing else."""

from __future__ import annotations

import random

from sync.contract.clock import MONO_MAX_MS, WALL_MAX_MS

START_MS = 1_790_000_000_000


class WalkClock:
    """`Clock` of one machine. Honest: both go on a little at each reading, and as far as `pass_ms` says.

    `wild`: every single reading is any number there is.
    """

    def __init__(self, chance: random.Random, *, wild: bool) -> None:
        self._chance = chance
        self.wild = wild
        self._wall_ms = START_MS
        self._mono_ms = 5_000

    def wall_ms(self) -> int:
        if self.wild:
            return self._chance.choice((0, 1, START_MS, WALL_MAX_MS, self._chance.randrange(WALL_MAX_MS)))
        self._wall_ms += 1
        return self._wall_ms

    def mono_ms(self) -> int:
        if self.wild:
            return self._chance.choice((0, 5_000, MONO_MAX_MS, self._chance.randrange(1 << 40)))
        self._mono_ms += 1
        return self._mono_ms

    @property
    def honest_ms(self) -> int:
        """Monotonic time, without its going on by being looked at."""
        return self._mono_ms

    def pass_ms(self, ms: int) -> None:
        """Time goes on by so much."""
        self._wall_ms += ms
        self._mono_ms += ms

    def set(self, wall_ms: int) -> None:
        """Somebody sets the wall clock."""
        self._wall_ms = wall_ms

    def reboot(self) -> None:
        """Monotonic time begins again."""
        self._mono_ms = self._chance.randrange(10_000)
