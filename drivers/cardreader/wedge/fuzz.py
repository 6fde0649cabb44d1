"""Any bytes as key strokes, each pressed and let go."""

from __future__ import annotations

from drivers.cardreader.keyboard import encode_keys
from drivers.cardreader.wedge.protocol import WedgeOptions

KEYS = "0123456789=^/ABCDEFxyz -"
TYPED_MAX = 60


def sealed(data: bytes, options: WedgeOptions) -> bytes:
    """Each byte but NUL is a key, mostly a digit; how many there are says whether they are a track."""
    keys = [KEYS[byte % 10 if byte & 0x70 else byte % len(KEYS)] for byte in data.replace(b"\0", b"")]
    start, end = (("", ""), (";", "?"), ("%B", "?"))[len(keys) % 3]
    typed = start + "".join(keys[:TYPED_MAX]) + end
    return encode_keys(typed, size=24 if len(data) % 4 else 16)
