"""What somebody pushes or pulls: it goes right before or behind them, always, and in one blob with them.

In a crowd everybody goes right behind somebody, for a while; a trolley does so with one and the same.
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


def remember_leaders(tracks: Sequence[Track], w: float, h: float) -> None:
    """Sets `leaders` of those who are in one blob; a person is `w` × `h` pixels there.

    Of two, the one that was seen alone for longer, or else first, is the leader.
    """
    present = {track.number for track in tracks}
    for track in tracks:
        # Whom it went with before may be here under another number.
        gone = max((part for number, part in track.leaders.items() if number not in present), default=0.0)
        leaders = {}
        for other in tracks:
            vx, vy = (track.vx + other.vx) / w, (track.vy + other.vy) / h
            speed = math.hypot(vx, vy)
            if (other.alone <= track.alone and other.number >= track.number) or speed < 2 * SPEED:
                continue
            x, y = (track.x - other.x) / w, (track.y - other.y) / h
            ahead, aside = abs(x * vx + y * vy) / speed, abs(x * vy - y * vx) / speed
            follows = aside < ASIDE and aside < ahead < AHEAD
            before = track.leaders.get(other.number, gone)
            leaders[other.number] = before + (LATELY if follows else PARTS) * (follows - before)
        track.leaders = leaders or track.leaders
