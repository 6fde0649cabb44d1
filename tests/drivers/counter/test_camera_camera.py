"""A camera by itself: its pace, its thread, and a film in place of it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from drivers.counter.camera.camera import CameraEnded, CameraGone, Live, Pace, Played
from drivers.counter.camera.shapes import Picture


@pytest.mark.parametrize(("camera_per_s", "looked"), [(5, 50), (10, 100), (12.5, 100), (15, 100), (30, 100)])
def test_the_pace_is_even_and_never_faster_than_wanted(camera_per_s: float, looked: int):
    pace = Pace(10)
    times = [number / camera_per_s for number in range(round(10 * camera_per_s))]
    due = [t_s for t_s in times if pace.due(t_s)]
    assert abs(len(due) - looked) <= 2
    assert max(b - a for a, b in itertools.pairwise(due)) <= 2 / camera_per_s + 0.05


def frames(count: int) -> Iterator[tuple[float, Picture]]:
    for number in range(count):
        yield number / 10, np.zeros((36, 64, 3), np.uint8)


def test_a_film_goes_at_its_own_pace_and_waits_for_who_is_slow():
    played = Played(frames(30), Pace(10), speed=2)
    first = played.frame(5.0)
    assert first is not None
    assert first.t_s == 0.0
    assert played.frame(5.01) is None
    assert played.wait_s(5.01) == pytest.approx(0.04)
    late = played.frame(9.0)
    assert late is not None
    assert late.t_s == pytest.approx(0.1)
    seen = 2
    for turn in range(100):
        seen += (
            played.wait_s(9 + turn * 0.051) == 0 and seen < 30 and played.frame(9 + turn * 0.051) is not None
        )
    assert seen == 30
    with pytest.raises(CameraEnded):
        played.frame(100.0)


class Queue:
    """A camera with pictures in its queue; the thread takes one for each permission."""

    def __init__(self) -> None:
        self.given = threading.Semaphore(0)
        self.retrieved = 0
        self.released = threading.Event()

    def grab(self) -> bool:
        return self.given.acquire(timeout=10)

    def retrieve(self) -> Picture:
        self.retrieved += 1
        return np.full((2, 2, 3), self.retrieved, np.uint8)

    def release(self) -> None:
        self.released.set()


def test_who_is_slow_gets_the_newest_picture_and_no_other_is_made():
    queue, rung, now = Queue(), threading.Semaphore(0), [0.0]
    camera = Live(lambda: queue, Pace(10), lambda: now[0], rung.release)

    def give(count: int) -> None:
        for _ in range(count):
            offered = camera.offered
            now[0] += 0.1
            queue.given.release()
            while camera.offered == offered:
                threading.Event().wait(0.001)

    assert camera.frame(0) is None
    give(1)
    assert rung.acquire(timeout=5)
    give(20)  # nobody asks meanwhile
    first = camera.frame(now[0])
    assert first is not None
    assert camera.frame(now[0]) is None
    give(1)
    assert rung.acquire(timeout=5)
    newest = camera.frame(now[0])
    assert newest is not None
    assert newest.t_s == pytest.approx(now[0])
    assert queue.retrieved == 2
    assert camera.missed >= 19
    camera.close()
    queue.given.release()
    assert queue.released.wait(5)


def test_what_a_driver_raises_is_told_without_its_words():
    rung = threading.Event()

    def broken() -> Any:
        raise RuntimeError("rtsp://user:secret@host failed")

    camera = Live(broken, Pace(10), lambda: 0.0, rung.set)
    assert rung.wait(5)
    with pytest.raises(CameraGone, match=r"^RuntimeError$"):
        camera.frame(0)


def test_a_camera_whose_thread_ends_by_what_nobody_thought_of_is_gone_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
):
    rung, told = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda args: told.set())

    def broken() -> Any:
        raise SystemError("<built-in method> returned a result with an exception set")

    camera = Live(broken, Pace(10), lambda: 0.0, rung.set)
    assert rung.wait(5)
    with pytest.raises(CameraGone, match=r"^its thread ended$"):
        camera.frame(0)
    assert told.wait(5)  # on the worker's stderr
