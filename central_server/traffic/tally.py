"""Facts of counters and cameras added up by time and place. Pure: used on arrival and to check the sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from central_server.calendar import AHEAD_MS, FLOOR_MS, QUARTER_MS, Calendar, believed
from central_server.facts import Fact
from central_server.traffic.dwell import Dwell
from central_server.traffic.levels import Sample
from sync.contract.events import Occupancy, Passed, Visited

PEOPLE_MAX = 10_000  # in one event; a counter that says more, or less than none, is broken
NAME_MAX = 64  # of a device or a line; longer is cut

Place = tuple[int, str, str]  # quarter_ms, device, line
Cell = list[int]  # inward, outward, unsure, untimed
Hour = tuple[int, str, str]  # hour_ms (the moment the local hour began), device, zone


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


def tally_visits(facts: Iterable[Fact[Visited]], calendar: Calendar, now_ms: int) -> dict[Hour, Dwell]:
    """Visits by the local hour in which they began, device and zone. Adds up as `tally` does.

    Raises ValueError for a visit that cannot be.
    """
    hours: dict[Hour, Dwell] = {}
    for fact in facts:
        event = fact.event
        left_ms, sure = believed(fact.stamp, now_ms)
        hour_ms = calendar.place(left_ms - event.dwell_ms)[1]
        place = (hour_ms, plain(event.device), plain(event.zone))
        hours.setdefault(place, Dwell()).count(event.dwell_ms, sure=bool(sure))
    return hours


def samples_by_zone(facts: Iterable[Fact[Occupancy]], now_ms: int) -> dict[tuple[str, str], list[Sample]]:
    """Samples in their order, by device and zone. Raises ValueError for a number that cannot be."""
    zones: dict[tuple[str, str], list[Sample]] = {}
    for fact in facts:
        event = fact.event
        if not 0 <= event.people <= PEOPLE_MAX:
            raise ValueError(f"{event.people} in an area are no people")
        sample = Sample(believed(fact.stamp, now_ms)[0], event.people)
        zones.setdefault((plain(event.device), plain(event.zone)), []).append(sample)
    return zones


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
