"""Frames in, crossings and visits out: the whole of counting, without a camera or a clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np

from drivers.counter.camera.blobs import Background
from drivers.counter.camera.crossing import watches
from drivers.counter.camera.light import Mask
from drivers.counter.camera.options import CameraOptions, Polygon
from drivers.counter.camera.shapes import Looked, Picture, Seen, Step
from drivers.counter.camera.size import FIRST_GUESS, VOTES_LEAST, Learner, Size, drawn
from drivers.counter.camera.tracker import Tracker
from drivers.counter.camera.tracks import Track
from drivers.counter.camera.witness import Witness
from drivers.counter.camera.zones import ZoneWatch

LOOKED_AT_PX = 160  # the picture's width: more costs more and counts no better …
PERSON_PX = 12  # … as long as people in its middle are so wide: for those who are not it is wider …
LOOKED_AT_MOST_PX = 400  # … but no more than this, at three times the cost
VOTES_SURE = 8  # people of whom a size was learned, before a picture is looked at in another …
FINER = 0.8  # … that is so much finer at least …
EMPTY_WITHIN_S = 600.0  # … and holds nobody; a place that never is empty is not waited for any longer
STANDS_SPEED = 0.5  # persons/s: slower, and the background must not learn somebody
STANDS_WALKED = 0.6  # persons: what never walked is no person who stands, but something that was put there
STANDS_ROOM = 1.15  # persons around the middle that are not learned


class Counter:
    """Counts people in the frames of one camera, given in order. Bounded in memory and in work per frame."""

    def __init__(
        self,
        options: CameraOptions,
        size: Size | None = None,
        witness: Witness | None = None,
        guess: Size = FIRST_GUESS,
    ) -> None:
        """`size` of a person in fractions of the picture, learned before; drawn boxes go before it.

        Without both it is learned, and is `guess` until then.
        """
        self._options, self._witness, self._guess = options, witness, guess
        self._given = drawn(options.persons) or size
        self._learned: Size | None = None  # from a picture that was too coarse
        self._numbers = count(1)
        self._scene: Scene | None = None

    @property
    def size(self) -> Size | None:
        """Of a person, by which it counts, in fractions of the picture: drawn or learned; None: a guess."""
        return self._given or (self._scene.known if self._scene else None) or self._learned

    def learned(self, least: int) -> Size | None:
        """Learned from `least` who walked by, in fractions; from more, where more have said it before."""
        least = VOTES_LEAST if self._learned else least
        return (self._scene.learned(least) if self._scene else None) or self._learned

    def look(self, frame: Picture, t_s: float) -> Looked:
        """What this frame tells. Frames may come at any rate, and with gaps; their size may change."""
        narrow = self._scene.outgrown(t_s) if self._scene else None
        if self._scene and self._scene.shape == frame.shape[:2] and not narrow:
            return self._scene.look(frame, t_s)
        # A first frame, or one of another size, or people are too narrow: nothing that was known holds.
        ended = self.close(t_s)
        self._learned = narrow or self._learned
        size = self._given or self._learned or self._guess
        learns = self._given is None
        self._scene = Scene(self._options, size, frame.shape[:2], self._numbers, learns, self._witness)
        looked = self._scene.look(frame, t_s)
        return looked._replace(
            crossings=ended.crossings + looked.crossings, visits=ended.visits + looked.visits
        )

    def close(self, t_s: float) -> Looked:
        """The camera was put away: who was beyond a line has crossed it, and visits that are going on end."""
        return self._scene.close() if self._scene else Looked()


def factor_for(size: Size, width: int) -> int:
    """How many pixels of a frame so wide, with people of this size in fractions of it, are looked at as one.

    Whole factors only: cv2's averaging is five to eight times dearer for others.
    """
    wanted_px = max(LOOKED_AT_PX, PERSON_PX / max(1e-6, size.exact(0.5)[0]))
    return max(1, round(width / wanted_px), math.ceil(width / LOOKED_AT_MOST_PX))


class Scene:
    """What is known of pictures of one size."""

    def __init__(
        self,
        options: CameraOptions,
        size: Size,
        shape: tuple[int, int],
        numbers: Iterator[int],
        learns: bool,
        witness: Witness | None = None,
    ) -> None:
        """`size` of a person in fractions, only a first guess when it `learns`; `shape`: height and width."""
        self.shape = height, width = shape
        self._witness = witness
        self._factor = factor_for(size, width)
        self.width_px, self.height_px = w, h = width // self._factor, height // self._factor
        self._foot = options.anchor == "foot"
        self.size = size.scaled(w, h)  # of a person, in pixels
        self.known: Size | None = None  # … and in fractions, once it was learned here
        self._learner = Learner(w, h, size.grows) if learns else None
        self._narrow: tuple[Size, float] | None = None  # people who want a finer picture, known since then
        self._background = Background(w, h, self._looked(options.masks))
        self.tracker = Tracker(numbers)
        self._lines = watches(options.lines, w, h)
        self._zones = [
            ZoneWatch(name, [(p.x * w, p.y * h) for p in corners], options.visit_min_s)
            for name, corners in options.zones.items()
        ]

    def look(self, frame: Picture, t_s: float) -> Looked:
        """See `Counter.look`."""
        small = self._small(frame)
        foreground = self._background.look(small, t_s, self._standing())
        if foreground.flooded:
            return Looked(flooded=True)
        if self._learner and self._learner.step(foreground.mask, t_s):
            self.size = self._learner.size() or self.size
            self.known = self.learned(VOTES_LEAST) or self.known
            self._grow(t_s)
        self.tracker.step(foreground, self.size, t_s)
        if self._witness:
            self._witness.step(frame, self.tracker.tracks, self.size, (self.width_px, self.height_px), t_s)
        people = [self._step(track, t_s) for track in self.tracker.tracks]
        return Looked(
            crossings=tuple(crossing for line in self._lines for crossing in line.step(people, t_s)),
            visits=tuple(visit for zone in self._zones for visit in zone.step(people, t_s)),
            occupancy=tuple((zone.name, zone.people) for zone in self._zones),
            seen=tuple(
                self._seen(who, track) for who, track in zip(people, self.tracker.tracks, strict=True)
            ),
        )

    def learned(self, least: int) -> Size | None:
        """In fractions of the picture; None while fewer than `least` have walked by."""
        size = self._learner.size(least) if self._learner else None
        return size.scaled(1 / self.width_px, 1 / self.height_px) if size else None

    def outgrown(self, t_s: float) -> Size | None:
        """People, in fractions, for whom this picture is too coarse; None as long as somebody is in it.

        Whoever is would be taken for the place's own, and a visit of theirs would end.
        """
        if self._narrow is None or (self.tracker.tracks and t_s - self._narrow[1] < EMPTY_WITHIN_S):
            return None
        return self._narrow[0]

    def _grow(self, t_s: float) -> None:
        size = self.learned(VOTES_SURE)
        if size and factor_for(size, self.shape[1]) <= FINER * self._factor:
            self._narrow = size, self._narrow[1] if self._narrow else t_s
        else:
            self._narrow = None

    def close(self) -> Looked:
        """See `Counter.close`."""
        if self._learner:
            self._learner.end()
        return Looked(
            crossings=tuple(crossing for line in self._lines for crossing in line.close()),
            visits=tuple(visit for zone in self._zones for visit in zone.close()),
        )

    def _small(self, frame: Picture) -> Picture:
        if self._factor == 1:
            return frame
        whole = frame[: self.height_px * self._factor, : self.width_px * self._factor]
        small = cv2.resize(whole, (self.width_px, self.height_px), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def _looked(self, masks: tuple[Polygon, ...]) -> Mask | None:
        if not masks:
            return None
        looked = np.full((self.height_px, self.width_px), 255, np.uint8)
        size = np.array([self.width_px, self.height_px])
        for corners in masks:
            cv2.fillPoly(looked, [np.round(np.array(corners) * size).astype(np.int32)], 0)
        return looked

    def _standing(self) -> Mask | None:
        """255 where people stand who walked there: the background must not learn them."""
        mask: Mask | None = None
        for track in self.tracker.tracks:
            w, h = self.size.at(track.y)
            if not track.sure or track.walked < STANDS_WALKED:
                continue
            if math.hypot(track.vx / w, track.vy / h) > STANDS_SPEED:
                continue
            if mask is None:
                mask = np.zeros((self.height_px, self.width_px), np.uint8)
            w = STANDS_ROOM * max(w, min(track.w, 1.5 * w))
            h = STANDS_ROOM * max(h, min(track.h, 1.5 * h))
            left, top = max(0, int(track.x - w / 2)), max(0, int(track.y - h / 2))
            mask[top : int(track.y + h / 2) + 1, left : int(track.x + w / 2) + 1] = 255
        return mask

    def _step(self, track: Track, t_s: float) -> Step:
        w, h = self.size.at(track.y)
        y = track.y
        if self._foot:
            y = min(y + h / 2, self.height_px - 1.0)
        return Step(track.number, track.x, y, w, h, track.sure, track.seen_s == t_s, track.person is False)

    def _seen(self, who: Step, track: Track) -> Seen:
        x, y = 1 / self.width_px, 1 / self.height_px
        box = ((track.x - track.w / 2) * x, (track.y - track.h / 2) * y, track.w * x, track.h * y)
        return Seen(who.track, who.x * x, who.y * y, box, who.sure)
