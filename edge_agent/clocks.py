"""When things happened, worked out from clocks that lie.

Rows keep the boot and its monotonic time, which are always true. The wall time is worked out when a batch is
built: wall = mono + the offset of that boot. The offset is `sure` when the centre's hello or NTP said it, and
otherwise what this machine's wall clock seems to say. No promise rests on it: a jump of years is an alarm and
nothing else.
"""

from __future__ import annotations

import ctypes
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge_agent.store.database import Database, is_full
from edge_agent.store.lines import Sql
from sync.contract.clock import Clock, Stamp

log = logging.getLogger(__name__)

BOOTS_KEPT = 1_000  # of a box that is switched off every night: three years
ROUND_TRIP_MAX_MS = 10_000  # a hello that took longer says too little about the time
MOVED_MS = 250  # a smaller difference is the link's, not the clock's
JUMP_MS = 2_000  # NTP slews less than this; more is somebody setting the clock
_KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Offset(NamedTuple):
    """Wall minus monotonic time of one boot, and whether it is to be believed."""

    ms: int
    sure: bool


class Calendar:
    """The offsets of this boot and of those whose rows may still be in the outbox."""

    def __init__(
        self, db: Database, clock: Clock, boot: str, offsets: dict[str, Offset], synced: Callable[[], bool]
    ) -> None:
        self.boot = boot
        self._db, self._clock, self._synced = db, clock, synced
        self._offsets = offsets
        self._system_ms = clock.wall_ms() - clock.mono_ms()
        self._centre = False  # the centre's hello has told us the time in this run

    @classmethod
    async def open(cls, db: Database, clock: Clock, boot: str, synced: Callable[[], bool]) -> Calendar:
        """The calendar as the disk has it. `synced` says whether NTP keeps the machine's wall clock."""
        rows = await db.read(lambda sql: sql.execute("SELECT boot, offset_ms, sure FROM boot").fetchall())
        calendar = cls(db, clock, boot, {str(b): Offset(int(ms), bool(sure)) for b, ms, sure in rows}, synced)
        if boot not in calendar._offsets:
            await calendar._learn(Offset(calendar._system_ms, synced()))
        await calendar.check()
        return calendar

    @property
    def sure(self) -> bool:
        """Whether this boot's wall time is known."""
        return self._offsets[self.boot].sure

    @property
    def skew_ms(self) -> int:
        """How far the machine's wall clock is ahead of what we believe; 0 while nothing better is known."""
        offset = self._offsets[self.boot]
        return self._clock.wall_ms() - self._clock.mono_ms() - offset.ms if offset.sure else 0

    def now_ms(self) -> int:
        """The wall time as well as we know it."""
        return self._clock.mono_ms() + self._offsets[self.boot].ms

    def stamp(self, boot: str, mono_ms: int) -> Stamp:
        """When that moment of that boot was; of a boot nobody remembers, the system's guess for today's."""
        offset = self._offsets.get(boot) or Offset(self._offsets[self.boot].ms, False)
        # A wound-back test or a broken clock may give a time before 1970; that need not travel.
        return Stamp(boot, mono_ms, max(0, mono_ms + offset.ms), offset.sure)

    async def heard_centre(self, wall_ms: int, asked_mono_ms: int) -> None:
        """The centre's hello, whose question was asked at `asked_mono_ms`, said that it is `wall_ms`."""
        now = self._clock.mono_ms()
        if not 0 <= now - asked_mono_ms <= ROUND_TRIP_MAX_MS:
            return
        self._centre = True
        await self._learn(Offset(wall_ms + (now - asked_mono_ms) // 2 - now, True))

    async def check(self) -> int:
        """Looks at the machine's clock; by how many ms it jumped since the last look, 0 if by little."""
        system = self._clock.wall_ms() - self._clock.mono_ms()
        jump, self._system_ms = system - self._system_ms, system
        if not self._centre:
            if self._synced():
                await self._learn(Offset(system, True))
            elif not self.sure:
                await self._learn(Offset(system, False))
        return jump if abs(jump) > JUMP_MS else 0

    async def _learn(self, offset: Offset) -> None:
        known = self._offsets.get(self.boot)
        if known and known.sure == offset.sure and abs(known.ms - offset.ms) < MOVED_MS:
            return
        self._offsets[self.boot] = offset

        def work(sql: Sql) -> None:
            sql.execute(
                "INSERT OR REPLACE INTO boot VALUES (?, ?, ?)", (self.boot, offset.ms, int(offset.sure))
            )
            if len(self._offsets) > BOOTS_KEPT:
                sql.execute(
                    "DELETE FROM boot WHERE boot != ? AND boot NOT IN (SELECT DISTINCT boot FROM row)",
                    (self.boot,),
                )

        try:
            await self._db.write(work)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
            # Kept in memory: what a full disk may cost is the time of this boot's rows, and no row.
            log.warning("no room to note the time of boot %s", self.boot)


def kernel_boot() -> str:
    """Names this run of the box: 8 hex digits. CLOCK_BOOTTIME starts with it, so offsets belong to it."""
    return _KERNEL_BOOT_ID.read_text("ascii").replace("-", "")[:8]


_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 256  # struct timex is 208 bytes; modes=0 only reads


def ntp_synced() -> bool:
    """Whether the kernel says that something keeps its wall clock right (adjtimex(2))."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None).adjtimex(buffer)
    return 0 <= int(state) < _TIME_ERROR
