"""Which part of a time was really counted, so that a low figure can be told from a blind one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Span = tuple[int, int]  # from_ms, until_ms


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


def _union_ms(spans: Iterable[Span], within: Span) -> int:
    """How long at least one of `spans` lasts inside `within`."""
    start, end = within
    clipped = sorted((max(a, start), min(b, end)) for a, b in spans if a < end and b > start)
    total, reached = 0, start
    for first, last in clipped:
        total += max(0, last - max(first, reached))
        reached = max(reached, last)
    return total
