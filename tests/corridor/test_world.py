"""Three hundred worlds, and the proof that they would notice."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.corridor.mutants import MUTANTS, planted
from tests.corridor.troubles import Plan
from tests.corridor.world import WorldRun

SEEDS = 300
AT_ONCE = 10
CAUGHT_WITHIN = 25  # worlds in which the missing rule can show
ROOT = Path(__file__).parents[2]

NewFolder = Callable[[], Path]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A world logs what is wrong with it, which is everything, at great length."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(1, SEEDS + 1, AT_ONCE))
def test_after_healing_everything_has_arrived_once_and_in_order(first: int, new_folder: NewFolder) -> None:
    for seed in range(first, first + AT_ONCE):
        found = WorldRun(seed, new_folder()).run()
        assert not found.violations, "\n".join([f"./run bench world --seed {seed}", *found.violations])


@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_that_is_missing_is_noticed(
    name: str, new_folder: NewFolder, record_property: Callable[[str, object], None]
) -> None:
    fitting = (seed for seed in range(1, SEEDS) if MUTANTS[name].fits(Plan.of(seed)))
    for tried, seed in zip(range(1, CAUGHT_WITHIN + 1), fitting, strict=False):
        with planted(name):
            found = WorldRun(seed, new_folder()).run()
        if found.violations:
            record_property("worlds", tried)
            print(f"{MUTANTS[name].what}: noticed in world {tried}, seed {seed}: {found.violations[0]}")
            return
    pytest.fail(f"{MUTANTS[name].what}: not noticed in {CAUGHT_WITHIN} worlds")


def test_one_seed_is_one_history(new_folder: NewFolder) -> None:
    """Also in another process, whose strings hash otherwise."""
    seed = next(seed for seed in range(1, 100) if len(Plan.of(seed).troubles) > 9)
    here = [WorldRun(seed, new_folder()).run() for _ in range(2)]
    elsewhere = subprocess.run(
        [sys.executable, "-m", "bench", "world", "--seed", str(seed), "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
        timeout=60,
        text=True,
    )
    found = json.loads(elsewhere.stdout.splitlines()[-1])
    assert {each.trace for each in here} == {found["trace"]}
    assert here[0].messages > 50
