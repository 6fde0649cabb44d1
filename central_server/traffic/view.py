"""What the page, the file and the API of traffic show, read once for all three."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Invalid
from central_server.sales.choice import Choice
from central_server.traffic import service
from central_server.traffic.coverage import Blind, Span
from central_server.traffic.occupancy import Occupancy
from central_server.traffic.series import Slot, coverage_of, mark_coverage, occupancy_of, row_of
from central_server.web.text import N_


@dataclass(frozen=True)
class View:
    """Visitors of the chosen stores and days, and of the same weekdays before them."""

    slots: list[Slot]
    before: list[Slot]  # slot by slot, `back_days` earlier
    back_days: int
    grain: str
    devices: dict[str, list[str]]
    coverage: float
    lost_events: int  # counts that full disks took
    occupancy: Occupancy | None  # of one day only

    @property
    def inward(self) -> int:
        return sum(slot.inward for slot in self.slots)

    @property
    def outward(self) -> int:
        return sum(slot.outward for slot in self.slots)

    @property
    def unsure(self) -> int:
        return sum(slot.unsure for slot in self.slots)

    @property
    def untimed(self) -> int:
        return sum(slot.untimed for slot in self.slots)

    @property
    def change(self) -> float | None:
        """By which part more came than before, half a day held against half a day; None when nobody did.

        What was not counted, now or then, is held against nothing.
        """
        pairs = zip(self.slots, self.before, strict=True)
        over = [(now, then) for now, then in pairs if now.over and not (now.gap or then.gap)]
        before = sum(then.inward for _, then in over)
        return sum(now.inward for now, _ in over) / before - 1 if before else None

    def labels(self) -> list[str]:
        """The slots' names."""
        whole_day = self.grain == "day"
        with_day = len({slot.day for slot in self.slots}) > 1
        return [slot.label(with_day=with_day, whole_day=whole_day) for slot in self.slots]


def grain_for(days: int, asked: str) -> str:
    """The grain asked for if so many slots can be drawn, else the finest that can."""
    fits = [grain for grain, most in (("quarter", 14), ("hour", 92), ("day", 10_000)) if days <= most]
    return asked if asked in fits else "hour" if days <= 3 else "day"


@dataclass(frozen=True)
class Asked:
    """Which counts of the chosen stores: in slots of which grain, of which door and of which of its lines."""

    grain: str
    device: str = ""  # all
    line: str = ""  # all


class _Row(NamedTuple):
    """The slots of some days, and what is known of what they miss."""

    slots: list[Slot]
    spans: dict[str, Span]
    devices: dict[str, list[str]]
    blind: Blind


async def view(session: AsyncSession, choice: Choice, asked: Asked, *, now_ms: int) -> View:
    """Read what `choice` says. Raises Invalid when there are too many slots."""
    back_days = -(-choice.days // 7) * 7
    now = await _row(session, choice, asked, 0, now_ms)
    then = await _row(session, choice, asked, back_days, now_ms)
    so_far = {store: (start, min(end, now_ms)) for store, (start, end) in now.spans.items()}
    parts = coverage_of(so_far, now.devices, now.blind)
    weights = {store: len(now.devices.get(store, ())) for store in parts}
    total = sum(weights.values())
    coverage = sum(parts[store] * weights[store] for store in parts) / total if total else 1.0
    lost = sum(numbers for losses in now.blind.losses.values() for _, numbers in losses)
    inside = None
    if choice.days == 1 and asked.grain != "day":
        inside = occupancy_of([slot for slot in now.slots if not slot.to_come])
    return View(now.slots, then.slots, back_days, asked.grain, now.devices, coverage, lost, inside)


async def _row(session: AsyncSession, choice: Choice, asked: Asked, back_days: int, now_ms: int) -> _Row:
    """The chosen days, moved back."""
    calendars = {store.id: choice.calendar(store) for store in choice.stores}
    days = [choice.first + timedelta(days=n - back_days) for n in range(choice.days)]
    spans = {store.id: choice.span(store, back_days) for store in choice.stores}
    quarters, devices, blind = [], {}, Blind({}, {})
    if spans:
        # Stores in other zones begin and end elsewhere; what falls outside the days is left out below.
        from_ms, until_ms = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
        quarters = await service.quarters(
            session,
            stores=choice.ids,
            from_ms=from_ms,
            until_ms=until_ms,
            device=asked.device,
            line=asked.line or None,
        )
        ended = {"from_ms": from_ms, "until_ms": min(until_ms, now_ms)}
        devices = await service.devices_of(session, stores=choice.ids, **ended)
        if asked.device:
            devices = {store: [asked.device] for store, names in devices.items() if asked.device in names}
        blind = await service.blind_spots(session, stores=choice.ids, now_ms=now_ms, **ended)
    try:
        slots = row_of(quarters, calendars, days, asked.grain, now_ms)
    except ValueError:
        raise Invalid({"grain": N_("too many slots: choose fewer days or a coarser grain")}) from None
    mark_coverage(slots, calendars, devices, blind, asked.grain, now_ms)
    return _Row(slots, spans, devices, blind)
