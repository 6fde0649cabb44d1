"""How many people were in which area in which slot, and how many are now: for the page and the API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import day_number
from central_server.errors import Invalid
from central_server.sales.choice import Choice
from central_server.traffic import service
from central_server.traffic.levels import HOLD_MS, Level
from central_server.traffic.series import GRAINS, SLOTS_MAX
from central_server.web.text import N_


@dataclass(frozen=True)
class LevelSlot:
    """People in one area in one slot; None when nobody knows."""

    day: date
    minute: int  # from local midnight
    mean: float | None = None
    most: int | None = None  # at once; of several cameras or stores the sum of each one's most

    def label(self, *, with_day: bool) -> str:
        """``09:15`` or ``11-22 09:15``."""
        clock = f"{self.minute // 60:02}:{self.minute % 60:02}"
        return f"{self.day:%m-%d} {clock}" if with_day else clock


@dataclass(frozen=True)
class Inside:
    """The newest sample of an area of one store; `people` is None when it is too old to be true."""

    store: str
    device: str
    zone: str
    people: int | None
    at_ms: int


async def levels(
    session: AsyncSession, choice: Choice, *, grain: str, zone: str = ""
) -> dict[str, list[LevelSlot]]:
    """Every slot of the chosen days by area, of one if said. Raises Invalid when there are too many slots."""
    step = GRAINS[grain]
    if choice.days * (24 * 60 // step) > SLOTS_MAX:
        raise Invalid({"grain": N_("too many slots: choose fewer days or a coarser grain")})
    calendars = {store.id: choice.calendar(store) for store in choice.stores}
    spans = [choice.span(store) for store in choice.stores]
    if not spans:
        return {}
    rows = await service.zone_levels(
        session,
        stores=choice.ids,
        from_ms=min(span[0] for span in spans),
        until_ms=max(span[1] for span in spans),
        zone=zone,
    )
    found: dict[str, dict[tuple[int, int], dict[tuple[str, str], Level]]] = {}
    for row in rows:
        calendar = calendars[row.store]
        day, hour_ms = calendar.place(row.quarter_ms)
        minute = calendar.hour_of(hour_ms) * 60 + (row.quarter_ms - hour_ms) // 60_000
        slot = found.setdefault(row.zone, {}).setdefault((day, minute - minute % step), {})
        slot.setdefault((row.store, row.device), Level()).add(row.level)
    days = [choice.first + timedelta(days=n) for n in range(choice.days)]
    return {name: list(_slots(slots, days, step)) for name, slots in sorted(found.items())}


async def inside_now(session: AsyncSession, choice: Choice, *, now_ms: int) -> list[Inside]:
    """The newest sample of each area of the chosen stores."""
    moment = {"from_ms": now_ms - 1, "until_ms": now_ms + 1}
    blind = await service.blind_spots(session, stores=choice.ids, now_ms=now_ms, **moment)
    return [
        Inside(
            row.store,
            row.device,
            row.zone,
            None if now_ms - row.at_ms > HOLD_MS or blind.of(row.store, row.device) else row.people,
            row.at_ms,
        )
        for row in await service.zones_now(session, stores=choice.ids)
    ]


def _slots(
    known: dict[tuple[int, int], dict[tuple[str, str], Level]], days: Sequence[date], step: int
) -> Iterator[LevelSlot]:
    for day in days:
        for minute in range(0, 24 * 60, step):
            by_camera = known.get((day_number(day), minute), {}).values()
            means = [level.mean for level in by_camera if level.mean is not None]
            most = sum(level.most for level in by_camera) if by_camera else None
            yield LevelSlot(day, minute, sum(means) if means else None, most)
