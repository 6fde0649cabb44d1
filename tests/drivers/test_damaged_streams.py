"""A fuzz target for every driver: damaged streams, behind its check sums too, for two minutes in all.

TILLBEAM_FUZZ_S is the time for all drivers together, TILLBEAM_FUZZ_SEED the seed of the first life: a finding
says its own, so that it is had again at once.
"""

from __future__ import annotations

import os
import random
import re
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from drivers.base import Driver, Heard, Note
from drivers.decode import decode_stream
from drivers.manual import own_names
from drivers.registry import driver
from tests.drivers.fuzzing import Finding, Life, Target, damaged, target

NAMES = own_names()
FUZZ_S = float(os.environ.get("TILLBEAM_FUZZ_S", "120")) / len(NAMES)
SEED = int(os.environ.get("TILLBEAM_FUZZ_SEED", "20261122"))
GROWING_SHARE = 0.25  # of the time, for memory is watched slowly
WARM_SHARE = 0.4  # of that: tables fill up
GROWTH_BYTES_MAX = 500_000
TURNED_AWAY = {"checksum", "lrc", "crc", "parity", "lcs", "dcs", "hmac"}
TARGETS = {name: target(driver(name)) for name in NAMES}


def rounds(tried: Target, seconds: float) -> int:
    """Lives until the time is over, at least one; how many there were. Raises Finding."""
    ends, seed = time.monotonic() + seconds, SEED
    while seed == SEED or time.monotonic() < ends:
        Life(tried, seed).live()
        seed += 1
    return seed - SEED


@pytest.mark.parametrize("name", NAMES)
def test_no_damage_makes_it_raise_or_hang(name: str) -> None:
    assert rounds(TARGETS[name], FUZZ_S * (1 - GROWING_SHARE)) > 0


@pytest.mark.parametrize("name", NAMES)
def test_no_damage_makes_it_grow(name: str) -> None:
    life, began = Life(TARGETS[name], SEED), time.monotonic()
    tracemalloc.start()
    try:
        _live_until(life, began + FUZZ_S * GROWING_SHARE * WARM_SHARE)
        before, _ = tracemalloc.get_traced_memory()
        _live_until(life, began + FUZZ_S * GROWING_SHARE)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < GROWTH_BYTES_MAX


def _live_until(life: Life, ends: float) -> None:
    while time.monotonic() < ends:
        life.fed.clear()
        life.live(10)
    life.fed.clear()


@pytest.mark.parametrize("name", [name for name in NAMES if TARGETS[name].seal])
def test_what_is_sealed_is_not_turned_away_for_its_check_sum(name: str) -> None:
    tried, chance = TARGETS[name], random.Random(SEED)
    assert tried.seal is not None
    problems, understood = set(), 0
    for _ in range(200):
        options = chance.choice(tried.settings)
        frame = tried.seal(damaged(chance.choice(tried.said), tried.said, chance), options)
        said = list(decode_stream(tried.driver, options, [frame]))
        problems |= {one.get("problem", "") for one in said}
        understood += any("problem" not in one for one in said)
    assert not problems & TURNED_AWAY
    assert understood > 20


class Planted:
    """A decoder with a bug behind its check sum: it cannot bear a value that its device never says."""

    def __init__(self, inner: Any, key: str, value: object) -> None:
        self._inner, self._key, self._value = inner, key, value

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard: list[Heard] = self._inner.feed(chunk, now_ms)
        for one in heard:
            if isinstance(one.what, Note) and not one.what.problem:
                assert one.what.fields.get(self._key) != self._value, "planted"
        return heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def with_bug(found: Driver, key: str, value: object) -> Driver:
    return replace(found, decoder=lambda options: Planted(found.decoder(options), key, value))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("cardreader.rdm6300", "version", "EE"),
        ("pos.concert", "pos", "07"),
    ],
)
def test_a_bug_behind_a_check_sum_is_found_in_time_and_its_bytes_show_it(
    name: str, key: str, value: object
) -> None:
    bad = with_bug(driver(name), key, value)
    with pytest.raises(Finding, match="planted") as found:
        rounds(replace(TARGETS[name], driver=bad), 120 / len(NAMES))
    *_, stream = re.findall(r"^[0-9a-f]+$", str(found.value), re.MULTILINE)
    with pytest.raises(AssertionError, match="planted"):
        list(decode_stream(bad, {}, [bytes.fromhex(stream)]))


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_tells_one_story(name: str) -> None:
    lives = [Life(TARGETS[name], 5) for _ in "ab"]
    for life in lives:
        life.live(20)
    assert lives[0].fed == lives[1].fed != b""
