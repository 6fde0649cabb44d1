"""Any bytes as tracks whose parities and check characters are right, told in each of three ways."""

from __future__ import annotations

from drivers.cardreader.keyboard import encode_keys
from drivers.cardreader.magstripe.bits import encode_bits
from drivers.cardreader.magstripe.options import StripeOptions
from drivers.cardreader.magstripe.protocol import encode_text

CHARACTERS_MAX = 107
SENTINELS = ("%", ";", "+")


def sealed(data: bytes, options: StripeOptions) -> bytes:
    """A track's characters of them between its sentinels; how many there are chooses track and way."""
    start = SENTINELS[len(data) % 3]
    lowest, highest = (0x20, 0x5F) if start == "%" else (0x30, 0x3F)
    inner = "".join(chr(byte) for byte in data.upper() if lowest <= byte <= highest)
    track = start + inner[:CHARACTERS_MAX].replace("?", "") + "?"
    match len(data) // 3 % 3:
        case 0:
            return encode_text(track)
        case 1:
            return encode_bits(track) + b"\n"
        case _:
            return encode_keys(track)
