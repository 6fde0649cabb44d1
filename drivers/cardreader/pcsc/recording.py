"""JSON objects in a stream, whether they come a line each or spread over many, with whatever in between."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from drivers.frames import Window

OBJECT_BYTES_MAX = (
    4096  # the longest is an answer of 256 bytes in hex; of a longer one its parts are looked at
)
_ENDING = 12  # so near the end what is wrong may only be not whole: tru, \u00e
_UNENDED = "Unterminated string"
_decoder = json.JSONDecoder()


class Found(NamedTuple):
    """An object, and the offset in the stream of its brace."""

    at_byte: int
    said: dict[str, Any]


class Objects:
    """Finds objects. Keeps at most OBJECT_BYTES_MAX."""

    def __init__(self) -> None:
        self._window = Window()

    @property
    def waiting(self) -> bool:
        """Whether an object has begun."""
        return len(self._window) > 0

    def feed(self, chunk: bytes) -> list[Found]:
        """The objects that `chunk` completes."""
        self._window.add(chunk)
        return self._scan(patient=True)

    def pause(self) -> list[Found]:
        """Nothing comes to complete what has begun: the objects within it."""
        return self._scan(patient=False)

    def _scan(self, *, patient: bool) -> list[Found]:
        text = self._window.bytes.decode("latin-1")  # a character a byte
        found: list[Found] = []
        place = 0
        while (at := text.find("{", place)) >= 0:
            try:
                said, place = _decoder.raw_decode(text, at)
                found.append(Found(self._window.start + at, said))
            except (ValueError, RecursionError) as error:
                if patient and len(text) - at <= OBJECT_BYTES_MAX and _may_go_on(error, text):
                    self._window.forget(at)
                    return found
                place = at + 1
        self._window.forget(len(text))
        return found


def _may_go_on(error: Exception, text: str) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith(_UNENDED) or len(text) - error.pos <= _ENDING
