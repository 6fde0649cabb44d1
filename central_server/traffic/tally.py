"""Facts of a counter added up by quarter of an hour. Pure: used on arrival and to check the sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from central_server.calendar import AHEAD_MS, FLOOR_MS, QUARTER_MS
from central_server.facts import Fact
from sync.contract.events import Passed

PEOPLE_MAX = 10_000  # in one event; a counter that says more, or less than none, is broken
NAME_MAX = 64  # of a device or a line; longer is cut

Place = tuple[int, str, str]  # quarter_ms, device, line
Cell = list[int]  # inward, outward, unsure, untimed


def tally(facts: Iterable[Fact[Passed]], now_ms: int) -> dict[Place, Cell]:
    """People in and out by quarter, device and line. A time that cannot be is taken as `now_ms`.

    The sum over any split of the facts is the tally of them all (with the same `now_ms`). Raises ValueError
    for a count that cannot be.
    """
    cells: dict[Place, Cell] = {}
    latest_ms = now_ms + AHEAD_MS
    for fact in facts:
        event, stamp = fact.event, fact.stamp
        inward, outward, at_ms, sure = event.inward, event.outward, stamp.wall_ms, stamp.sure
        if not FLOOR_MS <= at_ms <= latest_ms:
            at_ms, sure = now_ms, False
        if not (0 <= inward <= PEOPLE_MAX and 0 <= outward <= PEOPLE_MAX):
            raise ValueError(f"{inward} in and {outward} out at once are no people")
        place = (at_ms - at_ms % QUARTER_MS, event.device, event.line)
        cell = cells.get(place)
        if cell is None:
            place = (place[0], plain(event.device), plain(event.line))
            cell = cells.setdefault(place, [0, 0, 0, 0])
        cell[0] += inward
        cell[1] += outward
        if event.unsure:
            cell[2] += inward + outward
        if not sure:
            cell[3] += inward + outward
    return cells


def plain(name: str, most: int = NAME_MAX) -> str:
    """`name` as a database and a page can take it: no control characters, and not endless."""
    if len(name) <= most and name.isprintable():
        return name
    return "".join(sign if sign.isprintable() else " " for sign in name[:most])


def recount(events: Sequence[Fact[Passed]], now_ms: int, quarter_ms: int, device: str) -> tuple[int, int]:
    """(inward, outward) of one device in one quarter, from the raw facts: what the table must say too."""
    chosen = [
        cell for (at, name, _), cell in tally(events, now_ms).items() if (at, name) == (quarter_ms, device)
    ]
    return sum(cell[0] for cell in chosen), sum(cell[1] for cell in chosen)
