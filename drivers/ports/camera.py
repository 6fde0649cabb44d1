"""``camera:…``: a camera, looked at by a process of its own that says what it counts as lines of JSON.

    camera:/dev/video0   camera:rtsp://user:password@host/path   camera:http://host/video.mjpg
    camera:file:/path.mp4?loop=1&speed=4   camera:sim:42

Which camera it is, password and all, goes down the worker's pipe, never into its arguments. When the worker
ends, or says nothing for SILENCE_S, the port is gone, with its last words; a closed port's worker is killed.
It ends by itself when its pipe closes, so none is left behind by an agent that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from drivers.errors import PortEnded, PortGone
from drivers.ports.base import READ_BYTES, WRITE_WAIT_S, PortUrl, masked

WORKER = ("-P", "-m", "drivers.counter.camera.worker")
# One thread counts; and OpenCV writes addresses with their passwords on stderr when it may.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "SILENT"}
SILENCE_S = 20.0  # it says how it is every 5 s
LAST_WORDS_BYTES = 2048  # of its stderr
LEAVE_S = 5.0  # for a killed process to be gone
NETWORK = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


@dataclass(frozen=True)
class Surroundings:
    """What a worker is told beside its camera."""

    door: Path | None = None  # the Unix socket at which the technician's page may ask it
    timezone: str = ""  # of its hours; empty: the machine's


class CameraSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which camera, taken from its URL; the worker's first line."""

    kind: str  # v4l2, rtsp, http, file, sim
    place: str
    loop: bool = False
    speed: float = 1.0
    door: str = ""
    timezone: str = ""


class CameraPort:
    """A worker that runs."""

    silence_s = SILENCE_S

    def __init__(self, name: str, source: CameraSource, worker: asyncio.subprocess.Process) -> None:
        self.name = name
        self._source, self._worker = source, worker
        self._closed = False
        self._last_words = b""
        self._listening = asyncio.create_task(self._hear_last_words(), name=f"last words of {name}")

    @property
    def pid(self) -> int:
        return self._worker.pid

    async def read(self) -> bytes:
        assert self._worker.stdout is not None
        if self._closed:
            raise self._gone("closed")
        try:
            async with asyncio.timeout(self.silence_s):
                chunk = await self._worker.stdout.read(READ_BYTES)
        except TimeoutError:
            raise self._gone(f"its worker said nothing for {self.silence_s:g} s") from None
        if chunk:
            return chunk
        raise await self._end()

    async def write(self, chunk: bytes) -> None:
        assert self._worker.stdin is not None
        try:
            async with asyncio.timeout(WRITE_WAIT_S):
                self._worker.stdin.write(chunk)
                await self._worker.stdin.drain()
        except TimeoutError:
            raise self._gone(f"its worker took nothing for {WRITE_WAIT_S:g} s") from None
        except (BrokenPipeError, ConnectionResetError):
            raise await self._end() from None

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(ProcessLookupError):
            self._worker.kill()  # it has nothing to tidy up, and may be stopped or hang
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._worker.wait()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _end(self) -> PortGone:
        """It hung up; why."""
        try:
            async with asyncio.timeout(LEAVE_S):
                status = await self._worker.wait()
                await self._listening
        except TimeoutError:
            return self._gone("its worker closed its pipe")
        if status == 0 and self._source.kind == "file":
            return PortEnded(f"{self.name}: at its end")
        words = self._last_words.decode("utf-8", "replace").strip().splitlines()
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended ({status})"
        return self._gone(f"its worker {how}" + (f": {masked(words[-1])}" if words else ""))

    async def _hear_last_words(self) -> None:
        assert self._worker.stderr is not None
        while chunk := await self._worker.stderr.read(READ_BYTES):
            self._last_words = (self._last_words + chunk)[-LAST_WORDS_BYTES:]

    def _gone(self, why: str) -> PortGone:
        return PortGone(f"{self.name}: {why}")


async def open_camera(url: PortUrl, around: Surroundings) -> CameraPort:
    """Its worker is started; whether there is a camera it will say. Raises BadPort, PortGone."""
    source = source_of(url)
    name = masked(url.text)
    if missing := [library for library in ("cv2", "numpy") if importlib.util.find_spec(library) is None]:
        raise PortGone(f"{name}: {missing[0]} is missing; pip install 'tillbeam[vision]'")
    told = msgspec.structs.replace(
        source, door=str(around.door) if around.door else "", timezone=around.timezone
    )
    try:
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            *WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | ENVIRONMENT,
        )
    except OSError as error:
        raise PortGone(f"{name}: no worker can be started: {error.strerror}") from error
    port = CameraPort(name, source, worker)
    try:
        await port.write(msgspec.json.encode(told) + b"\n")
    except BaseException:
        await port.close()
        raise
    return port


def source_of(url: PortUrl) -> CameraSource:
    """Which camera is meant. Raises BadPort."""
    inner = url.place
    kind, colon, rest = inner.partition(":")
    if inner.startswith("/"):
        return CameraSource("v4l2", inner)
    if kind in NETWORK:
        return CameraSource(kind.removesuffix("s"), _network(url, inner))
    if kind == "file":
        return _film(url, rest.removeprefix("//"))
    if kind == "sim" and colon and rest.isdecimal() and len(rest) <= 9:
        return CameraSource("sim", rest)
    raise url.wrong("it is no camera: /dev/video0, rtsp://…, http://…, file:/…, sim:42")


def dialled(url: PortUrl) -> tuple[str, int] | None:
    """Host and port number of a camera in the network; None for any other. Raises BadPort."""
    source = source_of(url)
    if source.kind not in NETWORK:
        return None
    parts = urlsplit(source.place)
    return parts.hostname or "", parts.port or NETWORK[parts.scheme]


def _network(url: PortUrl, inner: str) -> str:
    try:
        parts = urlsplit(inner)
        if parts.hostname and (parts.port is None or parts.port > 0):
            return inner
    except ValueError:
        pass
    raise url.wrong("the camera's address needs a host, as in rtsp://192.0.2.30/stream2")


def _film(url: PortUrl, rest: str) -> CameraSource:
    path, _, query = rest.partition("?")
    given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    film = PortUrl(url.text, "camera:file", path, given)
    film.only("loop", "speed")
    if not path:
        raise url.wrong("it needs a path, as in camera:file:/srv/morning.mp4")
    loop = film.choice("loop", "0", ("0", "1")) == "1"
    return CameraSource("file", path, loop, film.number("speed", "1", 0.01, 1000))
