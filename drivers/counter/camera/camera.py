"""The only file that opens a camera: V4L2, RTSP, HTTP, a film, or drawn people.

    camera ──► grab, grab, grab … (a thread of its own) ──► the newest that was wanted ──► frame()
    film, drawn people ──► at their own pace ───────────────────────────────────────────► frame()

A camera goes on whether or not anybody looks. So its thread takes every picture out of the queue, but makes
one of it only when the last was looked at and the next is due: who is slow sees the newest, and pays for no
other. That thread may hang in a driver for ever; nobody waits for it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np

from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.words import Setup
from drivers.errors import DriverError

WIDTH_PX, HEIGHT_PX, RATE = 640, 360, 15  # asked for; a camera may give something else
REDUCED_FROM_PX = 1280  # JPEGs so wide are decoded at half their size
OPEN_WAIT_S = 10.0
READ_WAIT_S = 10.0
DIAL_WAIT_S = 4.0
CATCH_UP_S = 1.0  # of a film
EARLY = 0.25  # of the time between two pictures: so much earlier than due is early enough
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


class Frame(NamedTuple):
    """A picture, and when it was taken: seconds of the camera's clock, which never goes back."""

    picture: Picture
    t_s: float


class CameraGone(DriverError):
    """The camera gives no picture, and why. Never with a password in it."""


class NoFilm(CameraGone):
    """A file that is no film, or not a whole one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path}: it is no film")


class CameraEnded(CameraGone):
    """A film was seen to its end."""


class Camera(Protocol):
    """What gives pictures. It counts those `offered` and those `missed`: due, while one was looked at."""

    offered: int
    missed: int

    def frame(self, now_s: float) -> Frame | None:
        """The next picture when there is one. Raises CameraGone."""
        ...

    def wait_s(self, now_s: float) -> float | None:
        """How long until there may be one; None: it rings."""
        ...

    def close(self) -> None:
        """Lets go of it, soon; harmless twice."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it has let go of the device, so that it can be opened again."""
        ...


class Capture(Protocol):
    """An open camera as OpenCV has it: `grab` waits for the next picture, `retrieve` makes one of it."""

    def grab(self) -> bool: ...
    def retrieve(self) -> Picture | None: ...
    def release(self) -> None: ...


class Pace:
    """Which pictures of a faster camera are looked at: so many a second, evenly."""

    def __init__(self, per_s: float) -> None:
        self._between_s = 1 / per_s
        self._due_s: float | None = None

    def due(self, t_s: float) -> bool:
        """Whether this one is; it is not asked twice about one picture."""
        if self._due_s is None:
            self._due_s = t_s
        if t_s < self._due_s - EARLY * self._between_s:
            return False
        self._due_s = max(self._due_s, t_s - self._between_s) + self._between_s
        return True


