r"""Bytes and what they mean, beside each other:

1.204  02 36 32 45 33 30 38 36  43 33 42 31 37 03        .62E3086C3B17.     | frame tag=E3086C3B
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from config.one_line import one_line
from drivers.base import Heard, Note
from drivers.decode import flat
from edge_agent.field.listening import Seen

ROW_BYTES = 16
_HEX_WIDTH = 3 * ROW_BYTES
_MEANING_MAX = 400  # characters of one thing heard; all of it is in --json


def rows(seen: Seen) -> Iterator[tuple[str, str, bool]]:
    """(bytes, meaning, whether something was wrong) for each line of the screen."""
    left = [_dump(seen.chunk[at : at + ROW_BYTES]) for at in range(0, len(seen.chunk), ROW_BYTES)]
    time = f"{seen.t_ms / 1000:10.3f}  "
    for place, (bytes_, heard) in enumerate(zip_longest(left, seen.heard)):
        dump = (time if place == 0 else " " * len(time)) + (bytes_ or " " * (_HEX_WIDTH + 2 + ROW_BYTES))
        yield dump, meaning(heard) if heard else "", heard is not None and is_wrong(heard)


def meaning(heard: Heard) -> str:
    """One thing heard, in one line that cannot drive a terminal."""
    found = flat(heard)
    kind, _at = found.pop("type"), found.pop("at_byte")
    said = " ".join([str(kind), *(f"{key}={_value(value)}" for key, value in found.items())])
    return one_line(said if len(said) <= _MEANING_MAX else said[: _MEANING_MAX - 1] + "…")


def as_object(seen: Seen) -> dict[str, Any]:
    """The same as one JSON object."""
    heard = [flat(each) for each in seen.heard]
    return {"t_ms": seen.t_ms, "at_byte": seen.at_byte, "hex": seen.chunk.hex(), "heard": heard}


def is_wrong(heard: Heard) -> bool:
    """Whether it is a note about something wrong."""
    return isinstance(heard.what, Note) and bool(heard.what.problem)


def _dump(row: bytes) -> str:
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
    return f"{row.hex(' '):{_HEX_WIDTH}}  {shown:{ROW_BYTES}}"


def _value(value: Any) -> str:
    return (
        value
        if isinstance(value, str) and value and " " not in value
        else json.dumps(value, ensure_ascii=False)
    )
