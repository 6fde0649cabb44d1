"""Many worlds of the corridor with all their faults: `--seeds N`, or one of them in words: `--seed K`."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from bench.report import options, report
from tests.corridor.mutants import planted
from tests.corridor.troubles import Plan
from tests.corridor.world import Found, WorldRun
from tests.memory_disk import memory_disk

PROCESSES = 2
TOLD_LINES = 60  # the end of one seed's story


def main() -> int:
    """1 when a world was not as it should be, or, with a rule taken out, when none was noticed."""
    given = options(
        __doc__ or "",
        seeds=(300, "worlds to try"),
        seed=(0, "only this one, and its story"),
        mutant=("", "take this rule out"),
    )
    began = time.perf_counter()
    if given.seed:
        worlds = [one(given.seed, mutant=given.mutant, told=not given.json)]
        if not given.json:
            _tell(worlds[0])
    else:
        worlds = list(_all(range(1, given.seeds + 1), given.mutant))
    bad = [found for found in worlds if found.violations]
    for found in bad:
        print(f"seed {found.seed}: {found.violations[0]}\n    ./run bench world --seed {found.seed}")
    said = {
        "seeds": len(worlds),
        "violations": sum(len(found.violations) for found in worlds),
        "first_seed": bad[0].seed if bad else None,
        "events": sum(found.events for found in worlds),
        "dropped": sum(found.dropped for found in worlds),
        "messages": sum(found.messages for found in worlds),
        "crashes": sum(found.crashes for found in worlds),
        "simulated_hours": round(sum(found.simulated_s for found in worlds) / 3600, 2),
        "seconds": round(time.perf_counter() - began, 2),
    }
    if given.seed:
        said["trace"] = worlds[0].trace
    report(said, given.json)
    return int(bool(bad) != bool(given.mutant))


def one(seed: int, *, mutant: str = "", told: bool = False) -> Found:
    """Runs one world in a folder of its own."""
    logging.disable(logging.CRITICAL)  # a world logs what is wrong with it, which is everything
    with tempfile.TemporaryDirectory(dir=memory_disk()) as folder, planted(mutant or None):
        return WorldRun(seed, Path(folder), keep_lines=told).run()


def _all(seeds: Iterable[int], mutant: str) -> Iterable[Found]:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(one, mutant=mutant), seeds, chunksize=4)


def _tell(found: Found) -> None:
    plan = Plan.of(found.seed)
    print(f"{plan.stores} stores, {plan.troubled_s:g} s of {', '.join(sorted(plan.troubles))}")
    print(*found.lines[-TOLD_LINES:], sep="\n")
    print(*found.violations, sep="\n")
