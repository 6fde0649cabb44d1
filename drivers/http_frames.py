r"""HTTP as a stream of bytes that a decoder can read, for devices that push to ``http-listen:``.

The port has done all that is HTTP (chunks, 100-continue, keep-alive, TLS, several connections) and gives
one whole request after the other; the decoder writes its answers in any order, told apart by their number:

        POST /counting?door=2 HTTP/1.1\r\n          HTTP/1.1 200 OK\r\n
        Content-Length: 412\r\n                     Tillbeam-Request: 7\r\n
        Tillbeam-Request: 7\r\n                     Content-Length: 0\r\n
        Content-Type: application/xml\r\n           \r\n
        …the client's other headers…\r\n
        \r\n
        …412 bytes…

A request's number counts from 1 as long as the port is open. A request that gets no answer for `answer_s` is
answered 504 by the port. So a recording is plain HTTP text; `HttpReader` also reads HTTP as it was caught on
the wire, both directions of it: without numbers (they are then 0, and nobody waits for an answer), in chunks,
with bare line feeds, after junk. What is no HTTP it hands on as `Loose`, for decoders that know bare
documents.

        for piece in self._http.feed(chunk):
            match piece:
                case Request(): …       self._replies += write_response(piece.number, 200)
                case Response(): …      what the other side said, in a recording of both
                case Loose(): …         bytes between messages
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from drivers.frames import Window

NUMBER_HEADER = "Tillbeam-Request"
HEAD_BYTES_MAX = 16 * 1024  # start line and headers
BODY_BYTES_MAX = 4 * 1024 * 1024  # a camera's picture of 8 megapixels has about 2
TARGET_BYTES_MAX = 2048
CHUNK_LINE_BYTES_MAX = 1024  # a chunk's size and its extensions
CLIENT_GONE = 499  # as nginx calls it
METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
_METHOD = b"(?:%s)" % b"|".join(METHODS)
# Words in front, so that noise is searched at the speed of C.
_START = re.compile(
    rb"(%s|HTTP/1\.[01]) (?:(?<=1\.[01] )(\d{3})[^\r\n]{0,200}|(?<!1\.[01] )([!-~]{1,%d}) HTTP/1\.[01])\r?\n"
    % (b"|".join(METHODS), TARGET_BYTES_MAX)
)
# The end of what has come, when it may be the beginning of a start line.
_BEGUN = re.compile(
    rb"(?:%s [!-~]{0,%d}(?: [HTP/1.0]{0,8})?|HTTP/[^\r\n]{0,208}|[A-Z]{1,7})\r?\Z"
    % (_METHOD, TARGET_BYTES_MAX)
)
_BEGUN_BYTES_MAX = TARGET_BYTES_MAX + 32
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_LINE = re.compile(rb"\r?\n")

Headers = Mapping[str, str]  # by their names in small letters; of several with one name, joined by ", "


class Request(NamedTuple):
    """A whole request."""

    at_byte: int
    number: int  # 0: nobody waits for an answer
    method: str
    target: str  # "/path?query", as it was sent
    headers: Headers
    body: bytes


class Response(NamedTuple):
    """A whole response: in a recording, what the other side said.

    With a number it comes from the port, which says what became of that request (`write_fate`): `status` 200,
    our answer has arrived, or 499, it never will, because the client is gone or was told 504.
    """

    at_byte: int
    number: int  # of the request it answers; 0 when it does not say
    status: int
    headers: Headers
    body: bytes


class Loose(NamedTuple):
    """Bytes that belong to no message. How a stream is cut into these depends on its chunks."""

    at_byte: int
    chunk: bytes


Piece = Request | Response | Loose


class HttpReader:
    """Finds messages in a stream. Keeps one message, of at most HEAD_BYTES_MAX and `body_bytes_max`."""

    def __init__(self, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._body_bytes_max = body_bytes_max
        self._window = Window()
        self._open: _Open | None = None  # the message at the window's beginning

    @property
    def waiting(self) -> bool:
        """Whether something is begun; `pause` ends it."""
        return len(self._window) > 0

    def feed(self, chunk: bytes) -> list[Piece]:
        """What `chunk` completes, in its order. A message larger than it may be comes as `Loose`."""
        self._window.add(chunk)
        return self._pieces(last=False)

    def pause(self) -> list[Piece]:
        """Nothing came for long: what is begun will not be completed, and comes as `Loose`."""
        return self._pieces(last=True)

    def _pieces(self, *, last: bool) -> list[Piece]:
        window, pieces = self._window, list[Piece]()
        while len(window):
            if self._open is None:
                start = _START.search(window.bytes)
                self._loose(start.start() if start else self._begun_at(last=last), pieces)
                if start is None:
                    break
                # Again, because a match says what its place in the window says now.
                start = _START.match(window.bytes)
                assert start is not None
                self._open = _Open(start, self._body_bytes_max)
            try:
                whole = self._open.message(window)
            except ValueError:
                self._loose(self._open.start_bytes, pieces)
            else:
                if whole is not None:
                    message, length = whole
                    pieces.append(message)
                    window.forget(length)
                elif last:
                    self._loose(self._open.start_bytes, pieces)
                else:
                    break
            self._open = None
        return pieces

    def _begun_at(self, *, last: bool) -> int:
        if last:
            return len(self._window)
        begun = _BEGUN.search(self._window.bytes, max(0, len(self._window) - _BEGUN_BYTES_MAX))
        return begun.start() if begun else len(self._window)

    def _loose(self, count: int, pieces: list[Piece]) -> None:
        if count:
            pieces.append(Loose(self._window.start, bytes(self._window.bytes[:count])))
            self._window.forget(count)


class _Open:
    """A message whose start line is there. Looks at each byte of it once, however it comes."""

    def __init__(self, start: re.Match[bytes], body_bytes_max: int) -> None:
        self._method, self._status, self._target = ((part or b"").decode("ascii") for part in start.groups())
        self.start_bytes = start.end() - start.start()
        self._body_bytes_max = body_bytes_max
        self._headers: Headers | None = None
        self._body: _Sized | _Chunked | None = None
        self._looked_bytes = self.start_bytes

    def message(self, window: Window) -> tuple[Request | Response, int] | None:
        """The message and its length, or None: more is wanted. Raises ValueError: it is none."""
        if self._body is None and not self._head(window.bytes):
            return None
        assert self._headers is not None
        assert self._body is not None
        if (body := self._body.whole(window.bytes)) is None:
            return None
        given = self._headers.get(NUMBER_HEADER.lower(), "")
        number = int(given) if given.isdecimal() and len(given) < 16 else 0
        message: Request | Response
        if self._status:
            message = Response(window.start, number, int(self._status), self._headers, body)
        else:
            message = Request(window.start, number, self._method, self._target, self._headers, body)
        return message, self._body.end

    def _head(self, window: bytearray) -> bool:
        # The empty line may follow the start line at once, so its end is looked at as well.
        end = _HEAD_END.search(window, max(self.start_bytes - 2, self._looked_bytes - 3))
        if end is None or end.end() > HEAD_BYTES_MAX:
            self._looked_bytes = len(window)
            if len(window) > HEAD_BYTES_MAX:
                raise ValueError("a head without an end")
            return False
        self._headers = _headers(bytes(window[self.start_bytes : end.start()]))
        if self._headers.get("transfer-encoding", "").lower().endswith("chunked"):
            self._body = _Chunked(end.end(), self._body_bytes_max)
        else:
            length = self._headers.get("content-length", "0")
            if not length.isdecimal() or len(length) > 9 or int(length) > self._body_bytes_max:
                raise ValueError("a body too long")
            self._body = _Sized(end.end(), int(length))
        return True


class _Sized:
    def __init__(self, begin: int, length: int) -> None:
        self._begin, self.end = begin, begin + length

    def whole(self, window: bytearray) -> bytes | None:
        return bytes(window[self._begin : self.end]) if len(window) >= self.end else None


class _Chunked:
    def __init__(self, begin: int, body_bytes_max: int) -> None:
        self.end = begin  # of what was understood so far; at last, of all
        self._left_bytes = body_bytes_max
        self._body = bytearray()
        self._trailing = False

    def whole(self, window: bytearray) -> bytes | None:
        while not self._trailing:
            line = _CHUNK_LINE.match(window, self.end)
            if line is None:
                self._wanted(window, CHUNK_LINE_BYTES_MAX)
                return None
            size = int(line[1], 16)
            if size > self._left_bytes:
                raise ValueError("a body too long")
            if size == 0:
                self._trailing, self.end = True, line.end()
                break
            stop = line.end() + size
            after = _LINE.match(window, stop)
            if after is None:
                if len(window) >= stop + 2:
                    raise ValueError("a chunk without an end")
                return None
            self._body += window[line.end() : stop]
            self._left_bytes -= size
            self.end = after.end()
        while (line := _LINE.search(window, self.end)) is not None:
            empty, self.end = line.start() == self.end, line.end()
            if empty:
                return bytes(self._body)
        self._wanted(window, HEAD_BYTES_MAX)
        return None

    def _wanted(self, window: bytearray, most: int) -> None:
        if len(window) - self.end > most or (
            b"\n" in window[self.end : self.end + most] and not self._trailing
        ):
            raise ValueError("no chunk")


def _headers(lines: bytes) -> Headers:
    found: dict[str, str] = {}
    for line in lines.split(b"\n"):
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            continue
        key, said = name.strip().lower(), value.strip()
        found[key] = f"{found[key]}, {said}" if key in found else said
    return MappingProxyType(found)


def write_request(
    number: int, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> bytes:
    """A request as the port gives it; `headers` are the client's, less those that the port has dealt with."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    ours = f"Content-Length: {len(body)}\r\n{NUMBER_HEADER}: {number}\r\n"
    head = f"{method} {target} HTTP/1.1\r\n{ours}{more}\r\n"
    return head.encode("latin-1", "replace") + body


def write_response(
    number: int, status: int = 200, body: bytes = b"", content_type: str = "", headers: Headers | None = None
) -> bytes:
    """An answer as the port takes it. `headers` are further ones: ``{"WWW-Authenticate": …}``."""
    said = {NUMBER_HEADER: str(number), "Content-Length": str(len(body))}
    if content_type:
        said["Content-Type"] = content_type
    lines = "".join(f"{name}: {value}\r\n" for name, value in (said | dict(headers or {})).items())
    return f"HTTP/1.1 {status} {reason(status)}\r\n{lines}\r\n".encode("latin-1") + body


def write_fate(number: int, *, arrived: bool) -> bytes:
    """What became of the answer to a request, as a port tells it that was asked to."""
    return write_response(number, 200 if arrived else CLIENT_GONE)


def reason(status: int) -> str:
    """``OK`` for 200; empty for a status that has no name."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
