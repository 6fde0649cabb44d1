"""How large a person is at a place of the picture: drawn by a technician, or learned from those who walk.

Each blob that walks its own length gives one vote: how wide, high and full it was on its way. Some are one
person, some two or three who walk together, and some anything else: pieces of somebody, a crowd, a door. One
person is the size with which that mixture makes the votes most likely, and not just the most frequent one.
They are compared as they would be in the middle of the picture, by how people grow on their way (growth.py).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.counter.camera.blobs import Blob, blobs_of
from drivers.counter.camera.growth import Walked, growth
from drivers.counter.camera.light import Mask
from drivers.counter.camera.options import Box

VOTES_ENOUGH = 100
VOTES_LEAST = 3
WALK_FRAMES, WALK_FRAMES_MOST = 5, 15
SEEN = 15  # frames of each, evenly taken from all
WALK_LENGTHS = 0.6  # of its own height or width
PERSONS = (0.6, 0.2, 0.08)  # of the votes are one, two and three people …
ELSE = 0.04  # … and so many, in each factor e of the area, are anything else
ALIKE = 0.2  # people are, in the logarithm of their area: more than twice that apart is another size
WHOLE = 0.8  # of the frames, in which a person's height is no more than that
FRAGMENTS_PX = (
    11  # pixels of the small picture: pieces so near are one person, or two of whom nothing is learned
)
LEAST_SHARE = 0.0015  # of the picture
MOST_SHARE = 0.25
LOST_S = 0.4
SAME_OVERLAP = 0.35  # of the smaller box: two thirds of a person in a tenth of a second nobody walks …
SAME_AREA = (0.6, 1.7)  # … and legs come and go by less: two who meet are twice as much, and no one's walk
WALKS_MAX = 100  # at once: more are noise, and each is compared with every blob
WALK_SEEN_MAX = 500  # frames of each: twenty seconds; who takes longer than that stood
BOXES_APART = 0.1  # of the picture's height: boxes side by side say nothing about depth


class Size(NamedTuple):
    """A person in pixels: width and height at `y = 0`, and what a pixel further down adds.

    Nobody was seen above `top` and below `bottom`: there people are taken to be as large as at these.
    """

    w0: float
    h0: float
    dw: float = 0.0
    dh: float = 0.0
    top: float = -math.inf
    bottom: float = math.inf

    def at(self, y: float) -> tuple[float, float]:
        """Two pixels at least."""
        w, h = self.exact(y)
        return max(2.0, w), max(2.0, h)

    def exact(self, y: float) -> tuple[float, float]:
        """In whatever measure it is."""
        y = min(max(y, self.top), self.bottom)
        return self.w0 + self.dw * y, self.h0 + self.dh * y

    @property
    def grows(self) -> float:
        """As in growth.py, of a size in fractions."""
        return self.dw / (self.w0 + self.dw / 2)

    def scaled(self, x: float, y: float) -> Size:
        """The same in another measure: of pixels as fractions, or back."""
        return Size(self.w0 * x, self.h0 * y, self.dw * x / y, self.dh, self.top * y, self.bottom * y)


FIRST_GUESS = Size(0.13, 0.26)  # of the picture; a camera hangs so that a person is 1/8 to 1/3 of it


def drawn(boxes: Sequence[Box]) -> Size | None:
    """From the boxes that a technician drew around one person, near and far; None when there are none."""
    if not boxes:
        return None
    first, last = boxes[0], boxes[-1]
    rise = (last.y + last.h / 2) - (first.y + first.h / 2)
    if abs(rise) < BOXES_APART:
        count = len(boxes)
        return Size(sum(box.w for box in boxes) / count, sum(box.h for box in boxes) / count)
    dw, dh = (last.w - first.w) / rise, (last.h - first.h) / rise
    middle = first.y + first.h / 2
    return Size(first.w - dw * middle, first.h - dh * middle, dw, dh)


class Vote(NamedTuple):
    """Somebody who walked by."""

    seen: NDArray[np.float64]  # SEEN × 4: heights of the picture down; width, height, area in pixels
    walked: Walked
    weight: float  # the farther it went and the longer it was seen, the less a fragment


class _Walk:
    """One blob from frame to frame."""

    __slots__ = ("first", "last", "seen", "t_s")

    def __init__(self, blob: Blob, t_s: float) -> None:
        self.first = self.last = blob
        self.seen = [blob]
        self.t_s = t_s


class Learner:
    """Learns from the blobs of each frame how large people are."""

    def __init__(self, width_px: int, height_px: int, grows: float = 0.0) -> None:
        """`grows` (growth.py) is taken for known until enough have walked up or down."""
        self._grows = grows
        self._known: Size | None = None
        self._agreed = 0  # votes for it
        self._width, self._height = width_px, height_px
        self._join = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (FRAGMENTS_PX, FRAGMENTS_PX))
        self._walks: list[_Walk] = []
        self.votes: deque[Vote] = deque(maxlen=2 * VOTES_ENOUGH)

    def step(self, mask: Mask, t_s: float) -> bool:
        """True when there is something new. Learns no more when VOTES_ENOUGH have walked by."""
        if len(self.votes) >= VOTES_ENOUGH:
            return False
        _, blobs = blobs_of(np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, self._join), np.uint8))
        picture = self._width * self._height
        free = [b for b in blobs if LEAST_SHARE * picture <= b.area <= MOST_SHARE * picture]
        kept, voted = [], False
        for walk in self._walks:
            blob = max(free, key=lambda b: _overlap(walk.last, b), default=None)
            if (
                blob is not None
                and _overlap(walk.last, blob) > SAME_OVERLAP
                and SAME_AREA[0] < blob.area / walk.last.area < SAME_AREA[1]
            ):
                free.remove(blob)
                walk.last, walk.t_s = blob, t_s
                if not self._cut_off(blob) and len(walk.seen) < WALK_SEEN_MAX:
                    walk.seen.append(blob)
                kept.append(walk)
            elif t_s - walk.t_s <= LOST_S:
                kept.append(walk)
            else:
                voted |= self._vote(walk)
        self._walks = (kept + [_Walk(blob, t_s) for blob in free])[:WALKS_MAX]
        return voted

    def end(self) -> None:
        """No more frames come, or not for long: those who walk now vote as far as they went."""
        for walk in self._walks:
            self._vote(walk)
        self._walks = []

    def size(self, least: int = VOTES_LEAST) -> Size | None:
        """None while fewer than `least` have walked by."""
        return self._known if self._agreed >= least else None

    def _weigh(self) -> None:
        grows = growth([(vote.walked, vote.weight) for vote in self.votes])
        grows = self._grows if grows is None else grows
        people = _in_the_middle(np.array([vote.seen for vote in self.votes]), grows)
        areas = np.log(people[:, 2])
        apart = areas[None, :] - areas[:, None]  # of each vote from each size that is one's
        likely = ELSE + sum(
            part * _bell(apart - math.log(persons)) for persons, part in enumerate(PERSONS, start=1)
        )
        best = int((np.log(likely) @ [vote.weight for vote in self.votes]).argmax())
        agreed = people[np.abs(apart[best]) < 2 * ALIKE]
        self._agreed = len(agreed)
        w, h, _ = np.median(agreed, axis=0).tolist()
        start, each = 1 - grows / 2, grows / self._height
        downs = [y * self._height for vote in self.votes for y in (vote.walked.first_y, vote.walked.last_y)]
        self._known = Size(w * start, h * start, w * each, h * each, min(downs), max(downs))

    def _vote(self, walk: _Walk) -> bool:
        seen = [blob for blob in walk.seen if not self._cut_off(blob)]
        if len(seen) < WALK_FRAMES:
            return False
        every = np.array([(b.cy / self._height, b.w, b.h, b.area) for b in seen])
        kept = every[np.linspace(0, len(every) - 1, SEEN).round().astype(int)]
        w, h, area = _in_the_middle(kept[None], 0.0)[0].tolist()
        far = math.hypot((walk.last.cx - walk.first.cx) / w, (walk.last.cy - walk.first.cy) / h)
        if far < WALK_LENGTHS:
            return False
        # How far in pixels: in lengths of their own, pieces of somebody walk farther than they do.
        weight = min(len(seen), WALK_FRAMES_MOST) * far * math.sqrt(area)
        (first_y, first), (last_y, last) = (
            np.median(part[:, (0, 3)], axis=0).tolist() for part in (kept[: SEEN // 3], kept[-SEEN // 3 :])
        )
        self.votes.append(Vote(kept, Walked(first_y, math.sqrt(first), last_y, math.sqrt(last)), weight))
        self._weigh()
        return True

    def _cut_off(self, blob: Blob) -> bool:
        return blob.x <= 0 or blob.y <= 0 or blob.x + blob.w >= self._width or blob.y + blob.h >= self._height


def _in_the_middle(seen: NDArray[np.float64], grows: float) -> NDArray[np.float64]:
    """Width, height and area of each, n × 3, in the middle of a picture in which people grow so."""
    down, w, h, area = np.moveaxis(seen, 2, 0)
    times = 1 + grows * (down - 0.5)
    # Legs come and go in the foreground: who is seen whole is as high as they are.
    whole = np.sort(h / times, axis=1)[:, round(WHOLE * (SEEN - 1))]
    return np.stack([np.median(w / times, axis=1), whole, np.median(area / times**2, axis=1)], axis=1)


def _bell(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """The density of the normal distribution of logarithms of people's areas."""
    return np.asarray(np.exp(-0.5 * (apart / ALIKE) ** 2) / (ALIKE * math.sqrt(2 * math.pi)))


def _overlap(a: Blob, b: Blob) -> float:
    """Of the smaller of two boxes, the share that lies in the other."""
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / min(a.w * a.h, b.w * b.h)
