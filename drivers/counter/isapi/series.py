"""One region of one camera: readings become people, totals and windows never mixed."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

from drivers.counter.isapi.alerts import Alert, Counts, utc
from drivers.counter.isapi.options import IsapiOptions
from drivers.counter.totals import Total

WINDOWS_KEPT_MAX = 512  # of one region: five days of quarters of an hour
STALE = timedelta(
    hours=1
)  # a reading older than the last by less than this overtook nobody; older: a new clock


class Added(NamedTuple):
    """What a reading adds, or why it adds nothing."""

    inward: int = 0
    outward: int = 0
    why: str = ""  # "base", "reset", "jump", "replay", "stale", "other_kind", "incomplete"


class Series:
    """The readings of one region."""

    def __init__(self, options: IsapiOptions) -> None:
        self._options = options
        self._enter, self._exit = self._total(), self._total()
        self._cumulative_seen = False
        self._windows: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._last: datetime | None = None

    def _total(self) -> Total:
        options = self._options
        return Total(
            wrap=0,
            jump_max=options.jump_max,
            first_counts=options.first_counts,
            reset_counts=options.reset_counts,
        )

    def read(self, alert: Alert, counts: Counts) -> Added:
        """Takes one reading, whenever and however often it comes."""
        if counts.enter is None and counts.exit is None:
            return Added(why="incomplete")
        take = self._options.take
        if counts.kind == "cumulative":
            self._cumulative_seen = True
            return self._cumulative(alert, counts) if take != "window" else Added(why="other_kind")
        if take == "cumulative" or (take == "auto" and self._cumulative_seen):
            return Added(why="other_kind")
        return self._window(alert, counts)

    def _cumulative(self, alert: Alert, counts: Counts) -> Added:
        if alert.retransmitted:
            return Added(why="replay")  # the next total holds it
        now = utc(alert.time)
        if now is not None and self._last is not None and timedelta(0) < self._last - now < STALE:
            return Added(why="stale")
        self._last = now or self._last
        steps = [
            total.read(value)
            for total, value in ((self._enter, counts.enter), (self._exit, counts.exit))
            if value is not None
        ]
        whys = [step.why for step in steps if step.why]
        inward = steps[0].people if counts.enter is not None else 0
        outward = steps[-1].people if counts.exit is not None else 0
        return Added(inward, outward, "jump" if "jump" in whys else whys[0] if whys else "")

    def _window(self, alert: Alert, counts: Counts) -> Added:
        span = (counts.begin, counts.end) if counts.begin and counts.end else (alert.time, alert.time)
        if span in self._windows or (alert.retransmitted and not span[0]):
            return Added(why="replay")
        if span[0]:
            self._windows[span] = None
            if len(self._windows) > WINDOWS_KEPT_MAX:
                self._windows.popitem(last=False)
        inward, outward = counts.enter or 0, counts.exit or 0
        if inward > self._options.jump_max or outward > self._options.jump_max:
            return Added(why="jump")
        return Added(inward, outward)
