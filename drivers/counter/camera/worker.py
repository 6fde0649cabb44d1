"""The process that looks: forked by the nursery (nursery.py) when the port `camera:` asks for it.

    stdin   the port's line, then the decoder's (words.py); its end is ours
    stdout  what was seen
    socket  the technician's questions (eye.py)

One thread does all of it, between two pictures; the camera's own thread only empties its queue. When anything
here is past mending it ends, with its last words on stderr: the port tells them, and starts another.
"""

from __future__ import annotations

import os
import selectors
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from drivers.counter.camera.camera import open_camera
from drivers.counter.camera.counter import Counter
from drivers.counter.camera.eye import Question, write_answer
from drivers.counter.camera.eye_server import EyeServer
from drivers.counter.camera.health import Health
from drivers.counter.camera.loop import Ended, Hangs, Loop
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.sight import Eye
from drivers.counter.camera.watch import Watch
from drivers.counter.camera.witness import witness_of
from drivers.counter.camera.words import LINE_BYTES_MAX, Setup, encode_line, read_setup, read_told


class _Stdin:
    """Lines from the agent, whenever they come."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def read(self) -> None:
        """What is there. Raises EOFError when the agent has gone, or says something without an end."""
        chunk = os.read(0, LINE_BYTES_MAX)
        self._heard += chunk
        if not chunk or len(self._heard) > 16 * LINE_BYTES_MAX:
            raise EOFError

    def line(self) -> bytes | None:
        line, end, rest = self._heard.partition(b"\n")
        if not end:
            return None
        self._heard = rest
        return bytes(line)

    def await_line(self) -> bytes:
        """Raises EOFError."""
        while (line := self.line()) is None:
            self.read()
        return line


def serve(setup: Setup, options: CameraOptions, stdin: _Stdin) -> None:
    """Looks until the agent goes (EOFError, ConnectionError), a film ends (Ended) or it hangs (Hangs)."""
    _stand_back(options)
    began_s = time.monotonic()
    zone = ZoneInfo(setup.timezone) if setup.timezone else None
    selector = selectors.DefaultSelector()
    rung, ringing = os.pipe()
    os.set_blocking(rung, False)
    os.set_blocking(ringing, False)
    witness = witness_of(options)
    counter = Counter(options, witness=witness)
    watch = Watch(counter, Health())
    eye = Eye(options, watch, lambda: counter.size, witness, worker=os.urandom(4).hex())

    def clock() -> float:
        return time.monotonic() - began_s

    def ring() -> None:
        with suppress(BlockingIOError):
            os.write(ringing, b"!")

    def rung_at(now_s: float) -> None:
        with suppress(BlockingIOError):
            os.read(rung, 4096)

    def minute() -> int:
        now = datetime.now(zone)
        return now.hour * 60 + now.minute

    def answer(question: Question) -> bytes:
        return write_answer(*eye.answer(question, loop.t_s, loop.frames_per_s, loop.look_ms))

    loop = Loop(
        options,
        watch,
        lambda: open_camera(setup, options.frames_per_s, clock, ring),
        clock=clock,
        minute=minute,
        say=lambda said: _write(encode_line(said)),
        seen=eye.seen,
    )
    selector.register(0, selectors.EVENT_READ, lambda now_s: stdin.read())
    selector.register(rung, selectors.EVENT_READ, rung_at)
    server = EyeServer(Path(setup.door), selector, answer) if setup.door else None
    try:
        while True:
            for key, _ in selector.select(loop.turn()):
                key.data(clock())
            eye.tick(loop.t_s)
            if server is not None:
                server.tick(clock())
    finally:
        if server is not None:
            server.close()


def _write(line: bytes) -> None:
    while line:
        line = line[os.write(1, line) :]


def _stand_back(options: CameraOptions) -> None:
    """Behind the till: a camera may be slow, and is the first to go when memory runs out."""
    with suppress(OSError):
        os.nice(options.nice)
    if cpus := set(options.cpus) & os.sched_getaffinity(0):
        os.sched_setaffinity(0, cpus)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")


def main() -> int:
    """Its status. 0: a film ended, or the agent went; 1: told to look at nothing; 2: the camera hangs."""
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp"
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # quiet: it writes URLs with their passwords
    stdin = _Stdin()
    try:
        if (wish := _wish(stdin)) is None:
            return 1
        serve(*wish, stdin)
    except (EOFError, ConnectionError, Ended):
        return 0
    except Hangs as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _wish(stdin: _Stdin) -> tuple[Setup, CameraOptions] | None:
    """What it is to look at, and how; None when that is not to be understood. Raises EOFError."""
    try:
        return read_setup(stdin.await_line()), read_told(stdin.await_line())
    except (msgspec.DecodeError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}\n")  # its text may have a password in it
        return None
