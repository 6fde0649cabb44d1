"""Points upon people, followed from picture to picture: where somebody went whom the foreground loses.

    corners of the foreground ──► the nearest track, if clearly that one's ──► found again in the next picture

Who walks amid others is one blob with them, and parts of them come and go in the foreground; a few corners of
their clothes stay theirs meanwhile. The median of how far these went is how far somebody went, for some stay
behind on the floor or go with somebody else. Sources: Shi and Tomasi 1994 for the corners, Lucas and Kanade
1981 in Bouguet's pyramids for finding them again, Kalal, Mikolajczyk and Matas 2010 (median flow).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.blobs import Foreground
from drivers.counter.camera.light import Mask
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.size import Size
from drivers.counter.camera.tracks import NO_POINTS, Points, Track

POINTS_MAX = 16  # of one person
LEAST = 3  # fewer that agree say nothing …
TELLING = 4  # … nor do fewer say in which blob somebody is
CORNERS_MAX = 150  # of a picture
CORNERS_EACH = 2  # pictures: so often new ones are looked for
QUALITY = 0.01  # of the best corner
CORNER_PX, APART_PX = 3, 3.0
AROUND_PX = 9  # that must look the same
LEVELS = 2  # of the pyramid: steps of some 16 pixels are found …
GAP_S = 0.22  # … and people take larger ones in more time: five pictures a second are still followed
FINE_STEPS, FINE_PX = 8, 0.05
AGREE = 0.12  # persons off the middle one: another's
THEIRS = 0.5  # persons from somebody's middle, at most …
CLEARLY = 1.3  # … and nobody else's is within so many times that
KEPT = 0.6  # persons from somebody's middle: farther, it has stayed behind


class Flow:
    """The points of all tracks of one picture: `follow`, then the tracks move, then `renew`."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._pictures = 0

    def follow(self, even: Picture, tracks: Sequence[Track], size: Size, dt_s: float) -> None:
        """Sets `flow` of each track: where its points say that it is now, or None.

        `even` is the picture in the light of the background: in a flicker nothing else looks the same again.
        `dt_s` is how long ago the last picture was.
        """
        gray = np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2GRAY), np.uint8)
        before, self._before = self._before, gray
        for track in tracks:
            track.flow = None
            if dt_s > GAP_S:
                track.points = NO_POINTS
        followed = [track for track in tracks if len(track.points)]
        if before is None or not followed:
            return
        was = np.concatenate([track.points for track in followed])
        now, found = _found_again(before, gray, was)
        ends = np.cumsum([len(track.points) for track in followed])[:-1]
        parts = (np.split(each, ends) for each in (was, now, found))
        for track, before_it, after_it, found_it in zip(followed, *parts, strict=True):
            _follow(track, before_it, after_it, found_it, size)

    def renew(self, foreground: Foreground, tracks: Sequence[Track], size: Size) -> None:
        """Lets go of points that stayed behind, and finds others."""
        for track in tracks:
            _let_go(track, foreground.mask, size)
        self._pictures += 1
        if self._pictures % CORNERS_EACH or not any(len(track.points) < POINTS_MAX for track in tracks):
            return
        assert self._before is not None  # `follow` came first
        corners: Any = cv2.goodFeaturesToTrack(
            self._before, CORNERS_MAX, QUALITY, APART_PX, mask=foreground.mask, blockSize=CORNER_PX
        )
        if corners is None:
            return
        places = np.asarray(corners, np.float32)[:, 0, :]
        held = np.concatenate([track.points for track in tracks])
        if len(held):
            apart = ((places[:, None, :] - held[None, :, :]) ** 2).sum(axis=2).min(axis=1)
            places = places[apart > APART_PX**2]
        whose = _whose(places, tracks, size)
        for number, track in enumerate(tracks):
            fresh = places[whose == number][: POINTS_MAX - len(track.points)]
            track.points = np.concatenate([track.points, fresh])


def _found_again(
    before: NDArray[np.uint8], now: NDArray[np.uint8], was: Points
) -> tuple[Points, NDArray[np.bool_]]:
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, FINE_STEPS, FINE_PX)
    around = (AROUND_PX, AROUND_PX)
    found: Any = cv2.calcOpticalFlowPyrLK(
        before, now, was[:, None, :], was[:, None, :].copy(), winSize=around, maxLevel=LEVELS, criteria=until
    )
    places, good = np.asarray(found[0], np.float32)[:, 0, :], found[1][:, 0] > 0
    height, width = now.shape
    inside = (places >= 0).all(axis=1) & (places[:, 0] < width) & (places[:, 1] < height)
    return places, np.asarray(good & inside, np.bool_)


def _follow(track: Track, was: Points, now: Points, found: NDArray[np.bool_], size: Size) -> None:
    track.points = now[found]
    if len(track.points) < LEAST:
        return
    went = track.points - was[found]
    off = (went - np.median(went, axis=0)) / np.array(size.at(track.y), np.float32)
    agree = np.hypot(off[:, 0], off[:, 1]) < AGREE
    if np.count_nonzero(agree) < LEAST:
        return
    track.points = track.points[agree]
    dx, dy = went[agree].mean(axis=0).tolist()
    track.flow = (track.x + dx, track.y + dy)


def _let_go(track: Track, mask: Mask, size: Size) -> None:
    if not len(track.points):
        return
    off = (track.points - np.array([track.x, track.y], np.float32)) / np.array(size.at(track.y), np.float32)
    near = np.hypot(off[:, 0], off[:, 1]) < KEPT
    # Of whom nothing is seen in the foreground the points are all that is left.
    track.points = track.points[near & (_at(track.points, mask) > 0 if track.seen_s == track.t_s else True)]


def _whose(places: Points, tracks: Sequence[Track], size: Size) -> NDArray[np.intp]:
    """For each place the number of its track, -1: nobody's, or not clearly one's."""
    middles = np.array([(track.x, track.y) for track in tracks], np.float32)
    sizes = np.array([size.at(track.y) for track in tracks], np.float32)
    off = (places[:, None, :] - middles[None, :, :]) / sizes[None, :, :]
    far = np.hypot(off[..., 0], off[..., 1])
    whose = far.argmin(axis=1)
    ordered = np.sort(far, axis=1)
    clear = ordered[:, 0] < THEIRS
    if len(tracks) > 1:
        clear &= ordered[:, 1] > CLEARLY * ordered[:, 0]
    return np.where(clear, whose, -1)


def pointed(track: Track, foreground: Foreground) -> dict[int, float]:
    """Of the track's points, the share on each blob, by its label; nothing when there are too few."""
    if track.flow is None or len(track.points) < TELLING:
        return {}
    labels, counts = np.unique(_at(track.points, foreground.labels), return_counts=True)
    shares = (counts / len(track.points)).tolist()
    return {label: share for label, share in zip(labels.tolist(), shares, strict=True) if label}


def _at(points: Points, picture: NDArray[Any]) -> NDArray[Any]:
    """What is there in the picture."""
    height, width = picture.shape
    xs = np.clip(np.rint(points[:, 0]).astype(int), 0, width - 1)
    ys = np.clip(np.rint(points[:, 1]).astype(int), 0, height - 1)
    return np.asarray(picture[ys, xs])
