"""How long people stayed, and how many were in an area: sums that add up however they are cut."""

from __future__ import annotations

import statistics
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.calendar import HOUR_MS, QUARTER_MS, Calendar
from central_server.facts import Fact
from central_server.traffic.coverage import Blind, hours_seen
from central_server.traffic.dwell import (
    BOUNDS_S,
    CLASSES,
    Dwell,
    class_label,
    class_of,
    clock_text,
)
from central_server.traffic.levels import HOLD_MS, Level, Sample, fold
from central_server.traffic.models import DwellHour
from central_server.traffic.tally import samples_by_zone, tally_visits
from sync.contract.clock import Stamp
from sync.contract.events import DWELL_MAX_MS, Occupancy, Visited
from sync.contract.ids import EventId, Lane

NOW_MS = 1_795_000_000_000  # 19:06:40 in Shanghai
MINUTE_MS = 60_000
SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))
dwells = st.integers(0, DWELL_MAX_MS)


def dwell_of(*dwells_ms: int) -> Dwell:
    dwell = Dwell()
    for dwell_ms in dwells_ms:
        dwell.count(dwell_ms)
    return dwell


def fact(event: Any, at_ms: int = NOW_MS, sure: bool = True) -> Fact[Any]:
    return Fact(1, EventId("s1", "0" * 16, Lane.COUNT, 1), Stamp("0" * 8, 0, at_ms, sure), event)


def test_eight_visits_have_these_figures() -> None:
    """By hand: half of them lasted under 15 s; nine tenths is a fifth of the way through the last class."""
    dwell = dwell_of(*(s * 1000 for s in (4, 8, 12, 12, 40, 70, 200, 900)))
    assert (dwell.visits, dwell.mean_s) == (8, 155.75)
    assert dwell.median_s == 15
    assert dwell.quantile_s(0.9) == pytest.approx(900 + 300 * 0.2)
    assert dwell.quantile_s(0) == 0
    shown = {class_label(n): count for n, count in enumerate(dwell.classes) if count}
    assert shown == {
        "< 0:05": 1,
        "0:05 – 0:10": 1,
        "0:10 – 0:15": 2,
        "0:30 – 0:45": 1,
        "1:00 – 1:30": 1,
        "3:00 – 5:00": 1,
        "15:00 – 20:00": 1,
    }


def test_nobody_has_no_mean_and_the_longest_have_no_end() -> None:
    assert (Dwell().mean_s, Dwell().median_s, clock_text(None)) == (None, None, "–")
    assert dwell_of(3 * HOUR_MS, 5 * HOUR_MS).median_s == 7200
    assert class_label(CLASSES - 1) == "≥ 2:00:00"


@given(st.lists(dwells, max_size=50), st.randoms(), st.integers(0, 50))
def test_any_cut_of_the_visits_gives_the_distribution_of_them_all(
    dwells_ms: list[int], chance: Any, cut: int
) -> None:
    mixed = list(dwells_ms)
    chance.shuffle(mixed)
    whole = dwell_of(*mixed[:cut])
    whole.add(dwell_of(*mixed[cut:]))
    assert whole == dwell_of(*dwells_ms)
    assert sum(whole.classes) == whole.visits == len(dwells_ms)
    assert Dwell.of(whole.sums) == whole


