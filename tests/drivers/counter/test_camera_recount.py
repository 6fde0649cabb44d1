"""Kept tracks walked over other lines. What the page asks of it: test_camera_eye."""

from __future__ import annotations

import pytest

from drivers.counter.camera.eye import LineDrawn, Recount
from drivers.counter.camera.kept import Tracks
from drivers.counter.camera.recount import recounted
from drivers.counter.camera.shapes import Seen

DOOR = LineDrawn(a=(0.0, 0.5), b=(1.0, 0.5), inward="down")


@pytest.mark.parametrize(("last", "ways"), [(0.53, []), (0.56, ["in"]), (0.7, ["in"])])
def test_who_was_last_seen_beyond_a_line_has_crossed_it(last: float, ways: list[str]) -> None:
    """A person is 0.2 of the picture high: 0.56 is a third of one beyond the line."""
    tracks = Tracks()
    for t_s, y in enumerate((0.3, 0.4, 0.48, last)):
        tracks.add(float(t_s), (Seen(1, 0.5, y, (0.45, y - 0.1, 0.1, 0.2), sure=True),))
    answer = recounted(
        Recount(lines={"door": DOOR}, zones={}), tracks, 60.0, anchor="centroid", aspect=1.0, visit_min_s=1.0
    )
    assert [one.way for one in answer.crossed] == ways


def test_after_an_empty_minute_somebody_at_the_same_place_is_another_visit() -> None:
    """Pictures without anybody are not kept, so nothing ended the first stay in time."""

    def seen(track: int, x: float) -> Seen:
        return Seen(track, x, 0.5, (x - 0.05, 0.4, 0.1, 0.2), sure=True)

    tracks = Tracks()
    for t_s in range(7):
        tracks.add(float(t_s), (seen(1, 0.25),))
    tracks.add(7.0, (seen(2, 0.9),))
    for t_s in range(100, 108):
        tracks.add(float(t_s), (seen(3, 0.26),))
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    answer = recounted(
        Recount(zones={"left": left}), tracks, 110.0, anchor="centroid", aspect=1.0, visit_min_s=1.0
    )
    assert [(one.entered_s, one.left_s) for one in answer.visited] == [(0.0, 6.0), (100.0, 107.0)]
