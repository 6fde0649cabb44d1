"""One device: its reports become people, once each, totals and periods never mixed."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from drivers.counter.lora.options import LoraOptions
from drivers.counter.lora.uplinks import Uplink
from drivers.counter.totals import Total

FRAMES_KEPT_MAX = 64
HISTORY_KEPT_MAX = 512
_NAMED = re.compile(r"(?:line_(\d)_)?(?:people_)?(total|period)_(in|out)")
_SAME = {
    "total_a": ("", "total", "in"),
    "total_b": ("", "total", "out"),
    "counter_a": ("", "period", "in"),
    "counter_b": ("", "period", "out"),
    "people_in": ("", "period", "in"),
    "people_out": ("", "period", "out"),
}
# A VS133's totals have 32 bits, all others' 16.
WRAPS = {"vs133": 2**32}
WRAP = 2**16


class Added(NamedTuple):
    """People of one line of a device."""

    line: str  # "1" … of a VS133; empty when there is but one
    inward: int
    outward: int
    why: str = ""  # "base", "wrap", "reset", "jump"


def counts_in(fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Line, "total" or "period", "in" or "out", and the number, of a payload's fields."""
    for name, value in fields.items():
        found = _NAMED.fullmatch(name)
        line, kind, way = (found[1] or "", found[2], found[3]) if found else _SAME.get(name, ("", "", ""))
        if kind and isinstance(value, int):
            yield line, kind, way, value


class Device:
    """What is remembered of one."""

    def __init__(self, options: LoraOptions) -> None:
        self._options = options
        self._totals: dict[tuple[str, str], Total] = {}
        self._totals_seen = False
        self._frames: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._history: OrderedDict[int, None] = OrderedDict()

    def is_new(self, uplink: Uplink) -> bool:
        """Whether this frame was not seen before: servers push again when they got no answer."""
        if uplink.counter is None:
            return True
        return _unseen(self._frames, (uplink.session, uplink.counter), FRAMES_KEPT_MAX)

    def overtaken(self, uplink: Uplink) -> bool:
        """Whether a later frame of the session came before this one."""
        if uplink.counter is None:
            return False
        return any(session == uplink.session and n > uplink.counter for session, n in self._frames)

    def read(self, fields: Mapping[str, Any], *, overtaken: bool) -> list[Added]:
        """What a payload adds, by line."""
        counts = list(counts_in(fields))
        take = self._options.take
        totals = [each for each in counts if each[1] == "total"]
        self._totals_seen = self._totals_seen or bool(totals)
        if take != "periods" and totals:
            # A total that comes late is in the one that came before it.
            return [] if overtaken else self._read_totals(totals, str(fields.get("model", "")))
        if take == "totals" or (take == "auto" and self._totals_seen):
            return []
        rows = [each for each in counts if each[1] == "period"]
        added = [_sum(rows, self._options.jump_max)] if rows else []
        for row in fields.get("history", ()):
            old = [each for each in counts_in(row) if each[1] == "period"]
            if old and _unseen(self._history, row["timestamp"], HISTORY_KEPT_MAX):
                added.append(_sum(old, self._options.jump_max))
        return [each for row in added for each in row]

    def _read_totals(self, totals: list[tuple[str, str, str, int]], model: str) -> list[Added]:
        added: dict[str, Added] = {}
        for line, _, way, value in totals:
            total = self._totals.get((line, way))
            if total is None:
                total = self._totals[line, way] = Total(
                    wrap=WRAPS.get(model, WRAP),
                    jump_max=self._options.jump_max,
                    first_counts=self._options.first_counts,
                )
            step = total.read(value)
            before = added.get(line, Added(line, 0, 0))
            added[line] = Added(
                line,
                before.inward + step.people * (way == "in"),
                before.outward + step.people * (way == "out"),
                "jump" if "jump" in (step.why, before.why) else before.why or step.why,
            )
        return list(added.values())


def _sum(rows: list[tuple[str, str, str, int]], jump_max: int) -> list[Added]:
    lines: dict[str, Added] = {}
    for line, _, way, value in rows:
        before = lines.get(line, Added(line, 0, 0))
        if value > jump_max:
            lines[line] = before._replace(why="jump")
        elif way == "in":
            lines[line] = before._replace(inward=max(0, value))
        else:
            lines[line] = before._replace(outward=max(0, value))
    return list(lines.values())


def _unseen(seen: OrderedDict[Any, None], key: Any, most: int) -> bool:
    if key in seen:
        return False
    seen[key] = None
    if len(seen) > most:
        seen.popitem(last=False)
    return True
