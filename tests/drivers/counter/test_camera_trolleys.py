"""Who is a trolley: tracks in one blob, no picture."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.counter.camera.tracks import Track
from drivers.counter.camera.trolleys import remember_height, remember_leaders

PERSON = 20.0  # pixels, wide and high
FRAMES = 10


def track(number: int, across: float, ahead: float, *, pixels_s: float = 30.0) -> Track:
    """Born out of a blob, so many persons from where they all walk to the right."""
    born = Track(number, ahead * PERSON, across * PERSON, PERSON, PERSON, 0.0, split=True)
    born.vx = pixels_s
    born.age, born.walked, born.backing = FRAMES, 2.0, 1.0
    born.t_s = 2.0
    return born


def together(*tracks: Track, frames: int = FRAMES) -> Sequence[bool]:
    """Whether each may be a trolley after they were in one blob for so long."""
    for _ in range(frames):
        remember_leaders(tracks, tracks, PERSON, PERSON)
    return [each.doubtful for each in tracks]


def test_what_goes_right_before_somebody_is_a_trolley() -> None:
    assert together(track(1, 0, 0), track(2, 0, 1.5)) == [False, True]
    assert together(track(1, 0, 0), track(2, 0.2, -1.0)) == [False, True]


def test_of_two_one_only_is_a_trolley() -> None:
    first, second = track(1, 0, 0), track(2, 0, 1.0)
    first.alone, second.alone, second.split = 1, 2, False
    assert together(first, second) == [True, False]


def test_who_goes_beside_somebody_or_out_of_reach_is_none() -> None:
    assert together(track(1, 0, 0), track(2, 1.0, 0)) == [False, False]
    assert together(track(1, 0, 0), track(2, 0, 2.0)) == [False, False]


def test_nobody_knows_it_of_those_who_stand() -> None:
    assert together(track(1, 0, 0, pixels_s=5), track(2, 0, 1.0, pixels_s=5)) == [False, False]


def test_who_follows_now_one_and_now_another_in_a_crowd_is_none() -> None:
    crowd, who = [track(number, 2.0 * number, 0) for number in range(8)], track(9, 0, -1.0)
    for frame in range(8 * FRAMES):
        who.y = PERSON * 2.0 * (frame // 2 % len(crowd))
        remember_leaders([*crowd, who], [*crowd, who], PERSON, PERSON)
        assert not who.doubtful


def test_a_trolley_is_one_still_when_whoever_pushes_it_was_lost_and_found_again() -> None:
    pushed = track(2, 0, 1.0)
    assert together(track(1, 0, 0), pushed)[1]
    found = track(5, 0, 0)
    found.alone = 1
    assert together(found, pushed, frames=1)[1]


def test_it_is_one_still_while_whoever_pushes_it_stands_and_others_pass() -> None:
    pusher, pushed, passer = track(1, 0, 0), track(2, 0, 1.0), track(3, 1.0, 0, pixels_s=40)
    together(pusher, pushed)
    pusher.vx = pushed.vx = 0.0
    passer.alone = 9
    assert together(pusher, pushed, passer)[1]


def test_who_followed_somebody_that_is_in_another_blob_now_is_not_suspected_with_others() -> None:
    one, other, who = track(1, 0, 0), track(2, 2.0, 0), track(3, 0, -1.0)
    together(one, who)
    for _ in range(FRAMES):
        remember_leaders([other, who], [one, other, who], PERSON, PERSON)
    assert not who.doubtful


def test_who_walked_away_from_it_is_none() -> None:
    pushed = track(2, 0, 1.0)
    together(track(1, 0, 0), pushed)
    pushed.free = 2.5
    assert not pushed.doubtful


def test_of_a_couple_seen_from_the_side_neither_is_a_trolley() -> None:
    first, second = track(1, 0, 0), track(2, 0, -1.0)
    for _ in range(FRAMES):
        remember_height(second, 0.95, PERSON, 2 * PERSON)
    assert together(first, second) == [False, False]


def test_from_the_side_it_is_lower_and_from_above_nobody_knows() -> None:
    pusher, low, above = track(1, 0, 0), track(2, 0, 1.0), track(3, 0, -1.0)
    for _ in range(FRAMES):
        remember_height(low, 0.5, PERSON, 2 * PERSON)
        remember_height(above, 1.0, PERSON, PERSON)
    assert together(pusher, low) == [False, True]
    assert together(pusher, above) == [False, True]
