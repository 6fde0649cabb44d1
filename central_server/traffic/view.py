"""What the page, the file and the API of traffic show, read once for all three."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Invalid
from central_server.sales.choice import Choice
from central_server.traffic import service
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
        """By which part more came than before, half a day held against half a day; None when nobody did."""
        over = [(now, then) for now, then in zip(self.slots, self.before, strict=True) if now.over]
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


async def view(session: AsyncSession, choice: Choice, *, grain: str, device: str = "", now_ms: int) -> View:
    """Read what `choice` says. Raises Invalid when there are too many slots."""
    back_days = -(-choice.days // 7) * 7
    calendars = {store.id: choice.calendar(store) for store in choice.stores}
    rows = []
    for back in (0, back_days):
        spans = [choice.span(store, back) for store in choice.stores]
        days = [choice.first + timedelta(days=n - back) for n in range(choice.days)]
        quarters = []
        if spans:
            # Stores in other zones begin and end elsewhere; what falls outside the days is left out below.
            quarters = await service.quarters(
                session,
                stores=choice.ids,
                from_ms=min(span[0] for span in spans),
                until_ms=max(span[1] for span in spans),
                device=device,
            )
        try:
            rows.append(row_of(quarters, calendars, days, grain, now_ms))
        except ValueError:
            raise Invalid({"grain": N_("too many slots: choose fewer days or a coarser grain")}) from None
    spans_by_store = {store.id: choice.span(store) for store in choice.stores}
    devices, coverage, lost = {}, 1.0, 0
    if spans_by_store:
        bounds = {
            "from_ms": min(span[0] for span in spans_by_store.values()),
            "until_ms": min(max(span[1] for span in spans_by_store.values()), now_ms),
        }
        devices = await service.devices_of(session, stores=choice.ids, **bounds)
        if device:
            devices = {store: [device] for store, names in devices.items() if device in names}
        blind = await service.blind_spots(session, stores=choice.ids, now_ms=now_ms, **bounds)
        mark_coverage(rows[0], calendars, devices, blind, grain)
        so_far = {store: (start, min(end, now_ms)) for store, (start, end) in spans_by_store.items()}
        parts = coverage_of(so_far, devices, blind)
        weights = {store: len(devices.get(store, ())) for store in parts}
        total = sum(weights.values())
        coverage = sum(parts[store] * weights[store] for store in parts) / total if total else 1.0
        lost = sum(numbers for losses in blind.losses.values() for _, numbers in losses)
    inside = None
    if choice.days == 1 and grain != "day":
        inside = occupancy_of([slot for slot in rows[0] if not slot.to_come])
    return View(rows[0], rows[1], back_days, grain, devices, coverage, lost, inside)
