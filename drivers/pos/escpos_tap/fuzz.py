"""Any bytes as a command that says their length rightly, and a receipt's end behind it."""

from __future__ import annotations

from drivers.pos.escpos_tap.options import Options

DATA_BYTES_MAX = 4096
END = b"\nTOTAL 1.00\n\x1dV\x00"


def sealed(data: bytes, options: Options) -> bytes:
    """How many there are chooses which command; every ninth time they are what stands on the paper."""
    data = data[:DATA_BYTES_MAX]
    size = len(data).to_bytes(2, "little")
    match len(data) % 9:
        case 0:
            command = data
        case 1:
            command = b"\x1d(k" + (len(data) + 2).to_bytes(2, "little") + b"1P" + data
        case 2:
            command = b"\x1d(L" + (len(data) + 2).to_bytes(2, "little") + b"0p" + data
        case 3:
            command = b"\x1dkI" + bytes([len(data[:255])]) + data[:255]
        case 4:
            command = b"\x1dk\x04" + data[:250].replace(b"\0", b"") + b"\0"
        case 5:
            command = b"\x1bZ\x00L\x04" + size + data
        case 6:
            command = b"\x1dv0\x00\x01\x00" + size + data
        case 7:
            command = b"\x1b*\x00" + len(data[:2400]).to_bytes(2, "little") + data[:2400]
        case _:
            command = b"\x1bL" + data.replace(b"\x18", b"") + b"\x1b\x0c\x1bS"
    return command + END
