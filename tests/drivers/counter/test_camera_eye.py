"""What a worker remembers for the technician, and what it answers; bounded, and never waiting for anybody."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.counter.camera.camera import Frame
from drivers.counter.camera.eye import (
    ANSWER_BYTES_MAX,
    PAST_GIVEN_MAX,
    PAST_KEPT_S,
    PAST_S,
    QUESTION_BYTES_MAX,
    TRACKS_S,
    DetectorNow,
    EyeShut,
    Kept,
    LineDrawn,
    Look,
    Past,
    Question,
    Recount,
    Recounted,
    Refused,
    Sight,
    ask,
    read_question,
    write_answer,
)
from drivers.counter.camera.eye_server import CALLERS_MAX, IDLE_S, EyeServer
from drivers.counter.camera.health import Health
from drivers.counter.camera.kept import SEEN_MAX, Pictures, Tracks, past_of
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Crossing, Looked, Picture, Seen
from drivers.counter.camera.sight import Eye
from drivers.counter.camera.size import Size
from drivers.counter.camera.watch import Watch
from drivers.counter.camera.witness import witness_of

CHANCE = np.random.default_rng(3)
OPTIONS = CameraOptions.model_validate(
    {"lines": {"door": {"a": [0, 0.5], "b": [1, 0.5], "in": "down"}}, "visit_min_s": 1}
)


def walker(t_s: float) -> Seen:
    """Somebody who walks down the middle of the picture in ten seconds, again and again."""
    part = t_s % 10 / 10
    return Seen(int(t_s // 10) + 1, 0.5, part, (0.45, part - 0.1, 0.1, 0.2), sure=True)


class Sees:
    """A counter that sees the walker."""

    def look(self, frame: Picture, t_s: float) -> Looked:
        crossings = (Crossing(t_s, "door", "in"),) if abs(t_s % 10 - 5) < 0.05 else ()
        return Looked(crossings, occupancy=(("shop", 1),), seen=(walker(t_s),))

    def close(self, t_s: float) -> Looked:
        return Looked()


class Worker:
    """An eye, and the watch that it looks through."""

    def __init__(self) -> None:
        self.watch = Watch(Sees(), Health())
        self.size: Size | None = None
        self.eye = Eye(OPTIONS, self.watch, lambda: self.size)
        self.now_s = 0.0

    def run(self, s: float, rate: float = 10.0) -> None:
        for _ in range(round(s * rate)):
            picture = CHANCE.integers(0, 255, (90, 160, 3), np.uint8)
            self.watch.look(Frame(picture, self.now_s))
            self.eye.seen()
            self.now_s = round(self.now_s + 1 / rate, 6)
            self.eye.tick(self.now_s)

    def wait(self, s: float) -> None:
        """No picture comes."""
        self.now_s += s
        self.eye.tick(self.now_s)

    def ask(self, question: Question) -> tuple[Any, tuple[bytes, ...]]:
        return self.eye.answer(question, self.now_s, 10.0, 2.0)


def test_a_look_has_the_picture_and_all_that_is_seen_in_it():
    worker = Worker()
    worker.run(7)
    sight, jpegs = worker.ask(Look(width=80))
    assert isinstance(sight, Sight)
    assert (sight.state, sight.wide, sight.high, len(jpegs)) == ("up", 160, 90, 1)
    assert [one.track for one in sight.people] == [1]
    assert (sight.occupancy, sight.totals) == ({"shop": 1}, {"door": (1, 0)})
    assert [one.line for one in sight.crossed] == ["door"]
    assert sight.lines["door"] == LineDrawn(a=(0, 0.5), b=(1, 0.5), inward="down")
    assert worker.ask(Look(width=0))[1] == ()


def test_every_answer_tells_whose_it_is_since_clocks_of_two_workers_cannot_be_compared():
    worker = Worker()
    worker.eye = Eye(OPTIONS, worker.watch, worker="3f0a")
    worker.run(1)
    assert [worker.ask(one)[0].worker for one in (Look(), Past(), Recount())] == ["3f0a"] * 3


def test_what_is_wrong_with_its_detector_is_told_when_one_was_wanted():
    assert Worker().ask(Look(width=0))[0].detector is None
    witness = witness_of(CameraOptions(detector="/nowhere/people.onnx"))
    worker = Worker()
    worker.eye = Eye(OPTIONS, worker.watch, witness=witness)
    assert worker.ask(Look(width=0))[0].detector == DetectorNow(why="missing")


def test_the_size_of_people_that_was_learned_is_shown_far_and_near():
    worker = Worker()
    worker.run(1)
    assert worker.ask(Look(width=0))[0].persons == ()
    worker.size = Size(0.1, 0.2, 0.1, 0.2)
    far, near = worker.ask(Look(width=0))[0].persons
    assert far == pytest.approx((0.4375, 0.125, 0.125, 0.25))
    assert near == pytest.approx((0.4125, 0.575, 0.175, 0.35))


def test_there_is_no_picture_while_the_camera_is_down():
    worker = Worker()
    worker.run(2)
    worker.watch.no_picture(worker.now_s, "unplugged")
    sight, jpegs = worker.ask(Look())
    assert (sight.state, sight.detail, sight.picture_s, jpegs) == ("down", "unplugged", 0.0, ())


def test_pictures_are_kept_from_the_first_question_on_and_until_nobody_asks_for_long():
    worker = Worker()
    worker.run(5)
    assert worker.ask(Past())[0].taken_s == ()
    worker.run(3)
    kept, jpegs = worker.ask(Past())
    assert isinstance(kept, Kept)
    assert 10 <= len(jpegs) == len(kept.taken_s) <= 13
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in jpegs)
    assert 1 in kept.tracks
    worker.run(PAST_KEPT_S + 1, rate=1)
    worker.run(1)
    assert worker.ask(Past(most=0))[0].from_s == 0.0


def test_who_asks_only_how_a_camera_is_has_no_pictures_kept():
    """The list of cameras and the doctor do."""
    worker = Worker()
    worker.ask(Look(width=0))
    worker.ask(Look())
    worker.run(5)
    assert worker.ask(Past())[1] == ()


def test_no_more_than_three_minutes_are_kept_and_they_are_given_in_parts():
    worker = Worker()
    worker.ask(Past())
    worker.run(PAST_S + 60, rate=4)
    first, jpegs = worker.ask(Past())
    assert len(jpegs) == PAST_GIVEN_MAX
    assert first.until_s - first.from_s <= PAST_S
    second, _ = worker.ask(Past(after_s=first.taken_s[-1], most=5))
    assert second.taken_s[0] > first.taken_s[-1]
    assert len(second.taken_s) == 5


def test_a_slow_camera_keeps_no_more_than_three_minutes_either():
    worker = Worker()
    worker.ask(Past())
    worker.run(PAST_S + 60, rate=1)
    kept, _ = worker.ask(Past(most=0))
    assert PAST_S - 2 < kept.until_s - kept.from_s <= PAST_S


def test_a_camera_that_gives_no_more_pictures_keeps_none_for_longer():
    """It rests by its hours, or is down: nobody is to see hours later who was last before it."""
    worker = Worker()
    worker.ask(Past())
    worker.run(10)
    worker.wait(PAST_S - 11)
    assert len(worker.ask(Past())[1]) > 30
    worker.wait(12)
    assert worker.ask(Past())[1] == ()


def test_where_a_crowd_was_fits_into_its_answers_and_none_of_it_is_left_out():
    """A hundred people in each of 25 pictures a second, each seen once only, and a worker of four months."""
    tracks, pictures = Tracks(), Pictures()
    numbers = itertools.count(10_000_000)
    pictures.asked(1e7)
    for frame in range(SEEN_MAX // 100):
        t_s = 1e7 + frame / 25 + 1 / 3e4
        nobody = Seen(0, -1 / 3, -2 / 3, (0.1, 0.1, 0.1, 0.1), sure=True)
        tracks.add(t_s, tuple(nobody._replace(track=next(numbers)) for _ in range(100)))
        pictures.add(Frame(np.zeros((9, 16, 3), np.uint8), t_s))
    taken: list[float] = []
    times: set[float] = set()
    until_s = pictures.span_s[1]
    while not taken or taken[-1] < until_s:
        kept, jpegs = past_of(Past(after_s=taken[-1] if taken else -1.0), pictures, tracks, 2e7)
        assert len(write_answer(kept, jpegs).split(b"\n")[0]) < 0.9 * ANSWER_BYTES_MAX
        assert jpegs
        taken += kept.taken_s
        times |= {t_s for path in kept.tracks.values() for t_s, _, _ in path}
    assert taken == [t_s for t_s, _ in pictures.after(-1.0)]
    assert len(times) == sum(1 for _ in tracks.between(0.0, until_s))


def test_other_lines_and_zones_are_counted_by_the_tracks_that_are_kept():
    worker = Worker()
    worker.run(60)
    lines = {
        "near": LineDrawn(a=(0, 0.8), b=(1, 0.8), inward="up"),
        "aside": LineDrawn(a=(0, 0), b=(0.2, 0), inward="up"),
    }
    zones: dict[str, tuple[tuple[float, float], ...]] = {
        "half": ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
    }
    answer, _ = worker.ask(Recount(lines=lines, zones=zones))
    assert isinstance(answer, Recounted)
    assert [(one.line, one.way) for one in answer.crossed] == [("near", "out")] * 6
    assert [one.zone for one in answer.visited] == ["half"] * 6
    assert all(4 <= one.left_s - one.entered_s <= 5.2 for one in answer.visited)
    part, _ = worker.ask(Recount(lines=lines, from_s=10, until_s=30))
    assert len(part.crossed) == 2


def test_the_anchor_may_be_another_than_the_one_they_were_kept_by():
    worker = Worker()
    worker.run(20)
    line = {"line": LineDrawn(a=(0, 0.6), b=(1, 0.6), inward="down")}
    centre, foot = (worker.ask(Recount(lines=line, anchor=anchor))[0] for anchor in ("centroid", "foot"))
    assert 0.7 < centre.crossed[0].t_s - foot.crossed[0].t_s < 1.3


def test_tracks_reach_back_ten_minutes_and_less_in_a_crowd():
    tracks = Tracks()
    for second in range(700):
        tracks.add(float(second), (walker(second),))
    assert tracks.from_s(699.0) == 699.0 - TRACKS_S
    crowd = tuple(walker(0.0)._replace(track=number) for number in range(100))
    for second in range(700, 1700):
        tracks.add(float(second), crowd)
    assert tracks.from_s(1699.0) == 1699.0 - SEEN_MAX / 100
    assert len(list(tracks.between(tracks.from_s(1699.0) + 1, 1699.0))) == SEEN_MAX / 100


def test_all_tracks_that_are_kept_are_gone_through_in_a_moment():
    tracks = Tracks()
    for tenth in range(SEEN_MAX):
        tracks.add(tenth / 10, (walker(0.0),))
    began_s = time.process_time()
    assert sum(1 for _ in tracks.between(0.0, SEEN_MAX)) == SEEN_MAX
    assert time.process_time() - began_s < 1.0  # meanwhile nobody is counted; it takes 0.05 s


@given(st.binary(max_size=200))
def test_any_bytes_are_a_question_or_refused(line: bytes):
    with contextlib.suppress(ValueError):
        read_question(line)


# ── the socket ───────────────────────────────────────────────────────────────────────────────────────────


class Serving:
    """A server, turned by a thread as a worker turns it."""

    def __init__(self, door: Path) -> None:
        self.selector = selectors.DefaultSelector()
        self.server = EyeServer(door, self.selector, self.answer)
        self.now_s = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._turn)
        self._thread.start()

    def answer(self, question: Question) -> bytes:
        return write_answer(Sight(t_s=1.0, state="up"), (bytes(4_000_000),))

    def _turn(self) -> None:
        while not self._ending.is_set():
            for key, _ in self.selector.select(0.01):
                key.data(self.now_s)
            self.server.tick(self.now_s)

    def end(self) -> None:
        self._ending.set()
        self._thread.join()
        self.server.close()
        self.selector.close()


@contextmanager
def serving(door: Path) -> Iterator[Serving]:
    found = Serving(door)
    try:
        yield found
    finally:
        found.end()


@pytest.fixture
def door(tmp_path: Path) -> Path:
    return tmp_path / "eyes" / "front.sock"


async def test_many_ask_at_once_and_one_who_takes_nothing_holds_up_nobody(door: Path):
    with serving(door):
        lazy = socket.socket(socket.AF_UNIX)
        lazy.connect(str(door))
        lazy.sendall(b'{"ask":"look"}\n')
        answers = await asyncio.gather(*(ask(door, Look()) for _ in range(5)))
        assert [[len(jpeg) for jpeg in jpegs] for _, jpegs in answers] == [[4_000_000]] * 5
        lazy.close()


async def test_several_questions_on_one_line_are_answered_in_their_order(door: Path):
    with serving(door) as worker:
        worker.server._answer = lambda question: write_answer(Refused(why=type(question).__name__))
        reader, writer = await asyncio.open_unix_connection(door)
        writer.write(b'{"ask":"look"}\n{"ask":"past"}\n{"ask":"what?"}\n{"ask":"rec')
        writer.write(b'ount"}\n')
        said = [await asyncio.wait_for(reader.readline(), 5) for _ in range(4)]
        assert [b"Look" in said[0], b"Past" in said[1], b"not a question" in said[2], b"Recount" in said[3]]
        writer.close()


async def test_a_question_without_an_end_is_hung_up_on(door: Path):
    with serving(door):
        reader, writer = await asyncio.open_unix_connection(door)
        writer.write(b"x" * (QUESTION_BYTES_MAX + 20_000))
        with contextlib.suppress(ConnectionResetError):  # what it had not read yet is thrown away
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_who_is_idle_is_hung_up_on_and_no_more_than_a_few_are_let_in(door: Path):
    with serving(door) as worker:
        lines = [await asyncio.open_unix_connection(door) for _ in range(CALLERS_MAX)]
        while len(worker.server._callers) < CALLERS_MAX:
            await asyncio.sleep(0.01)
        with pytest.raises(EyeShut):
            await ask(door, Look())
        worker.now_s = IDLE_S + 1
        for reader, writer in lines:
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
        await ask(door, Look())


async def test_a_door_left_by_another_worker_is_made_anew(door: Path):
    with serving(door):
        pass
    with pytest.raises(EyeShut):
        await ask(door, Look())
    with serving(door):
        await ask(door, Look())


async def test_a_worker_that_ends_late_leaves_the_door_of_the_next(door: Path):
    selector = selectors.DefaultSelector()
    old = EyeServer(door, selector, lambda question: b"")
    with serving(door):
        old.close()
        await ask(door, Look())
    selector.close()
