"""Two thousand walks, and the proof that they would notice. ``TILLBEAM_WALKS`` for more: 0.33 s each.

They are five minutes and a half of two processes: a quarter of the whole suite.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corridor.money.mutants import MUTANTS
from tests.corridor.money.running import STEPS, walk_many

WALKS = int(os.environ.get("TILLBEAM_WALKS", "2000"))
AT_ONCE = 50
CAUGHT_WITHIN = 500
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("first", range(1, WALKS + 1, AT_ONCE))
def test_no_card_is_spent_twice_whatever_happens(first: int) -> None:
    for found in walk_many(range(first, first + AT_ONCE), stop_at_first=True):
        assert not found.rule, f"{found.what}\n    ./run bench walk --only {found.number}"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_of_the_money_that_is_missing_is_noticed(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    found = walk_many(range(1, CAUGHT_WITHIN + 1), mutant=name)[-1]
    assert found.rule, f"{MUTANTS[name].what}: not noticed in {CAUGHT_WITHIN} walks"
    record_property("walk", found.number)
    print(f"{MUTANTS[name].what}: noticed in walk {found.number}: {found.what}")


def test_a_walk_is_the_same_walk_again_elsewhere() -> None:
    """Also in another process, whose strings hash otherwise."""
    number = 3
    here = [walk_many([number], keep_lines=True)[0].lines for _ in range(2)]
    elsewhere = subprocess.run(
        [sys.executable, "-P", "-m", "bench", "walk", "--only", str(number)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        timeout=60,
        text=True,
    )
    assert here[0] == here[1]
    assert len(here[0]) > STEPS
    assert elsewhere.stdout.splitlines()[: len(here[0])] == here[0]
    assert json.loads(elsewhere.stdout.splitlines()[-1])["walks"] == 1
