"""Visitors for people at head office: in, out and inside, against the same weekday before."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import Response

from central_server.sales.choice import chosen, note_export
from central_server.traffic import service, zone_pages
from central_server.traffic.doors import Exporter, Name, Reader
from central_server.traffic.view import Asked, View, grain_for, view
from central_server.web.charts import Chart, Series, bar_line_chart
from central_server.web.deps import ReadDb, now_ms, options_of
from central_server.web.forms import Filled
from central_server.web.render import page
from central_server.web.tables import csv_response
from central_server.web.text import N_, words

router = APIRouter(include_in_schema=False)
router.include_router(zone_pages.router)
GRAIN_LABELS = {"quarter": N_("15 minutes"), "hour": N_("Hour"), "day": N_("Day")}
CSV_LABELS = (
    N_("Day"),
    N_("Time"),
    N_("In"),
    N_("Out"),
    N_("In before"),
    N_("Unsure"),
    N_("Time unsure"),
    N_("Coverage"),
)


@router.get("/traffic")
async def traffic(
    request: Request, viewer: Reader, db: ReadDb, grain: Name = "", device: Name = "", line: Name = ""
) -> Response:
    choice = await chosen(request, db, viewer)
    grain = grain_for(choice.days, grain)
    seen = await view(db, choice, Asked(grain, device, line), now_ms=now_ms(request))
    spans = [choice.span(store) for store in choice.stores]
    lines = await service.lines_of(
        db,
        stores=choice.ids,
        from_ms=min((span[0] for span in spans), default=0),
        until_ms=max((span[1] for span in spans), default=0),
        device=device,
    )
    return page(
        request,
        viewer,
        "traffic/traffic.html",
        choice=choice,
        view=seen,
        rows=list(zip(seen.labels(), seen.slots, seen.before, strict=True)),
        chart=_chart(seen, viewer.lang),
        form=Filled(values={"grain": grain, "device": device, "line": line}),
        grain_labels=GRAIN_LABELS,
        doors=sorted({name for names in seen.devices.values() for name in names} | ({device} - {""})),
        lines=sorted({*lines, line} - {""}),
        is_today=choice.last == choice.today,
    )


@router.get("/traffic.csv")
async def traffic_csv(
    request: Request, viewer: Exporter, db: ReadDb, grain: Name = "", device: Name = "", line: Name = ""
) -> Response:
    say = words(viewer.lang).gettext
    choice = await chosen(request, db, viewer)
    asked = Asked(grain_for(choice.days, grain), device, line)
    seen = await view(db, choice, asked, now_ms=now_ms(request))
    await note_export(request, viewer, N_("traffic"), choice)

    async def lines() -> AsyncIterator[list[object]]:
        for label, slot, then in zip(seen.labels(), seen.slots, seen.before, strict=True):
            people = [None, None] if slot.blank else [slot.inward, slot.outward]
            figures = [*people, None if then.blank else then.inward, slot.unsure, slot.untimed]
            yield [slot.day.isoformat(), label, *figures, round(slot.coverage, 4)]

    header = [say(label) for label in CSV_LABELS]
    rows_max = options_of(request).export_rows_max
    return csv_response("traffic.csv", header, lines(), rows_max=rows_max, lang=viewer.lang)


def _chart(seen: View, lang: str) -> Chart:
    say = words(lang).gettext
    first, end = _open(seen)
    slots, before, labels = seen.slots[first:end], seen.before[first:end], seen.labels()[first:end]
    lines = [
        Series(
            say(N_("In, %(n)s days before")) % {"n": seen.back_days},
            [None if slot.blank else slot.inward for slot in before],
            dashed=True,
        )
    ]
    if seen.occupancy is not None:
        inside: list[float | None] = [*seen.occupancy.inside]
        inside += [None] * (len(seen.slots) - len(inside))
        lines.append(Series(say(N_("Inside")), inside[first:end], right_axis=True))
    return bar_line_chart(
        say(N_("Visitors")),
        labels,
        bars=[
            Series(say(N_("In")), [None if slot.blank else slot.inward for slot in slots]),
            Series(say(N_("Out")), [None if slot.blank else slot.outward for slot in slots]),
        ],
        lines=lines,
        gaps=[slot.gap for slot in slots],
        gap_label=say(N_("not counted")),
        category_label=say(N_("Time")),
    )


def _open(seen: View) -> tuple[int, int]:
    """From the first slot in which anybody passed, or nobody looked, to behind the last; else all of them."""
    busy = [
        n
        for n, (slot, then) in enumerate(zip(seen.slots, seen.before, strict=True))
        if slot.gap or slot.inward + slot.outward + then.inward + then.outward
    ]
    return (busy[0], busy[-1] + 1) if busy else (0, len(seen.slots))
