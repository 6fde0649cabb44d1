"""Any bytes as a frame whose check sum is right."""

from __future__ import annotations

import re

from drivers.cardreader.rdm6300.protocol import Rdm6300Options, encode_frame


def sealed(data: bytes, options: Rdm6300Options) -> bytes:
    """The first ten hex digits in them are the number; CR LF in them makes it an ID-20LA's."""
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data)[:10].ljust(10, b"7")
    return encode_frame(digits.decode(), id20la=b"\r\n" in data)
