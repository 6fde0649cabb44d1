"""How long people stayed in which area at which hour, read once for the page, the file and the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import HOUR_MS, Calendar
from central_server.sales.choice import Choice
from central_server.stores.models import Store
from central_server.traffic import service
from central_server.traffic.coverage import Seen, hours_seen
from central_server.traffic.dwell import Dwell

SEEN_LEAST: Final = 0.95


@dataclass
class Stay:
    """The visits of an area, an hour, a store or all of them; then and now, and how much of it was seen."""

    now: Dwell = field(default_factory=Dwell)
    fair: Dwell = field(default_factory=Dwell)  # of `now`, hours that are over
    before: Dwell = field(default_factory=Dwell)  # the same hours, `back_days` earlier
    seen: Seen = field(default_factory=Seen)

    @property
    def gap(self) -> bool:
        """Whether cameras were blind for most of it."""
        return self.seen.gap

    @property
    def to_come(self) -> bool:
        """Whether nothing of it has begun."""
        return not self.seen.wanted_ms and not self.now.visits

    @property
    def visits(self) -> int | None:
        """How many visits; None when it is to come, or a gap in which nobody was seen."""
        return None if not self.now.visits and (self.to_come or self.gap) else self.now.visits

    @property
    def visits_change(self) -> float | None:
        """By which part more visits began than before."""
        return self.fair.visits / self.before.visits - 1 if self.before.visits else None

    @property
    def mean_change(self) -> float | None:
        """By which part visits lasted longer on average than before."""
        mean_s, before_s = self.fair.mean_s, self.before.mean_s
        return mean_s / before_s - 1 if mean_s is not None and before_s else None

    def add(self, other: Stay) -> None:
        """The visits of `other`, too."""
        self.now.add(other.now)
        self.fair.add(other.fair)
        self.before.add(other.before)
        self.seen.add(other.seen)


@dataclass(frozen=True)
class DwellView:
    """Visits of the chosen stores and days by area and local hour, and of the same weekdays before them."""

    back_days: int
    total: Stay
    zones: dict[str, Stay]  # the most visited first
    hours: dict[int, Stay]  # from the first in which anybody was, or nobody looked, to the last
    cells: dict[tuple[str, int], Stay]  # by area and hour; what is not there was nothing
    stores: list[tuple[Store, Stay]]
    names: list[str]  # every area, also when one was asked for
    lost_events: int  # counts that full disks took

    def cell(self, zone: str, hour: int) -> Stay:
        """One area in one hour of the day."""
        return self.cells.get((zone, hour)) or Stay()


async def dwell_view(session: AsyncSession, choice: Choice, *, zone: str = "", now_ms: int) -> DwellView:
    """Read what `choice` says, of one area if said. Raises Invalid when it is too much to add up."""
    back_days = -(-choice.days // 7) * 7
    sums = _Sums(choice, zone, now_ms)
    for calendar, some in _by_calendar(choice).items():
        for back in (0, back_days):
            await sums.add_visits(session, calendar, some, back)
        await sums.add_seen(session, calendar, some)
    total = Stay()
    by_zone: dict[str, Stay] = {}
    by_hour = {hour: Stay() for hour in _busy(sums.cells)}
    for (name, hour), cell in sums.cells.items():
        if hour in by_hour:
            by_hour[hour].add(cell)
        # A gap is held against nothing: fewer visits there are no fewer people.
        counted = Stay(now=cell.now, seen=cell.seen) if cell.gap else cell
        total.add(counted)
        by_zone.setdefault(name, Stay()).add(counted)
    ranked = dict(sorted(by_zone.items(), key=lambda one: (-one[1].now.visits, one[0])))
    league = [(store, _held(sums.stores[store.id])) for store in choice.stores]
    return DwellView(
        back_days, total, ranked, by_hour, sums.cells, league, sorted(sums.names), sums.lost_events
    )


class _Sums:
    """What is being added up: stores of one time zone at a time, for their hours are the same moments."""

    def __init__(self, choice: Choice, zone: str, now_ms: int) -> None:
        self._choice, self._zone, self._now_ms = choice, zone, now_ms
        self.cells: dict[tuple[str, int], Stay] = {}
        self.stores = {store.id: Stay() for store in choice.stores}
        self.names: set[str] = set()
        self.lost_events = 0

    async def add_visits(
        self, session: AsyncSession, calendar: Calendar, some: Sequence[Store], back_days: int
    ) -> None:
        """The visits of the chosen days, moved back.

        What began before the hour that runs, or that hour then, can be held against each other.
        """
        from_ms, until_ms = self._choice.span(some[0], back_days)
        midnight_ms, _ = calendar.bounds(calendar.day(self._now_ms) - timedelta(days=back_days))
        running_ms = midnight_ms + calendar.hour_of(calendar.place(self._now_ms)[1]) * HOUR_MS
        ids, back = [store.id for store in some], bool(back_days)
        for row in await service.dwell_hours(
            session, stores=ids, from_ms=from_ms, until_ms=until_ms, zone=self._zone
        ):
            stay = self.cells.setdefault((row.zone, calendar.hour_of(row.hour_ms)), Stay())
            _count(stay, row.dwell, back=back, over=row.hour_ms < running_ms)
        cut_ms = min(max(from_ms, running_ms), until_ms)
        for begin_ms, end_ms in ((from_ms, cut_ms), (cut_ms, until_ms)):
            found = await service.dwell_by_store(
                session, stores=ids, from_ms=begin_ms, until_ms=end_ms, zone=self._zone
            )
            for store, dwell in found.items():
                _count(self.stores[store], dwell, back=back, over=begin_ms < cut_ms)

    async def add_seen(self, session: AsyncSession, calendar: Calendar, some: Sequence[Store]) -> None:
        """For how long cameras were to see the areas in the chosen days so far, and did not."""
        ids = [store.id for store in some]
        from_ms, end_ms = self._choice.span(some[0])
        span = (from_ms, min(end_ms, self._now_ms))
        asked = {"from_ms": span[0], "until_ms": span[1]}
        blind = await service.blind_spots(session, stores=ids, now_ms=self._now_ms, **asked)
        zones = await service.zones_of(session, stores=ids, **asked)
        self.names.update(*zones.values())
        if self._zone:
            zones = {camera: [self._zone] for camera, names in zones.items() if self._zone in names}
        calendars, spans = dict.fromkeys(ids, calendar), dict.fromkeys(ids, span)
        for (store, name, hour), seen in hours_seen(blind, zones, calendars, spans).items():
            self.cells.setdefault((name, hour), Stay()).seen.add(seen)
            self.stores[store].seen.add(seen)
        self.lost_events += sum(numbers for losses in blind.losses.values() for _, numbers in losses)


def _held(stay: Stay) -> Stay:
    """A store is not read by the hour, so it is held against before only when nearly all of it was seen."""
    return stay if stay.seen.part >= SEEN_LEAST else Stay(now=stay.now, seen=stay.seen)


def _count(stay: Stay, dwell: Dwell, *, back: bool, over: bool) -> None:
    if not back:
        stay.now.add(dwell)
    if over:
        (stay.before if back else stay.fair).add(dwell)


def _by_calendar(choice: Choice) -> dict[Calendar, list[Store]]:
    """The chosen stores by time zone."""
    groups: dict[Calendar, list[Store]] = {}
    for store in choice.stores:
        groups.setdefault(choice.calendar(store), []).append(store)
    return groups


def _busy(cells: Mapping[tuple[str, int], Stay]) -> range:
    """The hours from the first in which anybody was, or nobody looked, to the last."""
    hours = [
        hour
        for (_, hour), cell in cells.items()
        if cell.now.visits or cell.before.visits or (cell.gap and cell.seen.wanted_ms)
    ]
    return range(min(hours, default=9), max(hours, default=20) + 1)
