"""Visits of a zone: points that come and go, no picture."""

from __future__ import annotations

import pickle

import pytest

from drivers.counter.camera.shapes import Step, Visit
from drivers.counter.camera.zones import LEAVE_S, STITCH_S, ZoneWatch

CORNERS = [(0.0, 0.0), (50.0, 0.0), (50.0, 100.0), (0.0, 100.0)]
FRAME_S = 0.25


class Stage:
    """A zone on the left half of a picture, and the time."""

    def __init__(self, visit_min_s: float = 5.0) -> None:
        self.zone = ZoneWatch("shoes", CORNERS, visit_min_s)
        self.t_s = 0.0
        self.visits: list[Visit] = []

    def play(self, for_s: float, *who: tuple[int, float]) -> None:
        """For so long these are there: (track, x)."""
        steps = [Step(track, x, 50, 20, 20, True, True) for track, x in who]
        until_s = self.t_s + for_s
        while self.t_s < until_s:
            self.visits += self.zone.step(steps, self.t_s)
            self.t_s += FRAME_S

    def dwells_s(self) -> list[float]:
        return [visit.dwell_s for visit in self.visits]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_visit_lasts_from_the_first_moment_inside_to_the_last(stage: Stage) -> None:
    stage.play(10, (1, 25))
    assert stage.zone.people == 1
    stage.play(LEAVE_S + 1, (1, 75))
    assert stage.visits == [Visit("shoes", 0.0, 10 - FRAME_S)]
    assert stage.zone.people == 0


def test_a_step_out_and_in_again_is_one_visit(stage: Stage) -> None:
    stage.play(5, (1, 25))
    stage.play(LEAVE_S - FRAME_S, (1, 75))
    stage.play(5, (1, 25))
    stage.play(5, (1, 75))
    assert len(stage.visits) == 1


def test_who_was_lost_from_sight_and_found_near_by_has_not_left(stage: Stage) -> None:
    stage.play(5, (1, 25))
    stage.play(STITCH_S - 1)
    stage.play(5, (2, 30))
    stage.play(5, (2, 75))
    assert stage.dwells_s() == pytest.approx([9.75 + STITCH_S - 1])


def test_somebody_else_who_comes_far_from_there_is_another_visit(stage: Stage) -> None:
    stage.play(6, (1, 5))
    stage.play(STITCH_S - 1)
    stage.play(6, (2, 45))
    stage.play(5)
    assert len(stage.visits) == 2


def test_passing_through_is_no_visit(stage: Stage) -> None:
    stage.play(4, (1, 25))
    stage.play(5, (1, 75))
    assert stage.visits == []


def test_who_stands_for_ten_minutes_is_still_there(stage: Stage) -> None:
    stage.play(600, (1, 25))
    assert (stage.visits, stage.zone.people) == ([], 1)
    assert stage.zone.close() == [Visit("shoes", 0.0, 600 - FRAME_S)]


def test_two_people_are_two_visits(stage: Stage) -> None:
    stage.play(10, (1, 10), (2, 45))
    assert stage.zone.people == 2
    stage.play(5)
    assert len(stage.visits) == 2


def test_of_two_who_were_lost_the_nearer_is_the_one_found_again(stage: Stage) -> None:
    stage.play(2, (1, 10))
    stage.play(6, (1, 10), (2, 25))
    stage.play(STITCH_S - 1)
    stage.play(6, (3, 26))
    stage.play(5)
    assert stage.dwells_s() == pytest.approx([8 - FRAME_S, 12 + STITCH_S - 1 - FRAME_S])


@pytest.mark.parametrize(("away_s", "visits"), [(1.0, 1), (STITCH_S - FRAME_S, 1), (STITCH_S, 2), (60.0, 2)])
@pytest.mark.parametrize("empty_pictures", [True, False])
def test_visits_are_the_same_when_pictures_without_anybody_are_left_out(
    stage: Stage, away_s: float, visits: int, empty_pictures: bool
) -> None:
    stage.play(6, (1, 25))
    stage.play(FRAME_S, (9, 90))  # somebody else, outside: by then the first is known to be lost
    if empty_pictures:
        stage.play(away_s - FRAME_S)
    else:
        stage.t_s += away_s - FRAME_S
    stage.play(7, (2, 30))
    stage.visits += stage.zone.close()
    joined = [13 + away_s - FRAME_S]
    assert stage.dwells_s() == pytest.approx(joined if visits == 1 else [6 - FRAME_S, 7 - FRAME_S])


def test_who_is_found_in_the_first_picture_without_them_has_not_left(stage: Stage) -> None:
    """A replay cannot tell it from some empty pictures in between."""
    stage.play(6, (1, 25))
    stage.t_s += 1.0
    stage.play(6, (2, 30))
    assert [visit.dwell_s for visit in stage.zone.close()] == [13 - FRAME_S]


def test_nothing_is_kept_of_who_has_gone_however_many_they_were(stage: Stage) -> None:
    sizes = []
    for track in range(1000, 1500):
        stage.play(6, (track, 25))
        stage.play(STITCH_S + 1, *([(track, 75)] if track % 2 else []))
        sizes.append(len(pickle.dumps(stage.zone)))
    assert len(stage.visits) == 500
    assert max(sizes) == sizes[0]
