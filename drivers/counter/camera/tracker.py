"""Who is who from frame to frame.

Everybody walks on as they went, and as the points upon them go (flow.py), but for those who pass each
other (passing.py). Each group of a frame is met by the tracks that may be in it, first by those who were
seen a moment ago. One in a blob of one person's size: they are in its middle. Several, or one in a blob
too large for one: the pixels are shared out, and each is where their points are, or else is looked for by
what they look like. A blob that has foreground for one more than is known, or is too long for the one who
is, gives birth to one; a track that the foreground does not need is let go, for it was half of another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

from drivers.counter.camera.assignment import assign
from drivers.counter.camera.blobs import Foreground
from drivers.counter.camera.flow import Flow, pointed
from drivers.counter.camera.passing import passing
from drivers.counter.camera.patches import cut, find
from drivers.counter.camera.persons import FILL, Group, farthest, groups_of, pixels_of, share
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.size import Size
from drivers.counter.camera.tracks import NO_POINTS, Track
from drivers.counter.camera.trolleys import remember_height, remember_leaders

TRACKS_MAX = 100
GATE = 0.9  # persons from where somebody should be, and what the filter is unsure of on top
UNSURE_MAX = 2.0  # persons: after a gap in the pictures somebody is not anywhere
MEETS_MAX = 0.8  # gates …
POINTED = 0.3  # … and so many nearer when all of somebody's points are there
JUST_S = 0.15  # who was seen so short a time ago goes before others
HOPELESS = 100.0
CROWD_MAX = 6  # people in one blob
INSIDE = 0.3  # persons from a crowd's rim: there somebody's middle may be

ALONE_NOISE = 0.18  # persons: how well the middle of a blob tells where somebody is …
CROWD_NOISE = 0.25  # … the middle of their share of one …
LIKE_NOISE = 0.15  # … and that and their looks together
LOOKS_WEIGHT = 0.5
FLOW_NOISE = 0.12  # … and how well their points tell it
FLOW_WEIGHT = 0.7  # of these, in a blob with others
LIKE_ENOUGH = 0.6  # to remember these looks
SHARE_LEAST = 0.15  # of a person: less says nothing

BIRTH = 0.3  # of a person: less is nobody
SPLIT_BIRTH = 0.6
ONE_MORE = 0.55  # persons more than are known: there is one more …
LONG = 2.0  # … or, where one is known, so wide or high is the blob, with foreground for one at least
SPLIT_ROUNDS, SHARE_ROUNDS = 4, 3
NEED = 0.45  # of a person: who was never seen alone and is needed for less was half of somebody
PROVEN_NEED = 0.1  # who was seen alone may well be hidden behind somebody
COAST_S = 1.0  # how long somebody walks on unseen
YOUNG_COAST_S = 0.35
LATELY = 0.3  # of the last frame in what is true lately
NEED_LATELY = 0.2


class Tracker:
    """All tracks of one picture; `tracks` are those that live."""

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        """`numbers` of the tracks go on from tracker to tracker: tracks are kept for longer than one is."""
        self.tracks: list[Track] = []
        self._numbers = numbers or count(1)
        self._flow = Flow()

    def step(self, foreground: Foreground, size: Size, t_s: float) -> None:
        """One frame."""
        even = foreground.even
        dt_s = max((t_s - track.t_s for track in self.tracks), default=0.0)
        for track in passing(self.tracks, size):
            track.points = NO_POINTS
        self._flow.follow(even, self.tracks, size, dt_s)
        for track in self.tracks:
            track.predict(t_s)
            if track.flow:
                track.steer(*track.flow, FLOW_NOISE, *size.at(track.y))
        groups = groups_of(foreground, size)
        met = self._meet(groups, foreground, size)
        for group, tracks in zip(groups, met, strict=True):
            w, h = size.at(group.cy)
            if not tracks:
                if group.persons >= BIRTH:
                    self._bear(group.cx, group.cy, group.w, group.h, t_s, split=False)
            elif len(tracks) == 1 and not _one_more(group, 1, w, h):
                self._alone(even, tracks[0], group, size, dt_s)
            else:
                self._crowd(foreground, tracks, group, w, h)
        self.tracks = [track for track in self.tracks if self._lives(track)]
        self._flow.renew(foreground, self.tracks, size)

    def _meet(self, groups: list[Group], foreground: Foreground, size: Size) -> list[list[Track]]:
        """The tracks in each group."""
        met: list[list[Track]] = [[] for _ in groups]
        places = [
            number
            for number, group in enumerate(groups)
            for _ in range(min(CROWD_MAX, max(1, round(group.persons))))
        ]
        just = [track.t_s - track.seen_s <= JUST_S for track in self.tracks]
        placed = set()
        for now in (True, False):
            rows = [row for row, seen in enumerate(just) if seen is now]
            costs = [_costs(self.tracks[row], groups, places, foreground, size) for row in rows]
            pairs = assign(costs, MEETS_MAX)
            for row, column in pairs:
                met[places[column]].append(self.tracks[rows[row]])
                placed.add(rows[row])
            gone = {column for _, column in pairs}
            places = [place for column, place in enumerate(places) if column not in gone]
        for row, track in enumerate(self.tracks):
            if row in placed:
                continue
            # Nothing is left for them alone: they are hidden in a group where somebody else is.
            w, h = size.at(track.y)
            for tracks, group in zip(met, groups, strict=True):
                if tracks and group.around(track.x, track.y, 0.1 * w, 0.1 * h):
                    tracks.append(track)
                    break
        return met

    def _alone(self, even: Picture, track: Track, group: Group, size: Size, dt_s: float) -> None:
        w, h = size.at(track.y)
        track.correct(group.cx, group.cy, ALONE_NOISE, w, h)
        track.alone += group.persons > 0.5
        track.backing += LATELY * (min(1.0, group.persons) - track.backing)
        track.needed += NEED_LATELY * (1 - track.needed)
        track.free += math.hypot(track.vx / w, track.vy / h) * dt_s
        remember_height(track, group.h / h, w, h)
        track.w += NEED_LATELY * (group.w - track.w)
        track.h += NEED_LATELY * (group.h - track.h)
        _remember(even, track, w, h)

    def _crowd(self, foreground: Foreground, tracks: list[Track], group: Group, w: float, h: float) -> None:
        even = foreground.even
        person = FILL * w * h
        pixels, each = pixels_of(foreground, group)
        looks = [
            find(even, track.patch, track.x, track.y, w, h) if track.patch is not None else None
            for track in tracks
        ]
        middles = [
            track.flow or ((seen.x, seen.y) if seen else (track.x, track.y))
            for seen, track in zip(looks, tracks, strict=True)
        ]
        for track, seen, mine in zip(tracks, looks, share(pixels, middles, w, h, SHARE_ROUNDS), strict=True):
            backing = mine.pixels * each / person
            track.backing += LATELY * (min(1.0, backing) - track.backing)
            track.needed += NEED_LATELY * (min(1.0, mine.needed * each / person) - track.needed)
            if backing < SHARE_LEAST:
                continue
            remember_height(track, mine.high, w, h)
            if track.flow:
                part, (x, y), noise = FLOW_WEIGHT, track.flow, FLOW_NOISE
            elif seen:
                part, x, y, noise = LOOKS_WEIGHT, seen.x, seen.y, LIKE_NOISE
            else:
                part, x, y, noise = 0.0, 0.0, 0.0, CROWD_NOISE
            track.correct(part * x + (1 - part) * mine.x, part * y + (1 - part) * mine.y, noise, w, h)
            if seen and seen.likeness > LIKE_ENOUGH:
                _remember(even, track, w, h)
        remember_leaders(tracks, w, h)
        if _one_more(group, len(tracks), w, h):
            known = [(track.x, track.y) for track in tracks]
            *_, another = share(pixels, [*known, farthest(pixels, known, w, h)], w, h, SPLIT_ROUNDS, 1.0)
            if another.pixels * each >= SPLIT_BIRTH * person:
                self._bear(another.x, another.y, w, h, tracks[0].t_s, split=True)

    def _bear(self, x: float, y: float, w: float, h: float, t_s: float, *, split: bool) -> None:
        if len(self.tracks) < TRACKS_MAX:
            self.tracks.append(Track(next(self._numbers), x, y, w, h, t_s, split))

    def _lives(self, track: Track) -> bool:
        if track.needed < (PROVEN_NEED if track.proven or track.person else NEED):
            return False
        return track.t_s - track.seen_s <= (COAST_S if track.sure else YOUNG_COAST_S)


def _costs(
    track: Track, groups: list[Group], places: list[int], foreground: Foreground, size: Size
) -> list[float]:
    """Of each place, in gates: less where the track's points are."""
    shares = pointed(track, foreground)
    each = [
        _cost(track, group, size) - POINTED * sum(shares.get(label, 0.0) for label in group.labels)
        for group in groups
    ]
    return [each[place] for place in places]


def _cost(track: Track, group: Group, size: Size) -> float:
    """How far, in gates, the group is from where somebody should be."""
    w, h = size.at(track.y)
    if group.persons < 1 + ONE_MORE:
        aside, ahead = (track.x - group.cx) / w, (track.y - group.cy) / h
    else:
        right, bottom = group.x + group.w, group.y + group.h
        aside = max(0.0, (group.x - track.x) / w + INSIDE, (track.x - right) / w + INSIDE)
        ahead = max(0.0, (group.y - track.y) / h + INSIDE, (track.y - bottom) / h + INSIDE)
    gate = GATE + min(UNSURE_MAX, math.sqrt(track.p00))
    apart = math.hypot(aside, ahead)
    return HOPELESS if apart > gate else apart / gate


def _one_more(group: Group, known: int, w: float, h: float) -> bool:
    """Whether so many people who are known do not explain this group; a person is `w` × `h` pixels there."""
    if group.persons >= known + ONE_MORE:
        return True
    return known == 1 and group.persons >= 1 and max(group.w / w, group.h / h) >= LONG


def _remember(even: Picture, track: Track, w: float, h: float) -> None:
    patch = cut(even, track.x, track.y, w, h)
    if patch is not None:
        track.patch = patch
