"""The overview: tiles, the day by hours, the stores in order. Shared by page, file and API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import day_number
from central_server.reports.figures import Cells, coverage, day_numbers, load, over
from central_server.reports.metrics import METRICS, TILES, Figures, Metric, change
from central_server.sales.choice import Choice
from central_server.stores.models import Store
from central_server.traffic.coverage import Seen

SPARK_DAYS = 14
OF_VISITORS = ("visitors", "conversion", "spend_per_visitor")


@dataclass(frozen=True)
class Tile:
    """One figure of the whole choice, against the same weekdays before, and its last 14 whole days."""

    metric: Metric
    value: float | None
    change: float | None
    spark: list[float | None]


@dataclass(frozen=True)
class HourRow:
    """One hour of the day over all chosen days and stores; None where it has not come yet."""

    hour: int
    now: Figures | None
    before: Figures
    gap: bool  # for most of it counters were out

    def value(self, metric: Metric) -> float | None:
        """A figure of the hour; None when it has not come, or rests on visitors whom nobody counted."""
        if self.now is None or (self.gap and metric.id in OF_VISITORS and not _is_count(metric, self.now)):
            return None
        return metric.of(self.now)


@dataclass(frozen=True)
class StoreRow:
    """One store of the league table."""

    store: Store
    figures: Figures
    values: dict[str, float | None]  # by metric id
    changes: dict[str, float | None]
    coverage: float


@dataclass(frozen=True)
class Overview:
    """Everything of the page."""

    currency: str
    other_currencies: list[str]
    back_days: int
    total: Figures
    tiles: list[Tile]
    hours: list[HourRow]
    league: list[StoreRow]
    coverage: float


async def overview(session: AsyncSession, choice: Choice, *, sort: str = "-revenue", now_ms: int) -> Overview:
    """Read what `choice` says. `sort` is a metric's id, with - in front for the largest first."""
    back_days = -(-choice.days // 7) * 7
    first = min(choice.first - timedelta(days=back_days), choice.last - timedelta(days=SPARK_DAYS))
    cells = await load(session, choice, first=first)
    covered = await coverage(session, choice, now_ms=now_ms)
    days = set(day_numbers(choice.first, choice.last))
    then = {
        day_number(choice.first + timedelta(days=n - back_days)): day_number(choice.first + timedelta(days=n))
        for n in range(choice.days)
    }
    is_over = over(choice, now_ms)
    total = cells.total(lambda key: key[1] in days)
    # Held against each other are only hours that are over now: half a day against the same half.
    fair_now = cells.by(0, lambda key: key[1] in days and is_over(key))
    fair_then = cells.by(0, lambda key: key[1] in then and is_over((key[0], then[key[1]], key[2])))
    now_sum, then_sum = _sum(fair_now.values()), _sum(fair_then.values())
    sparks = cells.by(1, lambda key: True)
    # A day that is not over would end every line with a fall.
    last = choice.last - timedelta(days=1) if choice.last >= choice.today else choice.last
    fortnight = day_numbers(last - timedelta(days=SPARK_DAYS - 1), last)
    tiles = [
        Tile(
            metric,
            metric.of(total),
            change(metric.of(now_sum), metric.of(then_sum)),
            [metric.of(sparks.get(day, Figures())) for day in fortnight],
        )
        for metric in (METRICS[name] for name in TILES)
    ]
    by_store = cells.by(0, lambda key: key[1] in days)
    league = [
        StoreRow(
            store,
            figures := by_store.get(store.id, Figures()),
            {metric.id: metric.of(figures) for metric in METRICS.values()},
            {
                metric.id: change(
                    metric.of(fair_now.get(store.id, Figures())),
                    metric.of(fair_then.get(store.id, Figures())),
                )
                for metric in METRICS.values()
            },
            covered.stores.get(store.id, 1.0),
        )
        for store in choice.stores
    ]
    return Overview(
        cells.currency,
        sorted(cells.other_currencies),
        back_days,
        total,
        tiles,
        _hours(choice, cells, days, set(then), covered.hours, now_ms),
        in_order(league, sort),
        min(covered.stores.values(), default=1.0),
    )


def in_order(league: list[StoreRow], sort: str) -> list[StoreRow]:
    """The league by a metric; stores without that figure come last, whichever way it is turned."""
    name = sort.removeprefix("-")
    if name not in METRICS:
        return sorted(league, key=lambda row: row.store.id, reverse=sort == "-store")
    sign = -1 if sort.startswith("-") else 1

    def rank(row: StoreRow) -> tuple[bool, float, str]:
        value = row.values[name]
        return value is None, sign * (value or 0.0), row.store.id

    return sorted(league, key=rank)


def _is_count(metric: Metric, figures: Figures) -> bool:
    """Whether the figure is how many visitors were counted, and some were: true as far as it goes."""
    return metric.id == "visitors" and figures.visitors > 0


def _hours(
    choice: Choice, cells: Cells, days: set[int], then: set[int], seen: dict[int, Seen], now_ms: int
) -> list[HourRow]:
    now, before = cells.by(2, lambda key: key[1] in days), cells.by(2, lambda key: key[1] in then)
    rows = [
        HourRow(
            hour,
            now.get(hour, Figures()) if _has_begun(choice, hour, now_ms) else None,
            before.get(hour, Figures()),
            seen.get(hour, Seen()).gap,
        )
        for hour in range(24)
    ]
    busy = [row.hour for row in rows if row.before != Figures() or row.now not in (None, Figures())]
    return rows[busy[0] : busy[-1] + 1] if busy else rows[8:22]


def _has_begun(choice: Choice, hour: int, now_ms: int) -> bool:
    """Whether that hour has begun, in any store, on any of the chosen days."""
    if choice.first < choice.today:
        return True
    for store in choice.stores:
        calendar = choice.calendar(store)
        today: date = calendar.day(now_ms)
        if choice.first < today or (choice.first == today and hour <= calendar.hour_of(now_ms)):
            return True
    return False


def _sum(some: Iterable[Figures]) -> Figures:
    total = Figures()
    for one in some:
        total.add(one)
    return total
