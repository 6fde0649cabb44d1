"""Any bytes as a frame whose parities are right."""

from __future__ import annotations

from drivers.cardreader.wiegand.formats import KNOWN, encode
from drivers.cardreader.wiegand.protocol import WiegandOptions


def sealed(data: bytes, options: WiegandOptions) -> bytes:
    """The low bit of each, as of the digits 0 and 1, is the value; how many there are chooses the format."""
    formats = [*options.own_formats.values(), *(KNOWN[name] for name in options.formats)]
    format_ = formats[len(data) % len(formats)]
    value = int("0" + "".join(str(byte & 1) for byte in data.strip()[-64:]), 2)
    return encode(value, format_).encode() + b"\n"
