"""What somebody pushes or pulls: it goes right before or behind them, always, and in one blob with them.

In a crowd everybody goes right behind somebody, for a while; a trolley does so with one and the same. So do
couples; but across an oblique view no trolley is as high as a person. (Towards the camera it is: its length
adds to its height there.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from drivers.counter.camera.tracks import Track

SPEED = 0.3  # persons/s: slower, and nobody knows who goes before whom
ASIDE = 0.5  # persons
AHEAD = 1.7  # persons, from middle to middle: arms and what they hold reach no farther
LATELY = 0.3  # of the last frame, in how much of the time it goes so …
PARTS = 0.1  # … and in how much of it it does not
LEAST = 0.05  # less is as good as nothing
OBLIQUE = 2.5  # widths that a person is high: as seen from 55° above, where a trolley is 0.8 of that
HIGHER = 0.15  # persons: of two the higher one pushes


def remember_height(track: Track, high: float, w: float, h: float) -> None:
    """Sets `high`: the foreground had it so high, in persons; a person is `w` × `h` pixels there."""
    tells = h >= OBLIQUE * w and abs(track.vx) > abs(track.vy)
    more = min(1.0, high) * tells - track.high
    track.high += (LATELY if more > 0 else PARTS) * more  # half of somebody is hidden now and then


def remember_leaders(tracks: Sequence[Track], w: float, h: float) -> None:
    """Sets `leaders` of those who are in one blob; a person is `w` × `h` pixels there."""
    here = {track.number for track in tracks}
    for track in tracks:
        before, judged, followers = track.leaders, {}, set()
        for other in tracks:
            if not _leads(other, track):
                followers.add(other.number)
                continue
            vx, vy = (track.vx + other.vx) / w, (track.vy + other.vy) / h
            speed = math.hypot(vx, vy)
            if speed < 2 * SPEED:
                continue
            x, y = (track.x - other.x) / w, (track.y - other.y) / h
            ahead, aside = abs(x * vx + y * vy) / speed, abs(x * vy - y * vx) / speed
            follows = aside < ASIDE and aside < ahead < AHEAD
            part = before.get(other.number, 0.0)
            judged[other.number] = part + (LATELY if follows else PARTS) * (follows - part)
        still = {n: part for n, part in before.items() if n in here and n not in followers}
        elsewhere = {n: part for n, part in before.items() if n not in here}
        if judged:  # also by others under whose numbers those may be who are not here
            elsewhere = {n: part - PARTS * part for n, part in elsewhere.items() if part > LEAST}
        track.leaders = still | elsewhere | judged


def _leads(other: Track, track: Track) -> bool:
    """Of two, the higher one, or who was seen alone for longer, or else first; nobody leads oneself."""
    if abs(other.high - track.high) > HIGHER:
        return other.high > track.high
    return (other.alone, -other.number) > (track.alone, -track.number)
