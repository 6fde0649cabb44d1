"""When a detector is asked, and what follows from what it sees: tracks and boxes, no picture and no model."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from drivers.counter.camera.counter import Counter
from drivers.counter.camera.detector import Body
from drivers.counter.camera.drawn.film import Cast
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.simulator import film
from drivers.counter.camera.size import Size
from drivers.counter.camera.tracks import Track
from drivers.counter.camera.witness import LOOKS_MAX, REFUSED_LOOKS, SLOW_MAX, Witness, survives, witness_of
from drivers.errors import NoDetector

SMALL = (160, 90)
PERSON = Size(16.0, 24.0)
FRAME = np.zeros((90, 160, 3), np.uint8)
FRAME_S = 0.1


class Model:
    """Sees what it is told to, and takes so long for it."""

    def __init__(self) -> None:
        self.bodies: list[Body] = []
        self.takes_s = 0.02
        self.now_s = 0.0
        self.asked = 0
        self.fails = False

    def people(self, picture: Picture) -> list[Body]:
        self.asked += 1
        self.now_s += self.takes_s
        if self.fails:
            raise NoDetector("failed", "it.onnx")
        return self.bodies


class Stage:
    """A witness, its model and the tracks of a picture."""

    def __init__(self, **options: object) -> None:
        self.model = Model()
        settings = CameraOptions.model_validate(options)
        self.witness = Witness(self.model, settings, clock=lambda: self.model.now_s)
        self.tracks: list[Track] = []
        self.t_s = 0.0

    def track(self, x: float, y: float = 45.0, *, split: bool = False, walked: float = 1.0) -> Track:
        """Somebody at that pixel, who was seen in a few frames; `split`: never apart from others."""
        track = Track(len(self.tracks) + 1, x, y, 16, 24, self.t_s, split)
        track.age, track.walked = 5, walked
        track.alone = 0 if split else 5
        self.tracks.append(track)
        return track

    def play(self, for_s: float) -> None:
        for _ in range(round(for_s / FRAME_S)):
            self.t_s = round(self.t_s + FRAME_S, 3)
            for track in self.tracks:
                track.t_s = track.seen_s = track.born_s = self.t_s  # never old enough to be believed
            self.witness.step(FRAME, self.tracks, PERSON, SMALL, self.t_s)


def body(x: float, y: float = 45.0, sure: float = 0.9) -> Body:
    """Of one person, with its middle at that pixel."""
    return Body(x / SMALL[0], y / SMALL[1], 16 / SMALL[0], 24 / SMALL[1], sure)


def test_who_was_never_seen_apart_from_others_counts_once_the_detector_sees_them() -> None:
    stage = Stage()
    half = stage.track(50, split=True)
    assert not half.sure
    stage.model.bodies = [body(52)]
    stage.play(0.1)
    assert half.sure


def test_nobody_is_asked_about_who_is_sure_or_does_not_move() -> None:
    stage = Stage()
    stage.track(50)
    stage.track(90, split=True, walked=0.1)
    stage.play(3)
    assert stage.model.asked == 0


def test_who_was_seen_is_asked_about_no_more() -> None:
    stage = Stage()
    stage.track(50, split=True)
    stage.model.bodies = [body(50)]
    stage.play(3)
    assert stage.model.asked == 1


def test_one_box_is_one_person_and_first_of_all_who_is_known() -> None:
    stage = Stage()
    known, half = stage.track(50), stage.track(56, split=True)
    stage.model.bodies = [body(56)]
    stage.play(3)
    assert (known.person, half.person, half.sure) == (True, None, False)


def test_a_second_box_confirms_the_second_of_a_pair() -> None:
    stage = Stage()
    known, half = stage.track(50), stage.track(58, split=True)
    stage.model.bodies = [body(57), body(50)]
    stage.play(0.1)
    assert known.sure
    assert half.sure


@pytest.mark.parametrize(
    "other",
    [body(62), body(50, 70), body(50)._replace(w=0.9, h=0.9), body(50)._replace(w=0.02, h=0.05)],
    ids=["aside", "below", "a whole wall", "a hand"],
)
def test_a_box_that_is_elsewhere_or_of_another_size_confirms_nobody(other: Body) -> None:
    stage = Stage()
    half = stage.track(50, split=True)
    stage.model.bodies = [other]
    stage.play(3)
    assert not half.sure


def test_that_it_sees_nobody_says_nothing_unless_it_may_refuse() -> None:
    stage = Stage()
    walker, half = stage.track(50), stage.track(90, split=True)
    stage.play(10)
    assert walker.sure
    assert half.looks == LOOKS_MAX
    assert stage.witness.figures.unseen == 2


def test_it_refuses_after_some_looks_and_takes_it_back() -> None:
    stage = Stage(detector_refuses=True)
    walker = stage.track(50)
    stage.play(0.5 * REFUSED_LOOKS - 0.5)
    assert walker.sure
    stage.play(0.5)
    assert not walker.sure
    stage.model.bodies = [body(50)]
    stage.play(0.5)
    assert walker.sure
    assert stage.witness.figures[2:] == (1, 0)


def test_who_is_cut_off_by_the_edge_of_the_picture_is_not_refused() -> None:
    stage = Stage(detector_refuses=True)
    walker = stage.track(4)
    stage.play(10)
    assert walker.sure
    assert stage.model.asked == 0


def test_it_is_asked_so_often_in_a_second_at_most_and_no_longer_than_it_has_a_chance() -> None:
    stage = Stage(detector_refuses=True, detector_per_s=2)
    stage.track(50)
    stage.play(3)
    assert stage.model.asked == 6
    stage.play(60)
    assert stage.model.asked == LOOKS_MAX


def test_a_slow_box_asks_less_often() -> None:
    stage = Stage(detector_refuses=True, detector_per_s=10)
    stage.model.takes_s = 0.4
    stage.track(50)
    stage.play(10)
    assert stage.model.asked == 5  # a fifth of the time: once in two seconds


def test_one_that_takes_too_long_again_and_again_is_let_go_and_nobody_stays_refused() -> None:
    stage = Stage(detector_refuses=True)
    stage.model.takes_s = 0.6
    walker = stage.track(50)
    stage.play(60)
    assert stage.model.asked == SLOW_MAX
    assert stage.witness.why == "slow"
    assert walker.sure


def test_one_that_fails_is_let_go_and_counting_goes_on() -> None:
    stage = Stage(detector_refuses=True)
    stage.model.fails = True
    walker = stage.track(50)
    stage.play(10)
    assert stage.model.asked == 1
    assert stage.witness.why == "failed"
    assert walker.sure


def test_a_file_that_is_not_there_is_no_detector_but_no_error() -> None:
    witness = witness_of(CameraOptions(detector="/nowhere/people.onnx"))
    assert witness is not None
    assert witness.why == "missing"
    walker = Track(1, 50, 45, 16, 24, 0.0, split=False)
    walker.age, walker.walked = 5, 1.0
    witness.step(FRAME, [walker], PERSON, SMALL, 0.0)
    assert walker.sure


def test_a_model_that_ends_the_process_is_tried_by_another() -> None:
    assert not survives(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert survives(lambda: None)
    assert survives(lambda: [][0])  # who tries it in earnest will see


def test_without_a_detector_in_the_settings_there_is_no_witness() -> None:
    assert witness_of(CameraOptions()) is None


def counted(cast: Cast, model: Model | None) -> tuple[int, int]:
    """Crossings and visits of a drawn film, in which the detector may refuse."""
    drawn = film(7, cast, "clear", lasts_s=20.0)
    wanted = CameraOptions(detector_refuses=True, detector_per_s=10)
    counter = Counter(drawn.options, witness=Witness(model, wanted, clock=lambda: 0.0) if model else None)
    looked = [counter.look(picture, t_s) for t_s, picture in drawn.frames(10.0, SMALL)]
    looked.append(counter.close(drawn.lasts_s))
    return sum(len(one.crossings) for one in looked), sum(len(one.visits) for one in looked)


@pytest.mark.parametrize("cast", ["pairs", "dwellers"])
def test_who_is_refused_crosses_no_line_and_visits_no_zone(cast: Cast) -> None:
    assert sum(counted(cast, None)) > 0
    assert counted(cast, Model()) == (0, 0)
