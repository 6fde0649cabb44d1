"""People over lines: points that walk, no picture."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

from drivers.counter.camera.crossing import LineWatch, watches
from drivers.counter.camera.options import Line
from drivers.counter.camera.shapes import Crossing, Step

PERSON = 20.0  # pixels, wide and high


def watch(
    a: tuple[float, float] = (0.0, 0.5), b: tuple[float, float] = (1.0, 0.5), way: str = "down"
) -> LineWatch:
    return LineWatch("door", Line.model_validate({"a": a, "b": b, "in": way}), 100, 100)


def walk(
    line: LineWatch, places: Iterable[tuple[float, float]], *, sure: bool = True, high: float = PERSON
) -> list[Crossing]:
    """One step a second along `places`, in pixels."""
    return [
        crossing
        for t_s, (x, y) in enumerate(places)
        for crossing in line.step([Step(1, x, y, PERSON, high, sure, True)], float(t_s))
    ]


def ways(crossings: list[Crossing]) -> list[str]:
    return [crossing.way for crossing in crossings]


def test_who_walks_over_it_has_crossed_at_the_moment_when_they_were_on_it() -> None:
    assert walk(watch(), [(50, 30), (50, 45), (50, 55), (50, 70)]) == [Crossing(1.5, "door", "in")]
    assert ways(walk(watch(), [(50, 70), (50, 45), (50, 30)])) == ["out"]


def test_each_direction_of_the_picture_can_be_in() -> None:
    for way, places in {
        "up": [(50, 80), (50, 20)],
        "down": [(50, 20), (50, 80)],
    }.items():
        assert ways(walk(watch(way=way), places)) == ["in"]
    for way, places in {"left": [(80, 50), (20, 50)], "right": [(20, 50), (80, 50)]}.items():
        assert ways(walk(watch((0.5, 0.0), (0.5, 1.0), way), places)) == ["in"]


def test_who_loiters_on_it_or_turns_back_on_it_has_not() -> None:
    assert walk(watch(), [(50, 30)] + [(50, 47), (50, 53)] * 10 + [(50, 30)]) == []
    assert walk(watch(), [(50, 30), (50, 53), (50, 30)]) == []


def test_who_is_beyond_it_when_the_camera_goes_away_has_crossed_it() -> None:
    line = watch()
    assert walk(line, [(50, 30), (50, 56)]) == []  # 0.3 of a person: they may turn back
    assert ways(line.close()) == ["in"]
    assert line.close() == []


def test_who_is_on_it_when_the_camera_goes_away_has_not() -> None:
    line = watch()
    assert walk(line, [(50, 30), (50, 53)]) == []
    assert line.close() == []


def test_who_passes_its_end_has_not() -> None:
    assert walk(watch((0.0, 0.5), (0.4, 0.5)), [(50, 30), (50, 70)]) == []
    assert walk(watch((0.6, 0.5), (1.0, 0.5)), [(50, 30), (50, 70)]) == []


def test_whose_body_is_over_it_has_crossed_though_their_middle_passes_its_end() -> None:
    for a, b in (((0.0, 0.5), (0.475, 0.5)), ((0.525, 0.5), (1.0, 0.5))):
        assert ways(walk(watch(a, b), [(50, 30), (50, 70)])) == ["in"]
    for a, b in (((0.0, 0.5), (0.46, 0.5)), ((0.54, 0.5), (1.0, 0.5))):
        assert walk(watch(a, b), [(50, 30), (50, 70)]) == []


def test_where_they_are_on_the_line_is_between_two_pictures() -> None:
    short = ((0.0, 0.5), (0.5, 0.5))
    assert ways(walk(watch(*short), [(30, 30), (60, 70)])) == ["in"]  # over it at 45
    assert walk(watch(*short), [(40, 30), (70, 70)]) == []  # … and at 55


def test_who_passes_where_two_lines_meet_crosses_one_of_them() -> None:
    left = Line.model_validate({"a": (0.0, 0.5), "b": (0.49, 0.5), "in": "down"})
    right = Line.model_validate({"a": (0.51, 0.5), "b": (1.0, 0.5), "in": "down"})
    for x, expected in ((48.5, "left"), (49.5, "left"), (50.5, "right"), (51.5, "right")):
        both = watches({"left": left, "right": right}, 100, 100)
        assert [crossing.line for line in both for crossing in walk(line, [(x, 30), (x, 70)])] == [expected]


def test_who_comes_back_counts_again_when_they_have_really_come_back() -> None:
    assert ways(walk(watch(), [(50, 30), (50, 70), (50, 44), (50, 70)])) == ["in"]
    assert ways(walk(watch(), [(50, 30), (50, 70), (50, 35), (50, 70)])) == ["in", "out", "in"]


def test_who_is_first_seen_on_it_must_walk_farther() -> None:
    assert walk(watch(), [(50, 49), (50, 60)]) == []
    assert ways(walk(watch(), [(50, 49), (50, 65)])) == ["in"]
    assert walk(watch(), [(50, 51), (50, 80)]) == []


def test_nobody_counts_before_they_are_known_to_be_a_person() -> None:
    line = watch()
    assert walk(line, [(50, 30), (50, 70)], sure=False) == []
    crossed = line.step([Step(1, 50, 75, PERSON, PERSON, True, True)], 2.0)
    assert crossed == [Crossing(0.5, "door", "in")]


def test_there_and_back_before_they_are_known_is_nothing() -> None:
    line = watch()
    walk(line, [(50, 30), (50, 70), (50, 30)], sure=False)
    assert line.step([Step(1, 50, 25, PERSON, PERSON, True, True)], 3.0) == []


def test_who_turns_back_around_the_lines_end_before_it_was_certain_has_not() -> None:
    assert walk(watch((0.0, 0.5), (0.4, 0.5)), [(30, 40), (30, 57), (60, 57), (60, 40), (60, 30)]) == []


def test_who_walks_away_along_it_past_its_end_has_crossed_it() -> None:
    door = ((0.3, 0.5), (0.7, 0.5))
    beyond = [(50, 30), (50, 45), (50, 56), (60, 54), (75, 54), (90, 54)]
    assert walk(watch(*door), [*beyond, (105, 54), (120, 30)]) == [Crossing(20 / 11 - 4 / 11, "door", "in")]
    assert walk(watch(*door), [*beyond[:4], (75, 53), (85, 48), (95, 47), (95, 30)]) == []  # around the end


def test_past_the_end_of_a_line_that_stands_it_is_heights_that_count() -> None:
    line = watch((0.5, 0.3), (0.5, 0.7), "right")
    beyond = [(30, 50), (45, 50), (56, 50), (54, 60), (54, 75), (54, 95)]
    assert walk(line, beyond, high=3 * PERSON) == []
    assert ways(walk(line, [(54, 135)], high=3 * PERSON)) == ["in"]


def test_who_passes_along_it_has_not_however_near() -> None:
    door = ((0.3, 0.5), (0.7, 0.5))
    assert (
        walk(watch(*door), [(130, 40), (110, 49), (95, 50.4), (65, 50.2), (60, 49), (30, 40), (0, 38)]) == []
    )
    assert walk(watch(*door), [(50, 30), (50, 45), (60, 50.1), (94, 50.1), (110, 45), (120, 30)]) == []


def test_who_goes_out_of_sight_beyond_it_has_crossed_and_who_does_so_before_it_has_not() -> None:
    for last_y, expected in ((57, ["in"]), (48, [])):
        line = watch()
        assert walk(line, [(50, 40), (50, 57), (50, last_y)]) == []
        assert ways(line.step([], 3.0)) == expected


def test_nothing_is_kept_of_who_has_gone_however_many_they_were() -> None:
    line, sizes, crossed = watch(), [], 0
    for track in range(1000, 1500):
        for y in (30, 45, 55, 70):
            crossed += len(line.step([Step(track, 50, y, PERSON, PERSON, True, True)], float(y)))
        line.step([], 80.0)
        sizes.append(len(pickle.dumps(line)))
    assert crossed == 500
    assert max(sizes) == sizes[0]
