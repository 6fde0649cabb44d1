"""What a camera's worker says on an ordinary day, without a camera: for `sim:` and the tests."""

from __future__ import annotations

import random
from collections.abc import Iterator

from drivers.base import Scene
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.words import STATS_EVERY_S, Crossed, Left, Said, Stats, encode_line

BETWEEN_CROSSINGS_S = 20.0
SHARE_IN = 0.5
SHARE_SHOPPING = 0.6  # of those who come in
DWELL_S = 90.0
TROUBLE_EVERY = 400  # stats, on average


def simulate(options: CameraOptions, chance: random.Random) -> Iterator[Scene]:
    """Lines without end: who comes in goes to a zone, stays, and leaves it."""
    lines, zones = list(options.lines) or ["door"], list(options.zones) or ["shop"]
    inside: list[tuple[int, str, int]] = []  # until when, in which zone, since when
    t_ms, said_ms = 0, 0
    stats_ms, crossing_ms = 0, round(chance.expovariate(1 / BETWEEN_CROSSINGS_S) * 1000)

    def scene(said: Said) -> Scene:
        nonlocal said_ms
        wait_ms, said_ms = said.t_ms - said_ms, said.t_ms
        return Scene(wait_ms, encode_line(said))

    def occupancy() -> Said:
        return Said(t_ms, occupancy={zone: sum(one[1] == zone for one in inside) for zone in zones})

    yield scene(Said(t_ms, state="up"))
    yield scene(occupancy())
    while True:
        leaving_ms = min((until for until, _, _ in inside), default=2**53)
        t_ms = min(stats_ms, crossing_ms, leaving_ms)
        if t_ms == leaving_ms:
            inside.sort()
            _, zone, since_ms = inside.pop(0)
            yield scene(Said(t_ms, visited=Left(zone, t_ms - since_ms)))
            yield scene(occupancy())
        elif t_ms == crossing_ms:
            crossing_ms += round(chance.expovariate(1 / BETWEEN_CROSSINGS_S) * 1000) + 1
            entering = chance.random() < SHARE_IN
            yield scene(Said(t_ms, crossed=Crossed(chance.choice(lines), "in" if entering else "out")))
            if entering and chance.random() < SHARE_SHOPPING:
                until_ms = t_ms + 2000 + round(chance.expovariate(1 / DWELL_S) * 1000)
                inside.append((until_ms, chance.choice(zones), t_ms))
                yield scene(occupancy())
        else:
            stats_ms += round(STATS_EVERY_S * 1000)
            stats = Stats(options.frames_per_s, 15.0, round(chance.uniform(1.8, 2.6), 1), len(inside), 1, 78)
            yield scene(Said(t_ms, stats=stats))
            if chance.randrange(TROUBLE_EVERY) == 0:
                yield scene(Said(t_ms, state="late", detail="7 of 10 frames/s"))
                yield scene(Said(t_ms, state="clear"))
