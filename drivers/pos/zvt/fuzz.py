"""Any bytes as an APDU whose length is right, and its CRC on a serial line."""

from __future__ import annotations

from drivers.pos.zvt import apdu
from drivers.pos.zvt.framing import encode_frame
from drivers.pos.zvt.options import ZvtOptions


def sealed(data: bytes, options: ZvtOptions) -> bytes:
    """They are a damaged message of either transport: its control field, its length, what it says."""
    serial = data.startswith(b"\x10\x02")
    raw = data[2:].partition(b"\x10\x03")[0].replace(b"\x10\x10", b"\x10") if serial else data
    raw = raw.ljust(3, b"\0")
    whole = apdu.encode(apdu.control_of(raw), raw[3 : 3 + apdu.DATA_BYTES_MAX])
    framed = {"serial": True, "tcp": False, "auto": serial or len(data) % 2 == 0}[options.transport]
    return encode_frame(whole) if framed else whole
