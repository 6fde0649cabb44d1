"""Visitors through a doorway: most go in and later out, some hesitate or turn round; the light flickers."""

from __future__ import annotations

import random
from collections.abc import Iterator

from drivers.base import Scene
from drivers.counter.beam.protocol import BeamOptions, Edge, encode_edge

SHARE_TURNING = 0.05
SHARE_BOUNCING = 0.15


def simulate(options: BeamOptions, chance: random.Random) -> Iterator[Scene]:
    """Somebody every 2 to 30 seconds, without end; never fewer out than are inside."""
    inside = 0
    while True:
        wait_ms = chance.randint(2_000, 30_000)
        if chance.random() < SHARE_TURNING:
            yield from turn(chance, first_wait_ms=wait_ms)
        elif inside and chance.random() < inside / (inside + 6):
            inside -= 1
            yield from walk(chance, inward=options.swap, first_wait_ms=wait_ms)
        else:
            inside += 1
            yield from walk(chance, inward=not options.swap, first_wait_ms=wait_ms)


def walk(chance: random.Random, *, inward: bool, first_wait_ms: int = 0) -> Iterator[Scene]:
    """One person from A to B (or from B to A)."""
    first, last = "AB" if inward else "BA"
    for place, (beam, broken) in enumerate(((first, True), (last, True), (first, False), (last, False))):
        wait_ms = chance.randint(60, 300) if place else first_wait_ms
        yield from _change(chance, wait_ms, beam, broken=broken)


def turn(chance: random.Random, *, first_wait_ms: int = 0) -> Iterator[Scene]:
    """One person who looks in and goes away."""
    for place, (beam, broken) in enumerate((("A", True), ("B", True), ("B", False), ("A", False))):
        wait_ms = chance.randint(80, 600) if place else first_wait_ms
        yield from _change(chance, wait_ms, beam, broken=broken)


def _change(chance: random.Random, wait_ms: int, beam: str, *, broken: bool) -> Iterator[Scene]:
    yield Scene(wait_ms, encode_edge(Edge(None, beam, broken)))
    if chance.random() < SHARE_BOUNCING:
        yield Scene(3, encode_edge(Edge(None, beam, not broken)))
        yield Scene(4, encode_edge(Edge(None, beam, broken)))
