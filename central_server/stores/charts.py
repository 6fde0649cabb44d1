"""A store's health as charts: what waits, and what was down, hour by hour."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from central_server.calendar import HOUR_MS
from central_server.stores.models import HealthHour
from central_server.web.charts import Chart, Series, bar_line_chart
from central_server.web.formats import in_zone


def health_charts(hours: Sequence[HealthHour], timezone: str, _: Callable[[str], str]) -> list[Chart]:
    """Two charts; none without an hour. Hours in which nothing came are gaps."""
    if not hours:
        return []
    known = {row.hour_ms: row for row in hours}
    every = range(hours[0].hour_ms, hours[-1].hour_ms + 1, HOUR_MS)
    rows = [known.get(hour_ms) for hour_ms in every]
    labels = [in_zone(hour_ms, timezone).strftime("%m-%d %H:00") for hour_ms in every]
    waiting = Series(_("Events waiting, at most"), [row.outbox_rows_most if row else None for row in rows])
    beats = Series(_("Heartbeats"), [row.beats if row else 0 for row in rows])
    down = Series(_("Devices down, at most"), [row.devices_down_most if row else None for row in rows])
    hour = _("Hour")
    return [
        bar_line_chart(_("Heartbeats and devices"), labels, [beats], [down], category_label=hour),
        bar_line_chart(_("Waiting to be sent"), labels, lines=[waiting], category_label=hour),
    ]
