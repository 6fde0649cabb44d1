"""Who is who in blobs: drawn foreground that walks, no picture."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.counter.camera.blobs import Foreground, blobs_of
from drivers.counter.camera.size import Size
from drivers.counter.camera.tracker import Tracker

WIDE, HIGH = 160, 120
SIZE = Size(27, 32)  # a person's box is roomier than what is seen of one
PLAIN = np.full((HIGH, WIDE, 3), 128, np.uint8)

Piece = tuple[int, int, int, int]  # left, top, right, bottom
WHOLE: Piece = (40, 0, 60, 20)


def walked(*pieces: Piece, frames: int = 20) -> int:
    """How many tracks there are after these pieces walked down the picture for 2 s."""
    tracker = Tracker()
    for frame in range(frames):
        mask = np.zeros((HIGH, WIDE), np.uint8)
        for left, top, right, bottom in pieces:
            mask[20 + 2 * frame + top : 20 + 2 * frame + bottom, left:right] = 255
        tracker.step(Foreground(PLAIN, mask, *blobs_of(mask), flooded=False), SIZE, frame / 10)
    return len(tracker.tracks)


def test_one_in_a_blob_of_their_size_is_one() -> None:
    assert walked(WHOLE) == 1


def test_a_blob_with_foreground_for_two_is_two() -> None:
    assert walked((40, 0, 85, 20)) == 2


def test_a_blob_two_persons_wide_is_two_though_half_of_one_is_not_seen() -> None:
    hand, half = (60, 9, 76, 10), (76, 0, 96, 15)
    assert walked(WHOLE, hand, half) == 2


def test_a_blob_two_persons_wide_without_foreground_for_another_is_one() -> None:
    assert walked(WHOLE, (60, 9, 96, 12)) == 1


def test_how_high_somebody_is_in_a_crowd_is_remembered_where_people_are_higher_than_wide() -> None:
    size, tracker = Size(16, 40), Tracker()
    for frame in range(20):
        mask = np.zeros((HIGH, WIDE), np.uint8)
        mask[20:60, 10 + 2 * frame : 22 + 2 * frame] = 255
        mask[40:60, 22 + 2 * frame : 36 + 2 * frame] = 255  # half as high, and one blob with the other
        tracker.step(Foreground(PLAIN, mask, *blobs_of(mask), flooded=False), size, frame / 10)
    left, right = sorted(tracker.tracks, key=lambda track: track.x)
    assert left.high == pytest.approx(1.0, abs=0.05)
    assert right.high == pytest.approx(0.5, abs=0.05)
