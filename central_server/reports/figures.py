"""Visitors and sales side by side, by store, local day and local hour. Reads across, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import day_number
from central_server.reports.metrics import Figures
from central_server.sales import service as sales
from central_server.sales.choice import Choice
from central_server.stores.models import Store
from central_server.traffic import service as traffic
from central_server.traffic.coverage import Seen, hours_seen
from central_server.traffic.series import coverage_of

Key = tuple[str, int, int]  # store, day as 20261122, local hour 0..23


@dataclass
class Cells:
    """Figures by store, day and hour; what is not there was nothing."""

    currency: str
    cells: dict[Key, Figures] = field(default_factory=dict)
    other_currencies: set[str] = field(default_factory=set)  # taken too, and in no sum

    def at(self, key: Key) -> Figures:
        """The cell to add to."""
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Figures()
        return cell

    def total(self, wanted: Callable[[Key], bool]) -> Figures:
        """The sum of the cells that are wanted."""
        sums = Figures()
        for key, cell in self.cells.items():
            if wanted(key):
                sums.add(cell)
        return sums

    def by(self, part: int, wanted: Callable[[Key], bool]) -> dict[str | int, Figures]:
        """Sums by store (part 0), day (1) or hour (2)."""
        sums: dict[str | int, Figures] = {}
        for key, cell in self.cells.items():
            if wanted(key):
                sums.setdefault(key[part], Figures()).add(cell)
        return sums


async def load(session: AsyncSession, choice: Choice, *, first: date) -> Cells:
    """The chosen stores from the day `first` to the last one chosen. Raises Invalid when that is too much.

    Revenue is that of the commonest currency among the stores; what was taken in others is named, not added.
    """
    cells = Cells(currency_of(choice.stores))
    if not choice.stores:
        return cells
    calendars = {store.id: choice.calendar(store) for store in choice.stores}
    from_ms = min(calendar.bounds(first)[0] for calendar in calendars.values())
    until_ms = max(calendar.bounds(choice.last)[1] for calendar in calendars.values())
    hours: dict[tuple[str, int], int] = {}

    def key_of(store: str, at_ms: int) -> Key:
        day, hour_ms = calendars[store].place(at_ms)
        hour = hours.get((store, hour_ms))
        if hour is None:
            hour = hours[store, hour_ms] = calendars[store].hour_of(hour_ms)
        return store, day, hour

    for quarter in await traffic.quarters(session, stores=choice.ids, from_ms=from_ms, until_ms=until_ms):
        cells.at(key_of(quarter.store, quarter.quarter_ms)).visitors += quarter.inward
    # A store without a counter, or on a day when it was blind, sells to visitors that nobody counted.
    counted = {key[:2] for key, cell in cells.cells.items() if cell.visitors}
    for taken in await sales.hours(session, stores=choice.ids, from_ms=from_ms, until_ms=until_ms):
        key = key_of(taken.store, taken.hour_ms)
        cell = cells.at(key)
        uncounted = key[:2] not in counted
        cell.uncounted_sales += taken.sales * uncounted
        cell.sales += taken.sales
        cell.returns += taken.returns
        cell.items_milli += taken.items_milli
        cell.member_sales += taken.member_sales
        if taken.currency == cells.currency:
            cell.revenue_minor += taken.revenue_minor
            cell.uncounted_revenue_minor += taken.revenue_minor * uncounted
            cell.member_revenue_minor += taken.member_revenue_minor
        else:
            cells.other_currencies.add(taken.currency)
    return cells


@dataclass(frozen=True)
class Coverage:
    """The part 0..1 of the chosen days, so far, in which counters counted."""

    stores: dict[str, float]
    hours: dict[int, Seen]  # by local hour, of all stores together


async def coverage(session: AsyncSession, choice: Choice, *, now_ms: int) -> Coverage:
    """How much each store's counters counted, and all of them in each hour of the day."""
    if not choice.stores:
        return Coverage({}, {})
    spans = {store.id: choice.span(store) for store in choice.stores}
    so_far = {store: (start, min(end, now_ms)) for store, (start, end) in spans.items()}
    bounds = {"from_ms": min(s for s, _ in so_far.values()), "until_ms": max(e for _, e in so_far.values())}
    devices = await traffic.devices_of(session, stores=choice.ids, **bounds)
    blind = await traffic.blind_spots(session, stores=choice.ids, now_ms=now_ms, **bounds)
    hours: dict[int, Seen] = {}
    doors = {(store, device): ("",) for store, names in devices.items() for device in names}
    calendars = {store.id: choice.calendar(store) for store in choice.stores}
    for (_, _, hour), seen in hours_seen(blind, doors, calendars, so_far).items():
        hours.setdefault(hour, Seen()).add(seen)
    return Coverage(coverage_of(so_far, devices, blind), hours)


def currency_of(stores: Iterable[Store]) -> str:
    """The currency most of these stores take."""
    counts = Counter(store.currency for store in stores)
    return counts.most_common(1)[0][0] if counts else "CNY"


def day_numbers(first: date, last: date) -> list[int]:
    """Every day from `first` to `last`, as 20261122."""
    return [day_number(first + timedelta(days=n)) for n in range((last - first).days + 1)]


def over(choice: Choice, now_ms: int) -> Callable[[Key], bool]:
    """Whether an hour is over in its store, so that today can be held against a day that was whole."""
    now: dict[str, tuple[int, int]] = {}
    for store in choice.stores:
        calendar = choice.calendar(store)
        day, hour_ms = calendar.place(now_ms)
        now[store.id] = day, calendar.hour_of(hour_ms)
    return lambda key: (key[1], key[2]) < now[key[0]]
