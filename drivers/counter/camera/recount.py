"""Who would have been counted by other lines and zones: kept tracks, walked over them again.

The same rules as when it counts, with one difference: only the box around somebody is kept, not the size of a
person there, so who walks close to another may be measured as larger than they are. It ends as if the
camera went away: visits end, and who is beyond a line has crossed it.
"""

from __future__ import annotations

from drivers.counter.camera.crossing import watches
from drivers.counter.camera.eye import CrossedNow, LineDrawn, Recount, Recounted, VisitedNow
from drivers.counter.camera.kept import Tracks
from drivers.counter.camera.options import Anchor, Line
from drivers.counter.camera.shapes import Crossing, Seen, Step, Visit
from drivers.counter.camera.zones import ZoneWatch

WIDTH_PX = 160  # of the picture that tracks are measured in; any would do


def recounted(
    question: Recount, tracks: Tracks, now_s: float, *, anchor: Anchor, aspect: float, visit_min_s: float
) -> Recounted:
    """The answer to `Recount`, as far back as the tracks are whole.

    `anchor` is the one by which they were kept; `aspect` the picture's width over its height.
    """
    width_px, height_px = WIDTH_PX, round(WIDTH_PX / aspect)
    lines = watches({name: _line(line) for name, line in question.lines.items()}, width_px, height_px)
    zones = [
        ZoneWatch(name, [(x * width_px, y * height_px) for x, y in corners], visit_min_s)
        for name, corners in question.zones.items()
    ]
    from_s, until_s = max(question.from_s, tracks.from_s(now_s)), min(question.until_s, now_s)
    crossed: list[Crossing] = []
    visited: list[Visit] = []
    for t_s, seen in tracks.between(from_s, until_s):
        people = [_step(one, question.anchor, anchor, width_px, height_px) for one in seen]
        crossed += [crossing for line in lines for crossing in line.step(people, t_s)]
        visited += [visit for zone in zones for visit in zone.step(people, t_s)]
    crossed += [crossing for line in lines for crossing in line.close()]
    visited += [visit for zone in zones for visit in zone.close()]
    return Recounted(
        from_s=from_s,
        until_s=until_s,
        crossed=tuple(CrossedNow(t_s=c.t_s, line=c.line, way=c.way) for c in sorted(crossed)),
        visited=tuple(
            VisitedNow(zone=v.zone, entered_s=v.entered_s, left_s=v.left_s)
            for v in sorted(visited, key=lambda visit: visit.left_s)
        ),
    )


def _line(drawn: LineDrawn) -> Line:
    return Line.model_validate({"a": drawn.a, "b": drawn.b, "in": drawn.inward})


def _step(one: Seen, wanted: Anchor, kept: Anchor, width_px: int, height_px: int) -> Step:
    left, top, width, height = one.box
    x, y = one.x, one.y
    if wanted != kept:
        x, y = left + width / 2, top + (height if wanted == "foot" else height / 2)
    at_most = height_px - 1.0  # who stands half outside has no foot in the picture
    return Step(
        one.track,
        x * width_px,
        min(y * height_px, at_most),
        max(1.0, width * width_px),
        max(1.0, height * height_px),
        one.sure,
        True,
    )
