"""Sums of people, occupancy and coverage, without a database."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.calendar import HOUR_MS, QUARTER_MS, Calendar
from central_server.facts import Fact
from central_server.traffic.coverage import Blind, covered
from central_server.traffic.occupancy import occupancy
from central_server.traffic.reading import Quarter
from central_server.traffic.series import mark_coverage, row_of
from central_server.traffic.tally import PEOPLE_MAX, recount, tally
from central_server.traffic.view import View
from sync.contract.clock import Stamp
from sync.contract.events import Passed
from sync.contract.ids import EventId, Lane

passed = st.builds(
    Passed,
    device=st.sampled_from(["door", "gate", ""]),
    line=st.sampled_from(["", "left"]),
    inward=st.integers(0, 3),
    outward=st.integers(0, 3),
    unsure=st.booleans(),
)
moments = st.integers(1_794_000_000_000, 1_795_000_000_000)


NOW_MS = 1_795_000_000_000


def fact(event: Passed, at_ms: int, sure: bool = True) -> Fact[Passed]:
    return Fact(1, EventId("s1", "0" * 16, Lane.COUNT, 1), Stamp("0" * 8, 0, at_ms, sure), event)


@given(st.lists(st.tuples(passed, moments, st.booleans()), max_size=40), st.randoms(), st.integers(0, 40))
def test_any_order_and_any_split_give_the_same_sums(events: Any, chance: Any, cut: int) -> None:
    facts = [fact(event, at_ms, sure) for event, at_ms, sure in events]
    mixed = list(facts)
    chance.shuffle(mixed)
    whole = tally(facts, NOW_MS)
    parts: dict[Any, list[int]] = {}
    for part in (mixed[:cut], mixed[cut:]):
        for place, cell in tally(part, NOW_MS).items():
            parts[place] = [a + b for a, b in zip(parts.get(place, [0, 0, 0, 0]), cell, strict=True)]
    assert parts == whole
    assert sum(cell[0] for cell in whole.values()) == sum(each.event.inward for each in facts)
    assert sum(cell[1] for cell in whole.values()) == sum(each.event.outward for each in facts)
    assert all(quarter_ms % QUARTER_MS == 0 for quarter_ms, _, _ in whole)


def test_people_who_were_unsure_or_untimed_are_counted_and_marked() -> None:
    facts = [
        fact(Passed(device="door", inward=2, unsure=True), NOW_MS),
        fact(Passed(device="door", outward=1), NOW_MS, sure=False),
        fact(Passed(device="door", inward=4), 12),  # a clock that was never set: taken as now
    ]
    [cell] = tally(facts, NOW_MS).values()
    assert cell == [6, 1, 2, 5]
    quarter_ms = NOW_MS - NOW_MS % QUARTER_MS
    assert recount(facts, NOW_MS, quarter_ms, "door") == (6, 1)
    assert recount(facts, NOW_MS, quarter_ms, "gate") == (0, 0)


@pytest.mark.parametrize("inward", [-1, PEOPLE_MAX + 1, 2**70])
def test_a_count_that_cannot_be_is_refused_for_the_inbox_to_set_aside(inward: int) -> None:
    with pytest.raises(ValueError, match="people"):
        tally([fact(Passed(device="door", inward=inward), NOW_MS)], NOW_MS)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=96))
def test_occupancy_is_never_below_zero_and_its_drift_explains_the_rest(slots: list[tuple[int, int]]) -> None:
    day = occupancy(slots)
    assert all(inside >= 0 for inside in day.inside)
    assert day.left_over - day.unseen_in == sum(inward - outward for inward, outward in slots)
    assert day.peak == max(day.inside, default=0)


def test_occupancy_says_honestly_how_far_the_counts_disagree() -> None:
    day = occupancy([(5, 0), (0, 7), (3, 1)])
    assert day.inside == (5, 0, 2)
    assert (day.unseen_in, day.left_over, day.drift) == (2, 2, 2)


def test_coverage_is_the_part_in_which_devices_counted() -> None:
    hour = (1000, 2000)
    assert covered({}, ["a"], hour) == 1.0
    assert covered({}, [], hour) == 1.0
    assert covered({"a": [(0, 1250), (1200, 1500), (1900, 9000)]}, ["a"], hour) == pytest.approx(0.4)
    assert covered({"a": [(0, 9000)]}, ["a", "b"], hour) == pytest.approx(0.5)
    assert covered({"c": [(0, 9000)]}, ["a", "b"], hour) == 1.0


spans = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted).map(tuple)


@given(st.lists(spans, max_size=8))
def test_coverage_counts_each_moment_once(outages: list[tuple[int, int]]) -> None:
    blind = {moment for start, end in outages for moment in range(start, end)} & set(range(20, 80))
    assert covered({"a": outages}, ["a"], (20, 80)) == pytest.approx(1 - len(blind) / 60)


BERLIN, SHANGHAI = Calendar(ZoneInfo("Europe/Berlin")), Calendar(ZoneInfo("Asia/Shanghai"))
SPRING = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)]  # the second has 23 hours in Berlin
SPRING_MS = BERLIN.bounds(SPRING[0])[0]
outage = st.tuples(st.integers(-20, 80), st.integers(0, 40)).map(
    lambda at: (SPRING_MS + at[0] * HOUR_MS, SPRING_MS + sum(at) * HOUR_MS + 1)
)


@given(
    st.lists(outage, max_size=3),
    st.lists(outage, max_size=3),
    st.lists(outage, max_size=3),
    st.integers(-30, 90),
    st.sampled_from(["hour", "day"]),
)
def test_each_slot_is_covered_as_it_would_be_alone(
    door: list[Any], gate: list[Any], away: list[Any], now_h: int, grain: str
) -> None:
    calendars, devices = {"s1": BERLIN, "s2": SHANGHAI}, {"s1": ["door", "gate"], "s2": ["door"]}
    blind = Blind({("s1", "door"): door, ("s1", "gate"): gate}, {}, {"s2": away})
    now_ms, length_ms = SPRING_MS + now_h * HOUR_MS, HOUR_MS if grain == "hour" else 24 * HOUR_MS
    row = row_of([], calendars, SPRING, grain, now_ms)
    mark_coverage(row, calendars, devices, blind, grain, now_ms)
    for slot in row:
        starts = {name: one.bounds(slot.day)[0] + slot.minute * 60_000 for name, one in calendars.items()}
        parts = [
            covered({"": blind.of(store, name)}, [""], (start, min(start + length_ms, now_ms)))
            for store, start in starts.items()
            for name in devices[store]
        ]
        assert slot.coverage == pytest.approx(sum(parts) / 3)


def test_the_hour_that_runs_is_shown_but_not_held_against_a_whole_one() -> None:
    calendar = Calendar(ZoneInfo("UTC"))
    today, week_ago = date(2026, 11, 22), date(2026, 11, 15)
    noon_ms = calendar.bounds(today)[0] + 12 * HOUR_MS
    before_ms = noon_ms - 7 * 24 * HOUR_MS
    now = [Quarter("s1", noon_ms - HOUR_MS, "door", 30, 0, 0, 0), Quarter("s1", noon_ms, "door", 1, 0, 0, 0)]
    before = [
        Quarter("s1", before_ms - HOUR_MS, "door", 20, 0, 0, 0),
        Quarter("s1", before_ms, "door", 100, 0, 0, 0),
    ]
    rows = [
        row_of(quarters, {"s1": calendar}, [day], "hour", noon_ms + QUARTER_MS)
        for quarters, day in ((now, today), (before, week_ago))
    ]
    seen = View(rows[0], rows[1], 7, "hour", {}, 1.0, 0, None)
    assert seen.inward == 31
    assert seen.change == pytest.approx(0.5)
