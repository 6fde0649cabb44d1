"""Quarters of an hour put in a row: by quarter, hour or day, of one door or of many stores. Pure.

Stores may stand in different time zones: 10:00 of a row is ten o'clock in each of them. The hour that comes
twice when clocks go back is added to its namesake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from central_server.calendar import DAY_MS, HOUR_MS, QUARTER_MS, Calendar, day_number
from central_server.traffic.coverage import COUNTED_LEAST, Blind, Span, blind_parts, covered
from central_server.traffic.occupancy import Occupancy, occupancy
from central_server.traffic.reading import Quarter

GRAINS: Final = {"quarter": 15, "hour": 60, "day": 24 * 60}  # minutes of one slot
SLOTS_MAX: Final = 2_500  # of one row; more cannot be drawn


@dataclass
class Slot:
    """One quarter, hour or day. `minute` counts from local midnight; `coverage` is the part 0..1 counted."""

    day: date
    minute: int
    inward: int = 0
    outward: int = 0
    unsure: int = 0
    untimed: int = 0
    coverage: float = 1.0
    to_come: bool = False  # has begun nowhere: no figure yet, rather than none
    over: bool = True  # everywhere: only such a slot is held against another

    @property
    def gap(self) -> bool:
        """Whether devices were out for most of it: held against nothing."""
        return not self.to_come and self.coverage < COUNTED_LEAST

    @property
    def blank(self) -> bool:
        """Whether there is no figure at all: it is to come, or a gap in which nobody was counted."""
        return self.to_come or (self.gap and not (self.inward or self.outward))

    def label(self, *, with_day: bool, whole_day: bool) -> str:
        """``09:15``, ``11-22 09:15`` or ``2026-11-22``."""
        if whole_day:
            return self.day.isoformat()
        clock = f"{self.minute // 60:02}:{self.minute % 60:02}"
        return f"{self.day:%m-%d} {clock}" if with_day else clock


def row_of(
    quarters: Iterable[Quarter],
    calendars: Mapping[str, Calendar],
    days: Sequence[date],
    grain: str,
    now_ms: int,
) -> list[Slot]:
    """Every slot of `days`, the empty ones too. Raises ValueError when there are more than `SLOTS_MAX`."""
    step = GRAINS[grain]
    if len(days) * (24 * 60 // step) > SLOTS_MAX:
        raise ValueError(f"{len(days)} days by {grain} are more than {SLOTS_MAX} slots")
    slots = {
        (day_number(day), minute): Slot(day, minute) for day in days for minute in range(0, 24 * 60, step)
    }
    hours: dict[tuple[str, int], int] = {}
    for quarter in quarters:
        calendar = calendars[quarter.store]
        day, hour_ms = calendar.place(quarter.quarter_ms)
        hour = hours.get((quarter.store, hour_ms))
        if hour is None:
            hour = hours[quarter.store, hour_ms] = calendar.hour_of(hour_ms)
        minute = hour * 60 + (quarter.quarter_ms - hour_ms) // 60_000
        slot = slots.get((day, minute - minute % step))
        if slot is not None:
            slot.inward += quarter.inward
            slot.outward += quarter.outward
            slot.unsure += quarter.unsure
            slot.untimed += quarter.untimed
    for slot in slots.values():
        begins = [_begins(calendar, slot) for calendar in calendars.values()]
        slot.to_come = all(begin_ms > now_ms for begin_ms in begins)
        slot.over = all(begin_ms + step * 60_000 <= now_ms for begin_ms in begins)
    return list(slots.values())


def mark_coverage(
    slots: Sequence[Slot],
    calendars: Mapping[str, Calendar],
    devices: Mapping[str, Sequence[str]],
    blind: Blind,
    grain: str,
    now_ms: int,
) -> None:
    """Write into each slot which part of it so far was counted; all devices of all stores weigh the same."""
    if not (blind.outages or blind.absences):
        return
    length_ms = {"quarter": QUARTER_MS, "hour": HOUR_MS, "day": DAY_MS}[grain]
    # In order of time, which is not that of the row where a day of 23 hours ends in the next one.
    begins = {
        calendar: sorted((_begins(calendar, slot), number) for number, slot in enumerate(slots))
        for calendar in set(calendars.values())
    }
    starts = {calendar: [start for start, _ in some] for calendar, some in begins.items()}
    lost = [0.0] * len(slots)  # devices' worth of each
    for store, calendar in calendars.items():
        for device in devices.get(store, ()):
            spans = blind.of(store, device)
            for place, part in blind_parts(spans, starts[calendar], length_ms, now_ms):
                lost[begins[calendar][place][1]] += part
    count = sum(len(devices.get(store, ())) for store in calendars)
    for slot, missed in zip(slots, lost, strict=True):
        slot.coverage = max(0.0, 1.0 - missed / count) if count else 1.0


def coverage_of(
    stores: Mapping[str, Span], devices: Mapping[str, Sequence[str]], blind: Blind
) -> dict[str, float]:
    """The part of each store's span that its devices counted."""
    return {
        store: 1.0 - _lost(blind, store, devices.get(store, ()), span) / max(len(devices.get(store, ())), 1)
        for store, span in stores.items()
    }


def occupancy_of(slots: Sequence[Slot]) -> Occupancy:
    """Who is inside after each slot of one day."""
    return occupancy((slot.inward, slot.outward) for slot in slots)


def _lost(blind: Blind, store: str, devices: Sequence[str], span: Span) -> float:
    """How many devices' worth of `span` was not counted."""
    spans = {device: blind.of(store, device) for device in devices}
    return (1.0 - covered(spans, devices, span)) * len(devices) if any(spans.values()) else 0.0


def _begins(calendar: Calendar, slot: Slot) -> int:
    first, _ = calendar.bounds(slot.day)
    return first + slot.minute * 60_000
