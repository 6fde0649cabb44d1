"""Masks and boxes around persons are tried on kept pictures, a few at a time while it goes on counting."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest

from drivers.counter.camera.again import AT_ONCE
from drivers.counter.camera.camera import Frame
from drivers.counter.camera.counter import Counter
from drivers.counter.camera.eye import PAST_KEPT_S, LineDrawn, Past, Recount, Recounted
from drivers.counter.camera.health import Health
from drivers.counter.camera.sight import Eye
from drivers.counter.camera.simulator import film
from drivers.counter.camera.watch import Watch

RATE = 10.0
FILM = film(3, lasts_s=40.0)
LINES = {
    name: LineDrawn(a=(line.a.x, line.a.y), b=(line.b.x, line.b.y), inward=line.inward)
    for name, line in FILM.options.lines.items()
}
ALL = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
NOWHERE = ((0.0, 0.0), (0.01, 0.0), (0.01, 0.01))


@functools.cache
def frames() -> list[Frame]:
    return [Frame(picture, t_s) for t_s, picture in FILM.frames(RATE)]


class Worker:
    """One that has seen the film, with somebody before its page."""

    def __init__(self, *, asked: bool = True, **options: Any) -> None:
        self.options = FILM.options.model_copy(update=options)
        self.watch = Watch(Counter(self.options), Health())
        self.eye = Eye(self.options, self.watch)
        self.now_s = 0.0
        if asked:
            self.eye.answer(Past(), 0.0, RATE, 2.0)

    def sees(self, some: list[Frame]) -> None:
        for frame in some:
            self.watch.look(frame)
            self.eye.seen()
            self.now_s = frame.t_s
            self.eye.tick(self.now_s)

    def ask(self, **more: Any) -> Recounted:
        answer, _ = self.eye.answer(Recount(lines=LINES, **more), self.now_s, RATE, 2.0)
        assert isinstance(answer, Recounted)
        return answer

    def ask_on(self, **more: Any) -> Recounted:
        """Until all is counted."""
        return next(answer for _ in range(100) if not (answer := self.ask(**more)).left)


@pytest.fixture(scope="module")
def worker() -> Worker:
    found = Worker()
    found.sees(frames())
    return found


def ways(answer: Recounted) -> list[str]:
    return sorted(one.way for one in answer.crossed)


def test_what_is_not_changed_needs_no_pictures(worker: Worker):
    answer = worker.ask(masks=(), persons=FILM.options.persons)
    assert answer.pictures is None
    assert answer == worker.ask()
    assert ways(answer) == sorted(one.way for one in FILM.crossings)


def test_a_few_pictures_are_counted_for_each_question_until_none_is_left(worker: Worker):
    answers = list(
        itertools.takewhile(lambda one: one.left, (worker.ask(masks=(NOWHERE,)) for _ in range(100)))
    )
    counted = [one.pictures for one in answers]
    assert counted == [AT_ONCE * n for n in range(1, len(counted) + 1)]
    assert {one.left + (one.pictures or 0) for one in answers} == {len(worker.eye._pictures.after(-1.0))}
    assert ways(worker.ask(masks=(NOWHERE,))) == sorted(one.way for one in FILM.crossings)


def test_under_a_mask_nobody_is_counted_and_without_it_they_are(worker: Worker):
    assert worker.ask_on(masks=(ALL,)).crossed == ()
    masked = Worker(masks=(ALL,))
    masked.sees(frames())
    assert masked.ask(masks=None).crossed == ()
    assert ways(masked.ask_on(masks=())) == sorted(one.way for one in FILM.crossings)


def test_boxes_around_persons_are_tried_and_so_is_the_anchor_beside_them(worker: Worker):
    giant = worker.ask_on(persons=((0.0, 0.0, 0.9, 0.9),))
    assert len(giant.crossed) < len(FILM.crossings)
    learned = worker.ask_on(persons=())
    assert len(learned.crossed) == pytest.approx(len(FILM.crossings), abs=1)
    middle, foot = (worker.ask_on(masks=(NOWHERE,), anchor=anchor).crossed for anchor in ("centroid", "foot"))
    assert [one.t_s for one in middle] != [one.t_s for one in foot]


def test_it_goes_on_with_the_pictures_that_come():
    worker = Worker()
    half = len(frames()) // 2
    worker.sees(frames()[:half])
    first = worker.ask_on(masks=(NOWHERE,))
    worker.sees(frames()[half:])
    all_ = worker.ask_on(masks=(NOWHERE,))
    assert (first.pictures or 0) < (all_.pictures or 0)
    assert ways(all_) == sorted(one.way for one in FILM.crossings)
    late = worker.ask_on(masks=(NOWHERE,), from_s=first.until_s)
    assert late.from_s == first.until_s
    assert set(late.crossed) == {one for one in all_.crossed if one.t_s > first.until_s}


def test_nothing_of_it_is_kept_when_nobody_has_looked_for_long():
    worker = Worker()
    worker.sees(frames()[:100])
    assert worker.ask_on(masks=(ALL,)).pictures
    worker.sees([frames()[0]._replace(t_s=worker.now_s + PAST_KEPT_S + 1)])
    assert worker.eye._again is None
    assert worker.ask(masks=(ALL,)).pictures == 0


def test_whoever_asks_for_pictures_counted_again_has_them_kept():
    worker = Worker(asked=False)
    worker.sees(frames()[:20])
    assert worker.ask(masks=(ALL,)).pictures == 0
    worker.sees(frames()[20:40])
    assert worker.ask(masks=(ALL,)).pictures


def test_a_mask_outside_of_the_picture_is_refused(worker: Worker):
    with pytest.raises(ValueError, match="less than or equal to 1"):
        worker.ask(masks=(((0.0, 0.0), (2.0, 0.0), (1.0, 1.0)),))


def test_its_options_are_the_drawn_ones_and_how_long_a_visit_is():
    worker = Worker(visit_min_s=1.5)
    worker.sees(frames()[:20])
    worker.ask(masks=(ALL,), anchor="foot")
    again = worker.eye._again
    assert again
    assert (again.options.anchor, again.options.visit_min_s, again.options.masks) == ("foot", 1.5, (ALL,))
    assert not again.options.lines


def test_it_tells_from_when_on_pictures_were_kept():
    worker = Worker(asked=False)
    half = len(frames()) // 2
    worker.sees(frames()[:half])
    worker.eye.answer(Past(), worker.now_s, RATE, 2.0)
    worker.sees(frames()[half:])
    assert worker.ask(until_s=worker.now_s).from_s == frames()[0].t_s  # by the tracks, which are always there
    assert worker.ask_on(masks=(NOWHERE,)).from_s == pytest.approx(frames()[half].t_s, abs=0.3)
