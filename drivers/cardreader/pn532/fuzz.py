"""Any bytes as a frame whose length and check sums are right."""

from __future__ import annotations

import re

from drivers.cardreader.pn532.frames import BODY_BYTES_MAX, encode_frame
from drivers.cardreader.pn532.protocol import Pn532Options

_BODY = re.compile(rb"[\xd4\xd5].*", re.DOTALL)


def sealed(data: bytes, options: Pn532Options) -> bytes:
    """What stands in them from where somebody begins to speak, else the chip says them all."""
    found = _BODY.search(data)
    body = (found[0] if found else b"\xd5\x4b" + data)[:BODY_BYTES_MAX]
    return encode_frame(body, extended=len(data) % 7 == 0 or None)
