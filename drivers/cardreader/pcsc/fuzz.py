"""Any bytes as an answer in the words of the port."""

from __future__ import annotations

import re

from drivers.cardreader.pcsc.protocol import PcscOptions, encode_line

KEYS = ("response", "atr", "error", "apdu", "reader")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")


def sealed(data: bytes, options: PcscOptions) -> bytes:
    """The longest hex digits in them are what is said, else all of them; how many there are says as what."""
    found = max(_HEX.findall(data), key=len, default=b"").decode()
    key = KEYS[len(data) % len(KEYS)]
    return encode_line({"apdu": "FFCA000000", key: found if len(found) > 3 else data.hex()})