@given(st.lists(dwells, min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_right_to_its_class(dwells_ms: list[int], part: float) -> None:
    told_s = dwell_of(*dwells_ms).quantile_s(part)
    assert told_s is not None
    place = next(n for n in range(len(dwells_ms)) if n + 1 >= part * len(dwells_ms))
    true = class_of(sorted(dwells_ms)[place])
    low_s = BOUNDS_S[true - 1] if true else 0
    high_s = BOUNDS_S[true] if true < CLASSES - 1 else low_s
    assert low_s - 1e-9 <= told_s <= high_s + 1e-9


def test_a_mean_is_exact_and_a_median_near_for_a_day_of_visits() -> None:
    dwells_ms = [round(20_000 * 1.004**n) for n in range(1000)]
    dwell = dwell_of(*dwells_ms)
    assert dwell.mean_s == pytest.approx(statistics.fmean(dwells_ms) / 1000)
    assert dwell.median_s == pytest.approx(statistics.median(dwells_ms) / 1000, rel=0.05)


@pytest.mark.parametrize("dwell_ms", [-1, DWELL_MAX_MS + 1, 2**70])
def test_a_visit_that_cannot_be_is_refused_for_the_inbox_to_set_aside(dwell_ms: int) -> None:
    with pytest.raises(ValueError, match="visits"):
        dwell_of(dwell_ms)


def test_a_table_has_a_column_for_each_class() -> None:
    names = [column.name for column in DwellHour.__table__.columns if not column.primary_key]
    assert names == ["visits", "dwell_ms", "untimed", *(f"under_{s}_s" for s in BOUNDS_S), "longer"]


def test_a_visit_belongs_to_the_hour_in_which_it_began() -> None:
    seven_ms = NOW_MS // HOUR_MS * HOUR_MS
    hours = tally_visits(
        [
            fact(Visited(device="cam", zone="shoes", dwell_ms=60_000), seven_ms + 30_000),
            fact(Visited(device="cam", zone="shoes", dwell_ms=10_000), seven_ms + 30_000, sure=False),
            fact(Visited(device="cam", zone="shoes", dwell_ms=20_000), 12),  # a clock never set: now
            fact(Visited(device="cam", zone="sh\noes", dwell_ms=20_000), seven_ms - 1),
        ],
        SHANGHAI,
        NOW_MS,
    )
    assert {place: (each.visits, each.dwell_ms, each.untimed) for place, each in hours.items()} == {
        (seven_ms - HOUR_MS, "cam", "shoes"): (1, 60_000, 0),
        (seven_ms, "cam", "shoes"): (2, 30_000, 2),
        (seven_ms - HOUR_MS, "cam", "sh oes"): (1, 20_000, 0),
    }


def test_an_hour_of_kolkata_begins_at_half_past() -> None:
    half_past_ms = NOW_MS // HOUR_MS * HOUR_MS + HOUR_MS // 2
    [(hour_ms, _, _)] = tally_visits(
        [fact(Visited(zone="a", dwell_ms=0), half_past_ms + 1)], Calendar(ZoneInfo("Asia/Kolkata")), NOW_MS
    )
    assert hour_ms == half_past_ms


def test_a_number_holds_until_the_next_one_but_not_for_ever() -> None:
    quarter_ms = NOW_MS // QUARTER_MS * QUARTER_MS
    at_ms = quarter_ms + 10 * MINUTE_MS
    quarters, last = fold(
        [Sample(at_ms, 2), Sample(at_ms + 3 * MINUTE_MS, 6), Sample(at_ms + 10 * HOUR_MS, 0)], None
    )
    assert last == Sample(at_ms + 10 * HOUR_MS, 0)
    first, second = quarters[quarter_ms], quarters[quarter_ms + QUARTER_MS]
    assert first == Level(5 * MINUTE_MS, (2 * 3 + 6 * 2) * MINUTE_MS, 6)
    assert second == Level(15 * MINUTE_MS, 6 * 15 * MINUTE_MS, 6)
    assert first.mean == 3.6
    assert sum(level.known_ms for level in quarters.values()) == 3 * MINUTE_MS + HOLD_MS
    assert Level().mean is None


samples = st.lists(
    st.builds(Sample, st.integers(NOW_MS, NOW_MS + 3 * HOUR_MS), st.integers(0, 50)), max_size=30
)


@given(samples, st.integers(0, 30))
def test_any_cut_of_the_samples_gives_the_same_levels(row: list[Sample], cut: int) -> None:
    """Also when clocks go back in between."""
    whole, last = fold(row, None)
    head, between = fold(row[:cut], None)
    tail, end = fold(row[cut:], between)
    for quarter_ms, level in tail.items():
        head.setdefault(quarter_ms, Level()).add(level)
    assert (head, end) == (whole, last)
    assert all(level.people_ms <= level.most * level.known_ms for level in whole.values())


def test_a_number_of_people_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="people"):
        samples_by_zone([fact(Occupancy(zone="a", people=10**6))], NOW_MS)


def test_hours_of_the_day_say_for_how_long_they_were_seen() -> None:
    """Two days of one camera with two areas and another with one; blind from 9:30 to 11:15 on one of them."""
    first_ms = NOW_MS // HOUR_MS * HOUR_MS - 19 * HOUR_MS  # midnight in Shanghai
    span = (first_ms, first_ms + 48 * HOUR_MS)
    minutes = [(9 * 60 + 30, 10 * 60 + 30), (10 * 60, 11 * 60 + 15)]  # they overlap
    outages = {("s1", "cam"): [(first_ms + a * MINUTE_MS, first_ms + b * MINUTE_MS) for a, b in minutes]}
    zones = {("s1", "cam"): ["a", "b"], ("s1", "eye"): ["a"]}
    seen = hours_seen(Blind(outages, {}), zones, {"s1": SHANGHAI}, {"s1": span})
    assert len(seen) == 48
    assert {(zone, hour): each.part for (_, zone, hour), each in seen.items() if each.blind_ms} == {
        ("a", 9): 1 - 0.5 / 4,
        ("a", 10): 1 - 1 / 4,
        ("a", 11): 1 - 0.25 / 4,
        ("b", 9): 1 - 0.5 / 2,
        ("b", 10): 1 - 1 / 2,
        ("b", 11): 1 - 0.25 / 2,
    }
    assert hours_seen(Blind(outages, {}), zones, {"s1": SHANGHAI}, {"s1": (NOW_MS, NOW_MS - HOUR_MS)}) == {}


def test_the_hour_that_comes_twice_is_one_hour_of_the_day_and_twice_as_long() -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"))
    span = berlin.bounds(date(2026, 10, 25))
    seen = hours_seen(Blind({}, {}), {("s1", "cam"): ["a"]}, {"s1": berlin}, {"s1": span})
    assert {hour: each.wanted_ms // HOUR_MS for (_, _, hour), each in seen.items() if hour in (1, 2, 3)} == {
        1: 1,
        2: 2,
        3: 1,
    }
