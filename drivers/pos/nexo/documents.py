"""Bare documents in a stream: a recording may hold them without their HTTP, one after the other or in a list.

A document begins where a brace is followed by a word that only our messages begin with, and ends where its
braces are closed. What stands between is skipped.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from drivers.frames import Window

DOCUMENT_BYTES_MAX = 256 * 1024  # a receipt to be printed, secured, has some 30 KiB
BEGIN_BYTES_MAX = 200  # the white space before the first word included
_BEGIN = re.compile(
    rb'\{\s{0,64}"(?:SaleToPOI(?:Request|Response)|MessageHeader|NexoBlob|SecurityTrailer)"\s{0,64}:'
)
_OUTSIDE = re.compile(rb'["{}]')
_INSIDE = re.compile(rb'\\.|"', re.DOTALL)  # of a string


class Document(NamedTuple):
    """The bytes of one document."""

    at_byte: int
    raw: bytes


class Documents:
    """Finds documents in a stream; keeps one at most."""

    def __init__(self) -> None:
        self._window = Window()
        self._begun = False  # a document stands at the window's beginning
        self._looked = 0  # so much of it is looked at
        self._depth = 0
        self._in_string = False

    @property
    def waiting(self) -> bool:
        """Whether something is begun; `pause` ends it."""
        return len(self._window) > 0

    def feed(self, at_byte: int, chunk: bytes) -> list[Document]:
        """What `chunk` completes. A document must lie in one piece: a gap in the offsets ends it."""
        found: list[Document] = []
        if at_byte != self._window.start + len(self._window):
            found = self.pause()
            self._window.start = at_byte
        self._window.add(chunk)
        return found + self._found()

    def pause(self) -> list[Document]:
        """What is begun will not be completed; inside it may be a whole one."""
        found: list[Document] = []
        while self._begun:
            self._window.forget(1)
            self._begun = False
            found += self._found()
        self._window.forget(len(self._window))
        return found

    def _found(self) -> list[Document]:
        found: list[Document] = []
        while self._begun or self._begin():
            end = self._end()
            if end is None and len(self._window) <= DOCUMENT_BYTES_MAX:
                break
            if end is not None and end <= DOCUMENT_BYTES_MAX:
                found.append(Document(self._window.start, bytes(self._window.bytes[:end])))
                self._window.forget(end)
            else:
                self._window.forget(1)  # too long: what began here was none
            self._begun = False
        return found

    def _begin(self) -> bool:
        begin = _BEGIN.search(self._window.bytes)
        if begin is None:
            self._window.keep_last(BEGIN_BYTES_MAX)
            return False
        self._window.forget(begin.start())
        self._begun, self._looked, self._depth, self._in_string = True, 0, 0, False
        return True

    def _end(self) -> int | None:
        while True:
            mark = (_INSIDE if self._in_string else _OUTSIDE).search(self._window.bytes, self._looked)
            if mark is None:
                last_is_escape = self._in_string and self._window.bytes.endswith(b"\\")
                self._looked = max(self._looked, len(self._window) - last_is_escape)
                return None
            self._looked = mark.end()
            if mark[0] == b'"':
                self._in_string = not self._in_string
            elif mark[0] == b"{":
                self._depth += 1
            elif mark[0] == b"}":
                self._depth -= 1
                if self._depth == 0:
                    return self._looked
