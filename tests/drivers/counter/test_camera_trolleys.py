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
        remember_leaders(tracks, PERSON, PERSON)
    return [each.doubtful for each in tracks]


def test_what_goes_right_before_somebody_is_a_trolley() -> None:
    assert together(track(1, 0, 0), track(2, 0, 1.5)) == [False, True]
    assert together(track(1, 0, 0), track(2, 0.2, -1.0)) == [False, True]


def test_of_two_one_only_is_a_trolley() -> None:
    first, second = track(1, 0, 0), track(2, 0, 1.0)
    first.alone, second.alone = 3, 2
    second.split = False
    assert together(first, second)[1]
    second.alone = 4  # … also when it turns out who
    first.split = False
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
        remember_leaders([*crowd, who], PERSON, PERSON)
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
        remember_leaders([other, who], PERSON, PERSON)
    assert not who.doubtful


def test_who_walked_away_from_it_is_none() -> None:
    pushed = track(2, 0, 1.0)
    together(track(1, 0, 0), pushed)
    pushed.free = 2.5
    assert not pushed.doubtful


def across(track: Track, high: float) -> Track:
    """Seen so high for a while, from the side."""
    for _ in range(2 * FRAMES):
        remember_height(track, high, PERSON, 3 * PERSON)
    return track


def test_of_a_couple_seen_from_the_side_neither_is_a_trolley() -> None:
    assert together(across(track(1, 0, 0), 0.95), across(track(2, 0, -1.0), 0.95)) == [False, False]


def test_from_the_side_the_lower_one_is_a_trolley_whoever_came_first() -> None:
    assert together(across(track(1, 0, 0), 0.95), across(track(2, 0, 1.0), 0.5)) == [False, True]
    low = across(track(1, 0, 1.0), 0.5)
    low.alone = 9
    assert together(low, across(track(2, 0, 0), 0.95)) == [True, False]


def test_half_of_somebody_may_be_hidden_for_a_moment() -> None:
    second = across(track(2, 0, -1.0), 1.0)
    remember_height(second, 0.3, PERSON, 3 * PERSON)
    remember_height(second, 0.3, PERSON, 3 * PERSON)
    assert together(across(track(1, 0, 0), 1.0), second) == [False, False]


def test_from_above_or_towards_the_camera_height_tells_nothing() -> None:
    above, nearer = track(2, 0, 1.0), track(3, 0, 1.0)
    nearer.vx, nearer.vy = 0.0, 30.0
    for _ in range(FRAMES):
        remember_height(above, 1.0, PERSON, PERSON)
    assert across(nearer, 1.0).high == above.high == 0.0
    assert together(track(1, 0, 0), above) == [False, True]


def test_those_whom_somebody_followed_long_ago_are_forgotten() -> None:
    who = track(99, 0, -1.0)
    for number in range(80):
        together(track(number, 0, 0), who, frames=2)
        assert len(who.leaders) < 30
