"""What somebody pushes or pulls: it goes right before or behind them, always, and in one blob with them.

In a crowd everybody goes right behind somebody, for a while; a trolley does so with one and the same. So do
couples; but seen from the side, where people are higher than wide, no trolley is so high as a person.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from drivers.counter.camera.tracks import Track

SPEED = 0.3  # persons/s: slower, and nobody knows who goes before whom
ASIDE = 0.5  # persons
AHEAD = 1.7  # persons, from middle to middle: arms and what they hold reach no farther
LATELY = 0.3  # of the last frame, in how much of the time it goes so …
PARTS = 0.1  # … and in how much of it it does not
LEAST = 0.05  # less is as good as nothing
OBLIQUE = (
    1.5  # widths: people who are not so high are seen from above, where a trolley is as large as they are
)


def remember_height(track: Track, high: float, w: float, h: float) -> None:
    """Sets `high`: the foreground had it so high, in persons; a person is `w` × `h` pixels there."""
    track.high += LATELY * (min(1.0, high) * (h >= OBLIQUE * w) - track.high)


def remember_leaders(tracks: Sequence[Track], everybody: Iterable[Track], w: float, h: float) -> None:
    """Sets `leaders` of those who are in one blob; a person is `w` × `h` pixels there.

    Of two, the one that was seen alone for longer, or else first, is the leader. `everybody` in the picture
    is who lives: who is no more may be here under another number.
    """
    here, living = {track.number for track in tracks}, {track.number for track in everybody}
    for track in tracks:
        before, judged = track.leaders, {}
        lost = max((part for number, part in before.items() if number not in living), default=0.0)
        for other in tracks:
            vx, vy = (track.vx + other.vx) / w, (track.vy + other.vy) / h
            speed = math.hypot(vx, vy)
            if (other.alone, -other.number) <= (track.alone, -track.number) or speed < 2 * SPEED:
                continue
            x, y = (track.x - other.x) / w, (track.y - other.y) / h
            ahead, aside = abs(x * vx + y * vy) / speed, abs(x * vy - y * vx) / speed
            follows = aside < ASIDE and aside < ahead < AHEAD
            part = before.get(other.number, lost)
            judged[other.number] = part + (LATELY if follows else PARTS) * (follows - part)
        if judged:
            elsewhere = {
                n: part - PARTS * part for n, part in before.items() if n not in here and part > LEAST
            }
            still = {n: part for n, part in before.items() if n in here}
            track.leaders = still | elsewhere | judged
