"""Sales areas for people at head office: how long visitors stay where and when, and how many are there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from central_server.calendar import day_of_number
from central_server.sales.choice import Choice, chosen, note_export
from central_server.traffic import service
from central_server.traffic.doors import Exporter, Name, Reader
from central_server.traffic.dwell import BOUNDS_S, CLASSES, Dwell, class_label, clock_text
from central_server.traffic.dwell_view import DwellView, Stay, dwell_view
from central_server.traffic.levels_view import Inside, LevelSlot, inside_now, levels
from central_server.web.charts import Chart, Series, bar_line_chart, heat_chart
from central_server.web.deps import ReadDb, now_ms, options_of
from central_server.web.forms import Filled
from central_server.web.render import page
from central_server.web.sheets import sheet_response
from central_server.web.tables import csv_response
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)
ZONES_SHOWN: Final = 40  # the most visited; all of them are in the file
LINES_SHOWN: Final = 6  # areas whose people are drawn; there are no more colours
LEVEL_DAYS_MAX: Final = 14
FIGURES: Final = {"mean": N_("Mean stay"), "median": N_("Median stay"), "visits": N_("Visits")}
_HEADS: Final = FIGURES | {"mean": N_("Mean stay, s"), "median": N_("Median stay, s")}
_FIGURE_OF: Final[dict[str, Callable[[Stay], float | None]]] = {
    "mean": lambda stay: _whole(stay.now.mean_s),
    "median": lambda stay: _whole(stay.now.median_s),
    "visits": lambda stay: stay.visits,
}
FILE_LABELS: Final = (
    N_("Store"),
    N_("Day"),
    N_("Hour"),
    N_("Area"),
    N_("Visits"),
    N_("Mean, s"),
    N_("Median, s"),
    N_("9 of 10 below, s"),
    N_("Time unsure"),
)


@router.get("/traffic/dwell")
async def dwell_page(
    request: Request, viewer: Reader, db: ReadDb, zone: Name = "", figure: Name = ""
) -> Response:
    choice = await chosen(request, db, viewer)
    figure = figure if figure in FIGURES else "mean"
    seen = await dwell_view(db, choice, zone=zone, now_ms=now_ms(request))
    # People in an area are told of one store: in those of a chain together nobody stands.
    one_store = len(choice.stores) == 1 and choice.days <= LEVEL_DAYS_MAX
    grain = "quarter" if choice.days == 1 else "hour"
    people = await levels(db, choice, grain=grain, zone=zone) if one_store else {}
    inside = await inside_now(db, choice, now_ms=now_ms(request)) if len(choice.stores) == 1 else []
    shown = list(seen.zones)[:ZONES_SHOWN]
    return page(
        request,
        viewer,
        "traffic/dwell.html",
        choice=choice,
        view=seen,
        shown=shown,
        form=Filled(values={"zone": zone, "figure": figure}),
        figures=FIGURES,
        inside=_together(inside),
        heat=_heat(seen, shown, figure, viewer.lang),
        hours=_hours(seen, viewer.lang),
        lengths=_lengths(seen.total, viewer.lang),
        people=_people({name: people[name] for name in shown if name in people}, viewer.lang),
        clock_text=clock_text,
        longest_s=BOUNDS_S[-1],
    )


@router.get("/traffic/dwell.{form}")
async def dwell_file(
    request: Request, viewer: Exporter, db: ReadDb, form: Literal["csv", "xlsx"], zone: Name = ""
) -> Response:
    """Every store, day, hour and area with visits, and how many visits there were of each length."""
    choice = await chosen(request, db, viewer)
    await note_export(request, viewer, N_("dwell"), choice)
    say = words(viewer.lang).gettext
    header = [*(say(label) for label in FILE_LABELS), *map(class_label, range(CLASSES))]
    rows_max = options_of(request).export_rows_max
    rows = _rows(db, choice, zone)
    if form == "xlsx":
        return await sheet_response("dwell.xlsx", header, rows, rows_max=rows_max, lang=viewer.lang)
    return csv_response("dwell.csv", header, rows, rows_max=rows_max, lang=viewer.lang)


async def _rows(db: ReadDb, choice: Choice, zone: str) -> AsyncIterator[list[object]]:
    for store in choice.stores:
        calendar = choice.calendar(store)
        from_ms, until_ms = choice.span(store)
        async for row in service.every_dwell_hour(
            db, stores=[store.id], from_ms=from_ms, until_ms=until_ms, zone=zone
        ):
            day, hour_ms = calendar.place(row.hour_ms)
            dwell = row.dwell
            when = [day_of_number(day).isoformat(), calendar.hour_of(hour_ms)]
            figures = [_tenth(each) for each in (dwell.mean_s, dwell.median_s, dwell.quantile_s(0.9))]
            yield [store.id, *when, row.zone, dwell.visits, *figures, dwell.untimed, *dwell.classes]


def _together(inside: Sequence[Inside]) -> dict[str, int | None]:
    """People now by area, of all cameras that watch it; None when one of them does not know."""
    people: dict[str, int | None] = {}
    for one in inside:
        known = people.get(one.zone, 0)
        people[one.zone] = None if known is None or one.people is None else known + one.people
    return people


def _heat(seen: DwellView, zones: Sequence[str], figure: str, lang: str) -> Chart:
    say = words(lang).gettext
    cells = [[seen.cell(zone, hour) for hour in seen.hours] for zone in zones]
    return heat_chart(
        say(_HEADS[figure]),
        [f"{hour:02}" for hour in seen.hours],
        zones,
        [[_FIGURE_OF[figure](cell) for cell in row] for row in cells],
        gaps=[[cell.gap and not cell.now.visits for cell in row] for row in cells],
        gap_label=say(N_("not seen")),
    )


def _hours(seen: DwellView, lang: str) -> Chart:
    say = words(lang).gettext
    stays = list(seen.hours.values())
    before = say(N_("Mean stay, %(n)s days before")) % {"n": seen.back_days}
    return bar_line_chart(
        say(N_("By hour")),
        [f"{hour:02}:00" for hour in seen.hours],
        bars=[Series(say(FIGURES["visits"]), [stay.visits for stay in stays])],
        lines=[
            Series(say(FIGURES["mean"]), [_whole(s.now.mean_s) for s in stays], unit="s", right_axis=True),
            Series(
                say(FIGURES["median"]), [_whole(s.now.median_s) for s in stays], unit="s", right_axis=True
            ),
            Series(before, [_whole(s.before.mean_s) for s in stays], unit="s", right_axis=True, dashed=True),
        ],
        category_label=say(N_("Hour")),
        gaps=[stay.gap for stay in stays],
        gap_label=say(N_("not seen")),
    )


def _lengths(total: Stay, lang: str) -> Chart:
    """Which part of the visits was of which length, now and before."""
    say = words(lang).gettext
    used = [n for n in range(CLASSES) if total.now.classes[n] or total.before.classes[n]]
    span = range(used[0], used[-1] + 1) if used else range(1)
    return bar_line_chart(
        say(N_("How long visits last")),
        [class_label(n) for n in span],
        bars=[Series(say(N_("Share of visits")), _shares(total.now, span), unit="%")],
        lines=[Series(say(N_("Before")), _shares(total.before, span), unit="%", dashed=True)],
        category_label=say(N_("Stay")),
    )


def _people(zones: dict[str, list[LevelSlot]], lang: str) -> Chart | None:
    """How many were in the areas: the mean of each, and of a single one the most, too."""
    say = words(lang).gettext
    some = dict(list(zones.items())[:LINES_SHOWN])
    known = [n for slots in some.values() for n, slot in enumerate(slots) if slot.most is not None]
    if not known:
        return None
    first, end = min(known), max(known) + 1
    slots = next(iter(some.values()))[first:end]
    with_day = len({slot.day for slot in slots}) > 1
    lines = [Series(name, [_tenth(slot.mean) for slot in row[first:end]]) for name, row in some.items()]
    if len(some) == 1:
        [row] = some.values()
        lines.append(Series(say(N_("Most at once")), [slot.most for slot in row[first:end]], dashed=True))
    labels = [slot.label(with_day=with_day) for slot in slots]
    return bar_line_chart(say(N_("People in the areas")), labels, lines=lines, category_label=say(N_("Time")))


def _shares(dwell: Dwell, span: range) -> list[float | None]:
    """Per cent of the visits; None of no visit."""
    return [round(100 * dwell.classes[n] / dwell.visits, 1) if dwell.visits else None for n in span]


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _tenth(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
