"""What a port is, and how its URL is read."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from drivers.errors import BadPort, PortGone
from sync.contract.clock import Clock

READ_BYTES = 16 * 1024  # what one `read` gives at most
WRITE_WAIT_S = 5.0  # a device that takes nothing for so long is gone

EXAMPLES = """\
serial:///dev/serial/by-id/usb-FTDI_…-port0?baud=9600&bits=8&parity=N&stop=1
tcp://192.0.2.7:4001   tcp-listen://0.0.0.0:4001   udp://0.0.0.0:4001
http-listen://0.0.0.0:8088   http-listen://0.0.0.0:8443?cert=/etc/tillbeam/pos.crt&key=/etc/tillbeam/pos.key
file:receipt.bin   replay:morning.jsonl?speed=10   sim:42   pty:/run/tillbeam/reader   gpio:A=17,B=27
evdev:///dev/input/by-id/usb-…-event-kbd   pcsc:ACS ACR122U PICC Interface   gpio:D0=17,D1=27
inline:serial:///dev/serial/by-id/…till,serial:///dev/serial/by-id/…printer?baud=38400
camera:/dev/video0   camera:rtsp://user:password@192.0.2.30/stream2   camera:file:/srv/morning.mp4?loop=1"""

WHOLE = ("camera",)  # kinds whose place is itself a URL, with its own parameters

_LOGIN = re.compile(r"(?<=://)\S*@")  # to the last @: a password may have some of its own
# A recorder wants its password in the path (/user=admin&password=…), another has nothing but a secret there
# (:7447/AbC123): no path is told from a password, so of a camera's address only its host is shown …
_CAMERA = r"(?:camera:[a-z]+|rtsps?|https?)://"
_BEHIND_HOST = re.compile(rf"({_CAMERA}[^\s/?#]+)[/?#]\S+", re.IGNORECASE)
# … and not even that when an @ stands behind its first slash: that may be the path's, or the login's.
_NO_HOST = re.compile(rf"({_CAMERA})[^\s/?#]*[/?#]\S*@\S*", re.IGNORECASE)


class Port(Protocol):
    """A pipe of bytes to a device. Not to be used again after PortGone."""

    name: str

    async def read(self) -> bytes:
        """The next bytes, at least one. Raises PortGone."""
        ...

    async def write(self, chunk: bytes) -> None:
        """All of `chunk`; waits while the device takes none, at most WRITE_WAIT_S. Raises PortGone."""
        ...

    async def close(self) -> None:
        """Let go of the device; never raises, may be called twice."""
        ...


@dataclass(frozen=True)
class PortUrl:
    """``kind:place?key=value``, taken apart."""

    text: str
    kind: str
    place: str
    given: Mapping[str, str] = field(default_factory=dict)

    def wrong(self, why: str, **named: object) -> BadPort:
        """`why` is an English sentence; `named` stands in its braces."""
        told = why.format_map(named) if named else why
        shown = masked("".join(self.text.split()) if self.kind in WHOLE else self.text)
        says = f"port {shown!r}: {told}. Ports look like:\n{EXAMPLES}"
        return BadPort(says, self.text, why, named)

    def only(self, *keys: str) -> None:
        """Raises BadPort when a parameter is none of `keys`."""
        for key in self.given:
            if key not in keys:
                known = f"there are {', '.join(keys)}" if keys else "it takes none"
                raise self.wrong(f"no parameter called {key!r}; {known}")

    def number(self, key: str, default: str, least: float, most: float) -> float:
        """The parameter as a number. Raises BadPort."""
        text = self.given.get(key, default)
        try:
            value = float(text)
        except ValueError:
            raise self.wrong(f"{key}={text} is no number") from None
        if not least <= value <= most:
            raise self.wrong(f"{key}={text} is not between {least:g} and {most:g}")
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """The parameter as one of `choices`. Raises BadPort."""
        value = self.given.get(key, default)
        if value not in choices:
            raise self.wrong(f"{key}={value}; it can be {', '.join(choices)}")
        return value

    def host_and_port(self) -> tuple[str, int]:
        """``//host:port`` or ``//[2001:db8::1]:port``. Raises BadPort."""
        host, colon, number = self.place.removeprefix("//").rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not number.isdecimal() or not 0 <= int(number) <= 65535 or not host:
            raise self.wrong("it needs host and port number, as in //192.0.2.7:4001")
        return host, int(number)


def read_url(text: str) -> PortUrl:
    """The URL taken apart; whether its kind exists is not looked at. Raises BadPort."""
    kind, colon, rest = text.partition(":")
    if kind in WHOLE:
        return PortUrl(text, kind, rest)
    place, _, query = rest.partition("?")
    url = PortUrl(text, kind, unquote(place))
    if not colon or not kind:
        raise url.wrong("it does not say what kind it is")
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise url.wrong(f"{query!r} is not key=value&key=value") from None
    return PortUrl(text, kind, url.place, given)


def masked(text: str) -> str:
    """`text` without what a URL in it has of passwords: for logs, events and pages."""
    return _LOGIN.sub("…@", _BEHIND_HOST.sub(r"\1/…", _NO_HOST.sub(r"\1…", text)))


async def sleep_until(clock: Clock, mono_ms: int) -> None:
    """Until the clock says so, even when it runs slower or faster than the loop's."""
    while (left_ms := mono_ms - clock.mono_ms()) > 0:
        await asyncio.sleep(left_ms / 1000)


class FdPort:
    """A port on a non-blocking descriptor. It reads only when asked, so the kernel's buffer pushes back."""

    write_wait_s: float | None = WRITE_WAIT_S  # None: a device that takes nothing is waited for

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self._fd = fd
        self._open = True
        self._waits: set[tuple[Callable[[int], bool], asyncio.Future[None]]] = set()

    async def read(self) -> bytes:
        while self._open:
            try:
                chunk = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                await self._ready(writing=False)
                continue
            except OSError as error:
                raise self._gone(error.strerror or "") from error
            if not chunk:
                # Ready to read and nothing there: that is how an unplugged line looks.
                raise self._gone("it hung up")
            return chunk
        raise self._gone("closed")

    async def write(self, chunk: bytes) -> None:
        try:
            async with asyncio.timeout(self.write_wait_s):
                while chunk:
                    if not self._open:
                        raise self._gone("closed")
                    try:
                        chunk = chunk[os.write(self._fd, chunk) :]
                    except BlockingIOError:
                        await self._ready(writing=True)
        except TimeoutError:
            raise self._gone(f"took nothing for {self.write_wait_s:g} s") from None
        except OSError as error:
            raise self._gone(error.strerror or "") from error

    async def close(self) -> None:
        if self._open:
            self._open = False
            for unwatch, ready in tuple(self._waits):
                unwatch(self._fd)  # before the number is given to another file
                if not ready.done():
                    ready.set_result(None)
            self._release()

    def _release(self) -> None:
        os.close(self._fd)

    def _gone(self, why: str) -> PortGone:
        return PortGone(f"{self.name}: {why}")

    async def _ready(self, *, writing: bool) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        watch, unwatch = (
            (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
        )

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        try:
            watch(self._fd, wake)
        except OSError as error:
            raise self._gone(error.strerror or "") from error
        wait = (unwatch, ready)
        self._waits.add(wait)
        try:
            await ready
        finally:
            self._waits.discard(wait)
            if self._open:
                unwatch(self._fd)
