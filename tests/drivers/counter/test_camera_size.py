"""How large a person is."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.counter.camera.light import Mask
from drivers.counter.camera.options import Box
from drivers.counter.camera.size import WALKS_MAX, Learner, drawn


def walker(w: int, h: int, y: int, frames: int = 20, step: int = 4) -> list[Mask]:
    """Somebody who walks to the right in a picture of 200 × 100, as its foreground."""
    masks = []
    for i in range(frames):
        mask = np.zeros((100, 200), np.uint8)
        mask[y : y + h, 10 + i * step : 10 + i * step + w] = 255
        masks.append(mask)
    return masks


def learned(*walks: list[Mask]) -> Learner:
    learner = Learner(200, 100)
    t_s = 0.0
    for walk in walks:
        for mask in walk:
            learner.step(mask, t_s)
            t_s += 0.1
        t_s += 1.0
        learner.step(np.zeros((100, 200), np.uint8), t_s)
    return learner


def test_most_of_those_who_walk_by_say_how_large_a_person_is() -> None:
    size = learned(walker(20, 30, 20), walker(19, 31, 40), walker(21, 29, 10), walker(41, 30, 30)).size()
    assert size is not None
    assert size.at(50) == pytest.approx((20, 30), abs=1)


def test_as_many_pairs_as_people_alone_do_not_make_a_person_larger() -> None:
    alone = [walker(20, 30, y) for y in (10, 30, 50)]
    pairs = [walker(42, 30, y) for y in (10, 30, 50)]
    size = learned(*alone, *pairs).size()
    assert size is not None
    assert size.at(50)[0] == pytest.approx(20, abs=1)


def test_twice_as_many_pairs_do_not_make_a_person_larger_either() -> None:
    alone = [walker(20, 30, y) for y in (10, 30, 50)]
    pairs = [walker(42, 30, y) for y in (5, 10, 20, 30, 40, 50)]
    size = learned(*alone, *pairs).size()
    assert size is not None
    assert size.at(50)[0] == pytest.approx(20, abs=1)


def test_a_few_heads_and_feet_do_not_make_a_person_smaller() -> None:
    people = [walker(20, 40, y) for y in (10, 30, 50)]
    heads = [walker(14, 14, y) for y in (10, 30)]
    size = learned(*people, *heads).size()
    assert size is not None
    assert size.at(50) == pytest.approx((20, 40), abs=1)


def test_pieces_of_people_that_walk_as_far_as_they_do_are_not_people() -> None:
    people = [walker(20, 40, y) for y in (10, 20, 30, 50)]
    pieces = [walker(10, 10, y) for y in (10, 30, 50, 70)]  # in lengths of their own they walk twice as far
    size = learned(*people, *pieces).size()
    assert size is not None
    assert size.at(50) == pytest.approx((20, 40), abs=1)


def nearer(w: float, h: float, x: int, first_y: int = 12, last_y: int = 80) -> list[Mask]:
    """Somebody who walks down towards the camera; `w` and `h` of them in the middle of the picture."""
    masks = []
    for y in range(first_y, last_y, 2):
        times = 1 + 1.2 * (y / 100 - 0.5)
        wide, high = w * times, h * times
        top, left = round(y - high / 2), round(x - wide / 2)
        mask = np.zeros((100, 200), np.uint8)
        mask[max(0, top) : top + round(high), left : left + round(wide)] = 255
        masks.append(mask)
    return masks


def test_people_who_come_nearer_say_how_much_larger_they_are_there() -> None:
    size = learned(*[nearer(14, 22, x) for x in (30, 60, 90, 120, 150)], nearer(28, 22, 100)).size()
    assert size is not None
    assert size.at(25) == pytest.approx((14 * 0.7, 22 * 0.7), abs=1.5)
    assert size.at(75) == pytest.approx((14 * 1.3, 22 * 1.3), abs=1.5)


def test_people_far_away_are_of_the_size_of_those_nearby() -> None:
    far = [nearer(14, 22, x, 14, 40) for x in (30, 90, 150)]
    near = [nearer(14, 22, x, 56, 82) for x in (30, 60, 90, 120)]
    size = learned(*far, *near).size(least=len(far) + len(near))
    assert size is not None
    assert size.at(25)[1] == pytest.approx(22 * 0.7, abs=2)
    assert size.at(75)[1] == pytest.approx(22 * 1.3, abs=2)


def test_where_nobody_walked_people_are_as_large_as_where_somebody_did() -> None:
    size = learned(*[nearer(14, 22, x, 40, 82) for x in (30, 60, 90, 120, 150)]).size()
    assert size is not None
    assert size.at(0) == size.at(size.top) == pytest.approx((14 * 0.9, 22 * 0.9), abs=1.5)
    assert size.at(99) == size.at(size.bottom)


def test_how_people_grow_may_be_known_before_enough_have_walked() -> None:
    learner = Learner(200, 100, grows=1.2)
    for t, mask in enumerate(nearer(14, 22, 60)):
        learner.step(mask, t / 10)
    learner.end()
    size = learner.size(least=1)
    assert size is not None
    assert size.scaled(1 / 200, 1 / 100).grows == pytest.approx(1.2)
    assert size.at(25) == pytest.approx((14 * 0.7, 22 * 0.7), abs=1.5)


def test_nothing_is_learned_from_what_does_not_walk_or_is_cut_off() -> None:
    assert learned(*[walker(20, 30, 20, step=0) for _ in range(5)]).votes == learned().votes
    assert not learned(*[walker(20, 30, 0) for _ in range(5)]).votes  # its head is outside the picture


def test_too_few_say_nothing_unless_nothing_else_is_to_be_had() -> None:
    learner = learned(walker(20, 30, 20))
    assert learner.size() is None
    assert learner.size(least=1) is not None


def test_pieces_that_are_others_in_each_picture_are_no_more_walks_than_there_may_be() -> None:
    learner = Learner(400, 300)
    held = []
    for frame in range(8):
        down, right = divmod(frame % 4, 2)
        mask = np.zeros((300, 400), np.uint8)
        for y in range(1 + 13 * down, 280, 26):
            for x in range(1 + 13 * right, 380, 26):
                mask[y : y + 14, x : x + 14] = 255
        learner.step(mask, frame / 25)
        held.append(len(learner._walks))
    assert held == [WALKS_MAX] * 8


def test_two_drawn_boxes_make_a_person_larger_where_the_camera_is_near() -> None:
    size = drawn([Box(0.5, 0.1, 0.1, 0.2), Box(0.5, 0.6, 0.2, 0.4)])
    assert size is not None
    in_pixels = size.scaled(200, 100)
    assert in_pixels.at(20) == pytest.approx((20, 20))
    assert in_pixels.at(80) == pytest.approx((40, 40))


def test_two_boxes_side_by_side_are_the_mean_of_both() -> None:
    size = drawn([Box(0.1, 0.4, 0.1, 0.2), Box(0.7, 0.4, 0.12, 0.24)])
    assert size is not None
    assert size.scaled(200, 100).at(90) == pytest.approx((22, 22))
    assert drawn([]) is None
