"""Which part of a time was really counted, so that a low figure can be told from a blind one. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from central_server.calendar import HOUR_MS, Calendar

Span = tuple[int, int]  # from_ms, until_ms
Camera = tuple[str, str]  # store, device
COUNTED_LEAST: Final = 0.5  # the part of a time that must have been counted, or else it is a gap


class Blind(NamedTuple):
    """What is known not to have been counted in a span of time."""

    outages: dict[Camera, list[Span]]
    losses: dict[str, list[tuple[int, int]]]  # by store: (at_ms, events lost to a full disk)
    # By store: its box was not there, and so none of its devices.
    absences: Mapping[str, list[Span]] = MappingProxyType({})

    def of(self, store: str, device: str) -> list[Span]:
        """When that device did not count; spans may overlap."""
        return self.outages.get((store, device), []) + self.absences.get(store, [])


@dataclass
class Seen:
    """For how long something was to be watched, and for how much of that nobody could."""

    wanted_ms: int = 0
    blind_ms: int = 0

    @property
    def part(self) -> float:
        """The part 0..1 that was watched; 1 when nothing was to be."""
        return 1.0 - self.blind_ms / self.wanted_ms if self.wanted_ms else 1.0

    @property
    def gap(self) -> bool:
        """Whether most of it was not."""
        return self.part < COUNTED_LEAST

    def add(self, other: Seen) -> None:
        """Another time, or another camera."""
        self.wanted_ms += other.wanted_ms
        self.blind_ms += other.blind_ms


def covered(outages: Mapping[str, Iterable[Span]], devices: Sequence[str], span: Span) -> float:
    """The part 0..1 of `span` in which `devices` counted, all of them weighing the same.

    `outages` says for each device when it did not count; spans may overlap. No device: nothing was counted,
    but nothing was expected either, so 1.
    """
    start, end = span
    if not devices or end <= start:
        return 1.0
    blind = sum(_union_ms(outages.get(device, ()), span) for device in devices)
    return 1.0 - blind / ((end - start) * len(devices))


def blind_parts(
    spans: Iterable[Span], starts: Sequence[int], length_ms: int, until_ms: int
) -> Iterator[tuple[int, float]]:
    """Of slots that `spans` reach into: which one, and a part 0..1 of it that lies in them.

    A slot begins at one of `starts`, which are in order, and lasts for `length_ms`, but not past `until_ms`.
    One slot may come several times: its parts add up. Only what is touched is looked at.
    """
    if not starts:
        return
    for first, last in _union(spans, (starts[0], min(starts[-1] + length_ms, until_ms))):
        for number in range(bisect_right(starts, first - length_ms), bisect_left(starts, last)):
            start, end = starts[number], min(starts[number] + length_ms, until_ms)
            yield number, (min(last, end) - max(first, start)) / (end - start)


def hours_seen(
    blind: Blind,
    zones: Mapping[Camera, Collection[str]],
    calendars: Mapping[str, Calendar],
    spans: Mapping[str, Span],
) -> dict[tuple[str, str, int], Seen]:
    """For how long each (store, area, local hour of the day) was to be seen, and was, over the store's span.

    `zones` says which areas each camera watches, `spans` and `calendars` go by store. An hour outside its
    store's span is not there.
    """
    seen: dict[tuple[str, str, int], Seen] = {}
    whole: dict[tuple[int, Span], dict[int, int]] = {}
    for (store, device), names in zones.items():
        calendar, span = calendars[store], spans[store]
        wanted = whole.get((id(calendar), span))
        if wanted is None:
            wanted = whole[id(calendar), span] = _by_hour(calendar, [span])
        unseen = _by_hour(calendar, _union(blind.of(store, device), span))
        for zone in names:
            for hour, length_ms in wanted.items():
                cell = seen.setdefault((store, zone, hour), Seen())
                cell.wanted_ms += length_ms
                cell.blind_ms += unseen.get(hour, 0)
    return seen


def _by_hour(calendar: Calendar, spans: Iterable[Span]) -> dict[int, int]:
    """How much of `spans` lies in each local hour of the day."""
    lengths: dict[int, int] = {}
    for at_ms, until_ms in spans:
        while at_ms < until_ms:
            hour_ms = calendar.place(at_ms)[1]
            end_ms = min(hour_ms + HOUR_MS, until_ms)
            hour = calendar.hour_of(hour_ms)
            lengths[hour] = lengths.get(hour, 0) + end_ms - at_ms
            at_ms = end_ms
    return lengths


def _union_ms(spans: Iterable[Span], within: Span) -> int:
    """How long at least one of `spans` lasts inside `within`."""
    return sum(last - first for first, last in _union(spans, within))


def _union(spans: Iterable[Span], within: Span) -> Iterator[Span]:
    """`spans` inside `within`, in order and without what they have in common."""
    start, end = within
    clipped = sorted((max(a, start), min(b, end)) for a, b in spans if a < end and b > start)
    reached = start
    for first, last in clipped:
        if last > reached:
            yield max(first, reached), last
            reached = last
