"""The worker's answers to the technician's page, from what it has in memory."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from drivers.counter.camera.again import Again, wanted_of
from drivers.counter.camera.eye import (
    LOOK_WIDTH_MAX,
    Answer,
    CrossedNow,
    DetectorNow,
    Kept,
    LineDrawn,
    Look,
    Past,
    Question,
    Recount,
    Recounted,
    Rectangle,
    SeenNow,
    Sight,
)
from drivers.counter.camera.kept import Pictures, Tracks, jpeg_of, past_of
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.recount import recounted
from drivers.counter.camera.size import Size
from drivers.counter.camera.watch import Watch
from drivers.counter.camera.witness import Witness

FAR, NEAR = 0.25, 0.75  # of the picture's height, where learned sizes are shown


class Eye:
    """What one camera's worker can show."""

    def __init__(
        self,
        options: CameraOptions,
        watch: Watch,
        size: Callable[[], Size | None] = lambda: None,
        witness: Witness | None = None,
        worker: str = "",
    ) -> None:
        """`size` of a person as it was drawn or learned, in fractions of the picture; `worker`: its name."""
        self._options, self._watch, self._size, self._witness = options, watch, size, witness
        self._worker = worker
        self._tracks, self._pictures = Tracks(), Pictures()
        self._aspect = 16 / 9
        self._again: Again | None = None

    def seen(self) -> None:
        """The watch has looked at another picture."""
        if (newest := self._watch.newest) is not None:
            self._aspect = newest.picture.shape[1] / newest.picture.shape[0]
            self._tracks.add(newest.t_s, self._watch.looked.seen)
            self._pictures.add(newest)

    def tick(self, now_s: float) -> None:
        """Forgets pictures whose time is over, though the camera may give no others."""
        self._pictures.tick(now_s)
        if self._pictures.empty:  # nobody looks any more
            self._again = None

    def answer(
        self, question: Question, now_s: float, frames_per_s: float, look_ms: float
    ) -> tuple[Answer, tuple[bytes, ...]]:
        """The answer and its pictures."""
        said, jpegs = self._answer(question, now_s, frames_per_s, look_ms)
        return replace(said, worker=self._worker), jpegs

    def _answer(
        self, question: Question, now_s: float, frames_per_s: float, look_ms: float
    ) -> tuple[Sight | Kept | Recounted, tuple[bytes, ...]]:
        if isinstance(question, Recount):
            return self._recount(question, now_s), ()
        if isinstance(question, Past):
            self._pictures.asked(now_s)
            return past_of(question, self._pictures, self._tracks, now_s)
        return self._sight(question, now_s, frames_per_s, look_ms)

    def _recount(self, question: Recount, now_s: float) -> Recounted:
        """By the tracks, or by the pictures as far as they were counted again. Raises ValueError."""
        tracks, anchor, again = self._tracks, self._options.anchor, None
        if wanted := wanted_of(question, self._options):
            self._pictures.asked(now_s)
            again = self._again
            if again is None or again.wanted != wanted:
                # The size of people is learned anew, too, when boxes that were drawn are taken away.
                again = self._again = Again(
                    wanted, self._options, None if self._options.persons else self._size()
                )
            again.step(self._pictures)
            tracks, anchor, now_s = again.tracks, again.options.anchor, again.at_s
        found = recounted(
            question,
            tracks,
            now_s,
            anchor=anchor,
            aspect=self._aspect,
            visit_min_s=self._options.visit_min_s,
        )
        return replace(found, pictures=again.counted, left=again.left) if again else found

    def _sight(
        self, question: Look, now_s: float, frames_per_s: float, look_ms: float
    ) -> tuple[Sight, tuple[bytes, ...]]:
        watch, options = self._watch, self._options
        newest = watch.newest
        high, wide = newest.picture.shape[:2] if newest else (0, 0)
        sight = Sight(
            t_s=now_s,
            state=watch.state or "starting",
            detail=watch.detail,
            picture_s=newest.t_s if newest else 0.0,
            wide=wide,
            high=high,
            frames_per_s=frames_per_s,
            look_ms=look_ms,
            people=tuple(
                SeenNow(track=one.track, x=one.x, y=one.y, box=one.box, sure=one.sure)
                for one in watch.looked.seen
            ),
            occupancy=dict(watch.looked.occupancy),
            crossed=tuple(CrossedNow(t_s=one.t_s, line=one.line, way=one.way) for one in watch.crossed),
            totals={name: (watch.totals[name, "in"], watch.totals[name, "out"]) for name in options.lines},
            lines={
                name: LineDrawn(a=(line.a.x, line.a.y), b=(line.b.x, line.b.y), inward=line.inward)
                for name, line in options.lines.items()
            },
            detector=_detector(self._witness),
            persons=() if options.persons else _boxes(self._size()),
            zones={name: tuple((x, y) for x, y in zone) for name, zone in options.zones.items()},
        )
        width = min(question.width, LOOK_WIDTH_MAX)
        return sight, (jpeg_of(newest.picture, width),) if newest and width else ()


def _detector(witness: Witness | None) -> DetectorNow | None:
    return DetectorNow(why=witness.why, **witness.figures._asdict()) if witness else None


def _boxes(size: Size | None) -> tuple[Rectangle, ...]:
    """One person far and one near."""
    if size is None:
        return ()
    sizes = ((y, *size.exact(y)) for y in (FAR, NEAR))
    return tuple((0.5 - w / 2, y - h / 2, w, h) for y, w, h in sizes)
