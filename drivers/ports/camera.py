"""``camera:…``: a camera, looked at by a process of its own that says what it counts as lines of JSON.

    camera:/dev/video0   camera:rtsp://user:password@host/path   camera:http://host/video.mjpg
    camera:file:/path.mp4?loop=1&speed=4   camera:sim:42

Which camera it is, password and all, goes down the worker's line, never into its arguments. When the worker
ends, or says nothing for SILENCE_S, the port is gone, with its last words; a closed port's worker is killed,
and that of an agent that was killed, too. Workers are forked from one process, the nursery, and share what it
has loaded.
"""

from __future__ import annotations

import asyncio
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from drivers.errors import PortEnded, PortGone
from drivers.ports.base import READ_BYTES, WRITE_WAIT_S, PortUrl, masked
from drivers.ports.nursery import LEAVE_S, NotBorn, Nursery, Worker

SILENCE_S = 20.0  # it says how it is every 5 s
NETWORK = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}

# What can be wrong with a camera's address; in both languages in config/port_urls.py.
NO_CAMERA = "this is no camera: a device, an rtsp:// or http:// address, a film or sim:1 is wanted"
NO_HOST = "a camera's address has a host, as in rtsp://192.0.2.30/stream2"
NO_NUMBER = "the port number in a camera's address is from 1 to 65535"
NO_PATH = "a film has a path, as in camera:file:/srv/morning.mp4"
UNQUOTED = "a password with #, /, ? or a blank in it is written with %23, %2F, %3F or %20 in their place"


@dataclass(frozen=True)
class Surroundings:
    """What a worker is told beside its camera, and where it comes from."""

    door: Path | None = None  # the Unix socket at which the technician's page may ask it
    timezone: str = ""  # of its hours; empty: the machine's
    nursery: Nursery = field(default_factory=Nursery)


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

    def __init__(self, name: str, source: CameraSource, worker: Worker) -> None:
        self.name = name
        self._source, self._worker = source, worker
        self._closed = False

    @property
    def pid(self) -> int:
        return self._worker.pid

    async def read(self) -> bytes:
        if self._closed:
            raise self._gone("closed")
        try:
            async with asyncio.timeout(self.silence_s):
                chunk = await self._worker.reader.read(READ_BYTES)
        except TimeoutError:
            raise self._gone(f"its worker said nothing for {self.silence_s:g} s") from None
        except ConnectionError:
            chunk = b""
        if chunk:
            return chunk
        raise await self._end()

    async def write(self, chunk: bytes) -> None:
        try:
            async with asyncio.timeout(WRITE_WAIT_S):
                self._worker.writer.write(chunk)
                await self._worker.writer.drain()
        except TimeoutError:
            raise self._gone(f"its worker took nothing for {WRITE_WAIT_S:g} s") from None
        except ConnectionError:
            raise await self._end() from None

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._worker.kill()  # it has nothing to tidy up, and may be stopped or hang

    async def _end(self) -> PortGone:
        """It hung up; why."""
        try:
            async with asyncio.timeout(LEAVE_S):
                ended = await self._worker.ended()
        except TimeoutError:
            return self._gone("its worker closed its line")
        if (ended.whose, ended.status, self._source.kind) == ("worker", 0, "file"):
            return PortEnded(f"{self.name}: at its end")
        return self._gone(masked(ended.told))

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
        worker = await around.nursery.worker()
    except NotBorn as error:
        raise PortGone(f"{name}: no worker can be started: {masked(str(error))}") from error
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
    if film := film_of(url):
        return _film(film)
    if kind == "sim" and colon and rest.isdecimal() and len(rest) <= 9:
        return CameraSource("sim", rest)
    raise url.wrong(NO_CAMERA)


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
        host = parts.hostname
    except ValueError:  # brackets of which one is missing
        raise url.wrong(NO_HOST) from None
    try:
        number = parts.port
    except ValueError:
        number = 0
    if inner.split() != [inner]:
        raise url.wrong(UNQUOTED)  # a mask ends at a blank, and so do most cameras
    # An @ behind the host is the password's end, if nothing else there is right.
    cut_short = "@" in parts.fragment or ("@" in f"{parts.path}{parts.query}" and number == 0)
    if cut_short and "@" not in parts.netloc:
        raise url.wrong(UNQUOTED)
    if not host:
        raise url.wrong(NO_HOST)
    if number == 0:
        raise url.wrong(NO_NUMBER)
    return inner


def film_of(url: PortUrl) -> PortUrl | None:
    """The film's path and its parameters, not looked at; None for any other camera."""
    kind, _, rest = url.place.partition(":")
    if kind != "file":
        return None
    path, _, query = rest.removeprefix("//").partition("?")
    given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    return PortUrl(url.text, "camera:file", path, given)


def _film(film: PortUrl) -> CameraSource:
    film.only("loop", "speed")
    if not film.place:
        raise film.wrong(NO_PATH)
    loop = film.choice("loop", "0", ("0", "1")) == "1"
    return CameraSource("file", film.place, loop, film.number("speed", "1", 0.01, 1000))
