"""Where in a stream the alerts are: bare, in a form with pictures, one after the other, cut short."""

from __future__ import annotations

import re

from drivers.frames import Window

DOCUMENT_BYTES_MAX = 64 * 1024
_NAME = rb"(?:[A-Za-z_][\w.-]{0,31}:)?EventNotificationAlert"
_BEGIN = re.compile(rb"<%s[\s>]" % _NAME)
_END = re.compile(rb"</%s\s{0,8}>" % _NAME)
_BEGIN_BYTES_MAX = 64
_PROLOG = re.compile(rb"<!DOCTYPE\s")
PROLOG_BYTES_MAX = 1024  # in front of an alert; a document type in there refuses it


class Documents:
    """Cuts alerts out of whatever is around them. Keeps one unfinished document and a little before it."""

    def __init__(self) -> None:
        self._window = Window()
        self._begun = False
        self._looked = 0

    @property
    def waiting(self) -> bool:
        """Whether an alert has begun."""
        return self._begun

    def feed(self, chunk: bytes, at_byte: int) -> list[tuple[int, bytes]]:
        """The alerts that `chunk`, which stands there in the stream, completes: place and document."""
        window = self._window
        if window.start + len(window) != at_byte:  # others came between: what was begun is over
            window.forget(len(window))
            window.start = at_byte
            self._begun, self._looked = False, 0
        window.add(chunk)
        found: list[tuple[int, bytes]] = []
        while True:
            begin = _BEGIN.search(window.bytes, 0 if self._begun else self._looked)
            if begin is None:
                window.keep_last(PROLOG_BYTES_MAX + _BEGIN_BYTES_MAX)
                self._begun, self._looked = False, max(0, len(window) - _BEGIN_BYTES_MAX)
                return found
            begun_at = begin.end()
            if not self._begun:
                has_type = _PROLOG.search(
                    window.bytes, max(0, begin.start() - PROLOG_BYTES_MAX), begin.start()
                )
                first = has_type.start() if has_type else begin.start()
                window.forget(first)
                begun_at -= first
                self._begun, self._looked = True, 0
            end = _END.search(window.bytes, max(begun_at, self._looked - _BEGIN_BYTES_MAX))
            if end is None and len(window) <= DOCUMENT_BYTES_MAX:
                self._looked = len(window)
                return found
            if end is None or end.end() > DOCUMENT_BYTES_MAX:
                window.forget(1)
            else:
                found.append((window.start, self._last_begun(end.end())))
                window.forget(end.end())
            self._begun, self._looked = False, 0

    def give_up(self) -> int:
        """What is begun will not end; says where it began."""
        at_byte = self._window.start
        self._window.forget(len(self._window))
        self._begun, self._looked = False, 0
        return at_byte

    def _last_begun(self, end: int) -> bytes:
        """The document, without one before it whose end was lost."""
        document = bytes(self._window.bytes[:end])
        *_, last = _BEGIN.finditer(document)
        return document if document.startswith(b"<!") else document[last.start() :]
