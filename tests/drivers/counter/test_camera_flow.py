"""Points upon people say where somebody goes whom the foreground loses."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.counter.camera.blobs import Foreground, blobs_of
from drivers.counter.camera.flow import GAP_S, POINTS_MAX, Flow, pointed
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.size import Size
from drivers.counter.camera.tracker import Tracker
from drivers.counter.camera.tracks import Track

WIDE, HIGH = 160, 90
SIZE = Size(27, 32)  # a person's box is roomier than what is seen of one
FLOOR = np.random.default_rng(1).integers(120, 136, (HIGH, WIDE, 3), np.uint8)
CLOTHES = [np.random.default_rng(seed).integers(0, 255, (24, 20, 3), np.uint8) for seed in (2, 3)]
DT_S = 0.1


def picture(*places: tuple[int, int]) -> Picture:
    """People with their middles there."""
    drawn = FLOOR.copy()
    for (x, y), clothes in zip(places, CLOTHES, strict=False):
        drawn[y - 12 : y + 12, x - 10 : x + 10] = clothes
    return drawn


def before(*places: tuple[int, int], even: Picture = FLOOR) -> Foreground:
    mask = np.zeros((HIGH, WIDE), np.uint8)
    for x, y in places:
        mask[y - 12 : y + 12, x - 10 : x + 10] = 255
    return Foreground(even, mask, *blobs_of(mask), flooded=False)


def track(x: float, y: float, number: int = 1) -> Track:
    return Track(number, x, y, 27, 32, 0.0, split=False)


def with_points(flow: Flow, *places: tuple[int, int]) -> list[Track]:
    tracks = [track(x, y, number) for number, (x, y) in enumerate(places)]
    for _ in range(2):  # corners are looked for in every other picture
        flow.follow(picture(*places), tracks, SIZE, DT_S)
        flow.renew(before(*places), tracks, SIZE)
    return tracks


def test_where_the_points_went_somebody_went() -> None:
    flow = Flow()
    (who,) = with_points(flow, (60, 40))
    assert 3 < len(who.points) <= POINTS_MAX
    flow.follow(picture((65, 37)), [who], SIZE, DT_S)
    assert who.flow == pytest.approx((65, 37), abs=0.3)


def test_points_that_stayed_behind_on_the_floor_do_not_matter_and_are_let_go() -> None:
    flow = Flow()
    (who,) = with_points(flow, (60, 40))
    behind = np.array([[48, 40], [48, 46]], np.float32)
    who.points = np.concatenate([who.points, behind])
    flow.follow(picture((65, 37)), [who], SIZE, DT_S)
    assert who.flow == pytest.approx((65, 37), abs=0.3)
    assert not (who.points[:, 0] < 50).any()


def test_two_beside_each_other_have_their_own() -> None:
    flow = Flow()
    one, other = with_points(flow, (60, 40), (80, 40))
    assert (one.points[:, 0] < 70).all()
    assert (other.points[:, 0] > 70).all()
    flow.follow(picture((56, 40), (80, 46)), [one, other], SIZE, DT_S)
    assert one.flow == pytest.approx((56, 40), abs=0.5)
    assert other.flow == pytest.approx((80, 46), abs=0.5)


def test_after_a_gap_they_say_nothing() -> None:
    flow = Flow()
    (who,) = with_points(flow, (60, 40))
    flow.follow(picture((65, 37)), [who], SIZE, GAP_S + 0.01)
    assert who.flow is None
    assert not len(who.points)


def test_they_say_in_which_blob_somebody_is() -> None:
    flow = Flow()
    one, other = with_points(flow, (40, 40), (100, 40))
    flow.follow(picture((40, 40), (100, 40)), [one, other], SIZE, DT_S)
    foreground = before((40, 40), (100, 40))
    left, right = int(foreground.labels[40, 40]), int(foreground.labels[40, 100])
    assert pointed(one, foreground) == {left: 1.0}
    assert pointed(other, foreground) == {right: 1.0}
    one.points = one.points[:3]
    assert pointed(one, foreground) == {}  # too few


def test_who_turns_while_the_foreground_has_lost_them_is_met_again() -> None:
    there = [(40 + 4 * n, 30) for n in range(8)] + [(68, 33 + 3 * n) for n in range(7)]
    tracker = Tracker()
    for n, place in enumerate(there):
        seen = [] if 7 <= n < 14 else [place]
        tracker.step(before(*seen, even=picture(place)), SIZE, n * DT_S)
    assert [each.number for each in tracker.tracks] == [1]


def test_who_comes_somewhere_else_after_a_gap_in_the_pictures_is_somebody_else() -> None:
    tracker = Tracker()
    for n in range(8):
        place = (20 + 2 * n, 30)
        tracker.step(before(place, even=picture(place)), SIZE, n * DT_S)
    tracker.step(before((130, 60), even=picture((130, 60))), SIZE, 10.0)
    assert [each.number for each in tracker.tracks] == [2]
