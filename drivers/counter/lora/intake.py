"""A stream of uplinks that is no HTTP: JSON objects, lines of hex, or a payload as it stands, in any order.

A payload in raw bytes is whatever is left when no more comes for a while: a datagram, or a file.
"""

from __future__ import annotations

import json
import re
from typing import Any

from drivers.counter.lora.uplinks import PAYLOAD_BYTES_MAX, from_line
from drivers.frames import Window

OBJECT_BYTES_MAX = 64 * 1024
LINE_BYTES_MAX = 1024
RAW_KEPT_BYTES = 2048
_HEX = rb"[0-9A-Fa-f]"
# One class in front, so that noise is searched at the speed of C; a line's first digit follows no other.
_BEGIN = re.compile(
    rb"[{0-9A-Fa-f](?:(?<=\{)(?=\s{0,64}\")|(?<=%s)(?<!%s.)%s[0-9A-Fa-f ,;:\-\t]{2,%d}(?=[\r\n]))"
    % (_HEX, _HEX, _HEX, LINE_BYTES_MAX),
    re.DOTALL,
)
_OBJECT_TOKEN = re.compile(rb'[{}]|"(?:[^"\\]|\\.)*("?)', re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HEX_LAST = re.compile(
    rb"(?<![0-9A-Fa-f])((?:0x)?[0-9A-Fa-f]{2}[0-9A-Fa-f ,;:\-\t]{2,%d})\Z" % LINE_BYTES_MAX
)

Taken = tuple[int, Any]  # place; a dict (JSON), a str (a line of hex) or bytes (a payload, or junk)


class Intake:
    """Cuts the stream. Keeps one unfinished object, or what may be a payload."""

    def __init__(self) -> None:
        self._window = Window()
        self._after_text = False  # what came last was a line or an object, so line ends are no payload

    @property
    def waiting(self) -> bool:
        return len(self._window) > 0

    def feed(self, chunk: bytes, at_byte: int) -> list[Taken]:
        """What `chunk`, which stands there in the stream, completes."""
        window = self._window
        taken: list[Taken] = []
        if window.start + len(window) != at_byte:
            taken = self.pause()
            window.start = at_byte
        window.add(chunk)
        return taken + self._taken(last=False)

    def pause(self) -> list[Taken]:
        """No more comes: an unfinished object is none, and what is left is a payload, or junk."""
        taken = self._taken(last=True)
        window = self._window
        if line := _HEX_LAST.search(window.bytes):
            text = line[1].decode("ascii")
            if from_line(text) is not None:
                taken.append((window.start + line.start(), text))
                window.forget(len(window))
        if len(window):
            taken.append((window.start, bytes(window.bytes)))
            window.forget(len(window))
        return taken

    def _taken(self, *, last: bool) -> list[Taken]:
        window, taken, done, at = self._window, list[Taken](), 0, 0
        waits = False
        while begin := _BEGIN.search(window.bytes, at):
            if begin[0] == b"{":
                end = _object_end(window.bytes, begin.start())
                too_long = len(window) - begin.start() > OBJECT_BYTES_MAX
                if end is None and not last and not too_long and not _is_none(window.bytes, begin.start()):
                    at, waits = begin.start(), True
                    break
                found = None if end is None else _object(bytes(window.bytes[begin.start() : end]))
                if found is None or end is None:
                    at = begin.start() + 1
                    continue
                taken.append((window.start + begin.start(), found))
                done = at = end
            else:
                text = begin[0].decode("ascii")
                at = begin.end()
                if from_line(text) is not None:
                    taken.append((window.start + begin.start(), text))
                    done = at
        if taken or waits:
            window.forget(at if waits else done)  # what stood before an object or a line is no payload
        self._after_text = self._after_text or bool(taken)
        if not waits:
            self._drop_line_ends()
            window.keep_last(RAW_KEPT_BYTES)
        return taken

    def _drop_line_ends(self) -> None:
        if self._after_text:
            data = self._window.bytes
            self._window.forget(len(data) - len(data.lstrip(b"\r\n \t,]")))
            self._after_text = not data


def _is_none(data: bytearray, begin: int) -> bool:
    """Whether no object begins there: it has a control character, which JSON writes otherwise."""
    return _CONTROL.search(data, begin) is not None


def _object_end(data: bytearray, begin: int) -> int | None:
    """Where the object that begins there ends; None when it does not yet."""
    depth = 0
    for token in _OBJECT_TOKEN.finditer(data, begin, begin + OBJECT_BYTES_MAX):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth == 0:
                return token.end()
        elif not token[1]:
            return None
    return None


def _object(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def payload_places(data: bytes) -> range:
    """Where a payload may begin in bytes that end with it."""
    return range(max(0, len(data) - PAYLOAD_BYTES_MAX), len(data))