class Live:
    """A camera that does not wait."""

    def __init__(
        self, open_it: Callable[[], Capture], pace: Pace, clock: Callable[[], float], ring: Callable[[], None]
    ) -> None:
        """`ring` is called by another thread when there is a picture, or the end."""
        self.offered = self.missed = 0
        self._open_it, self._pace, self._clock, self._ring = open_it, pace, clock, ring
        self._wanted = threading.Event()
        self._ending = threading.Event()
        self._newest: Frame | None = None
        self._gone: CameraGone | None = None
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def frame(self, now_s: float) -> Frame | None:
        if self._gone is not None:
            raise self._gone
        newest, self._newest = self._newest, None
        if newest is None:
            self._wanted.set()
        return newest

    def wait_s(self, now_s: float) -> float | None:
        return None

    def close(self) -> None:
        self._ending.set()

    @property
    def closed(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            capture = self._open_it()
            try:
                self._grab_from(capture)
            finally:
                capture.release()
        except CameraGone as gone:
            self._gone = gone
        except (cv2.error, OSError, RuntimeError, ValueError, MemoryError) as error:
            # Whatever OpenCV and its drivers raise; their texts may have the whole URL in them.
            self._gone = CameraGone(f"{type(error).__name__}")
        finally:
            # Whatever else it was: a thread that ended and does not say so would be waited for for ever.
            self._gone = self._gone or CameraGone("its thread ended")
            self._ring()

    def _grab_from(self, capture: Capture) -> None:
        while not self._ending.is_set():
            if not capture.grab():
                raise CameraGone("no more pictures came")
            self.offered += 1
            t_s = self._clock()
            if not self._pace.due(t_s):
                continue
            if not self._wanted.is_set():
                self.missed += 1
                continue
            picture = capture.retrieve()
            if picture is not None:
                self._wanted.clear()
                self._newest = Frame(picture, t_s)
                self._ring()


class Played:
    """A film, or drawn people: every picture that is due is looked at, however slow the box."""

    closed = True

    def __init__(self, pictures: Iterator[tuple[float, Picture]], pace: Pace, speed: float) -> None:
        self.offered = self.missed = 0
        self._pictures, self._pace, self._speed = pictures, pace, speed
        self._next: Frame | None = None
        self._began_s: float | None = None
        self._ahead()

    def frame(self, now_s: float) -> Frame | None:
        if self.wait_s(now_s) > 0:
            return None
        frame = self._next
        if frame is None:
            raise CameraEnded("it was seen to its end")
        # Who is slow for long sees the film slower: it has no newest picture to jump to.
        self._began_s = max(self._began_s or 0.0, now_s - frame.t_s / self._speed - CATCH_UP_S)
        self._ahead()
        return frame

    def wait_s(self, now_s: float) -> float:
        if self._next is None:
            return 0.0
        if self._began_s is None:
            self._began_s = now_s - self._next.t_s / self._speed
        return max(0.0, self._began_s + self._next.t_s / self._speed - now_s)

    def close(self) -> None:
        self._pictures = iter(())

    def _ahead(self) -> None:
        for t_s, picture in self._pictures:
            self.offered += 1
            if self._pace.due(t_s):
                self._next = Frame(picture, t_s)
                return
        self._next = None


def open_camera(
    setup: Setup, frames_per_s: float, clock: Callable[[], float], ring: Callable[[], None]
) -> Camera:
    """The camera that `setup` names. Raises CameraGone when a film is not there; a camera says so later."""
    pace = Pace(frames_per_s)
    match setup.kind:
        case "v4l2":
            return Live(lambda: open_v4l2(setup.place), pace, clock, ring)
        case "rtsp" | "http":
            return Live(lambda: open_network(setup.place), pace, clock, ring)
        case "file":
            return Played(film(Path(setup.place), setup.loop), pace, setup.speed)
        case _:
            from drivers.counter.camera.simulator import live  # is drawn only where somebody wants to see it

            return Played(live(int(setup.place)), pace, setup.speed)


class _Opened:
    """A capture of OpenCV's."""

    def __init__(self, capture: cv2.VideoCapture, jpeg: bool = False) -> None:
        self._capture = capture
        self._jpeg = jpeg  # it gives JPEGs as they are

    def grab(self) -> bool:
        return self._capture.grab()

    def retrieve(self) -> Picture | None:
        there, picture = self._capture.retrieve()
        if not there or picture is None:
            return None
        if self._jpeg:
            small = cv2.imdecode(np.asarray(picture, dtype=np.uint8).reshape(-1), cv2.IMREAD_REDUCED_COLOR_2)
            return None if small is None else np.asarray(small, dtype=np.uint8)
        return _coloured(np.asarray(picture, dtype=np.uint8))

    def release(self) -> None:
        self._capture.release()


def _coloured(picture: Picture) -> Picture:
    """Three channels, also from a camera that sees grey."""
    if picture.ndim == 3 and picture.shape[2] == 3:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def open_v4l2(place: str) -> Capture:
    """A camera of this machine. Raises CameraGone."""
    path = os.path.realpath(place)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        raise CameraGone(f"{place}: {error.strerror}") from None
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise CameraGone(f"{place}: it is no camera, or another program has it")
    # In this order: a size is chosen among those of the format. Each may be refused, and then stays.
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH_PX)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT_PX)
    capture.set(cv2.CAP_PROP_FPS, RATE)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)
    jpeg = capture.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter.fourcc(*"MJPG")
    wide = capture.get(cv2.CAP_PROP_FRAME_WIDTH) >= REDUCED_FROM_PX
    reduced = jpeg and wide and capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    return _Opened(capture, jpeg=reduced)


def open_network(url: str) -> Capture:
    """A camera in the network. Raises CameraGone, with its host and nothing else of the URL."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        socket.create_connection((host, port), DIAL_WAIT_S).close()
    except OSError as error:
        raise CameraGone(f"{host}:{port}: {error.strerror or error}") from None
    capture = cv2.VideoCapture(
        url,
        cv2.CAP_FFMPEG,
        [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(OPEN_WAIT_S * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(READ_WAIT_S * 1000)),
            *(cv2.CAP_PROP_N_THREADS, 1),
        ],
    )
    if not capture.isOpened():
        raise CameraGone(f"{host}:{port}: it answers, but gives no picture; are path and password right?")
    return _Opened(capture)


def pictures_said(path: Path) -> int:
    """How many pictures a film says that it has; some say nothing, and some not quite what is true."""
    capture = _opened_film(path)
    said = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return max(0, round(said))


def film(path: Path, loop: bool) -> Iterator[tuple[float, Picture]]:
    """The pictures of a file with their times, once or without end. Raises CameraGone."""
    after_s = 0.0
    while True:
        t_s = after_s - 1
        capture = _opened_film(path)
        step_s = 1 / (capture.get(cv2.CAP_PROP_FPS) or RATE)
        try:
            while capture.grab():
                at_s = after_s + capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                t_s = at_s if at_s > t_s else t_s + step_s  # some films have no times, or wrong ones
                there, picture = capture.retrieve()
                if there:
                    yield t_s, _coloured(np.asarray(picture, dtype=np.uint8))
        finally:
            capture.release()
        if not loop or t_s < after_s:
            return
        after_s = t_s + step_s


def _opened_film(path: Path) -> cv2.VideoCapture:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        raise CameraGone(f"{path}: {error.strerror}") from error
    if not path.is_file():
        raise NoFilm(path)
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if not capture.isOpened():
        raise NoFilm(path)
    return capture
