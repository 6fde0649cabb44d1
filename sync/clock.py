"""The machine's own clocks, built once in each program's `app.py` and handed in everywhere else."""

from __future__ import annotations

import time


class SystemClock:
    """`Clock` of this machine."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        # CLOCK_BOOTTIME goes on while the box sleeps; CLOCK_MONOTONIC would make leases live longer.
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
