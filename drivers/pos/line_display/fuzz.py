"""Any bytes as a command that says their length rightly."""

from __future__ import annotations

from drivers.pos.line_display.options import Options

DATA_BYTES_MAX = 512


def sealed(data: bytes, options: Options) -> bytes:
    """How many there are chooses which; every fifth time they are what is shown."""
    data = data[:DATA_BYTES_MAX]
    match len(data) % 5:
        case 0:
            return data
        case 1:
            return b"\x1bQA" + data.replace(b"\r", b"") + b"\r"
        case 2:
            return b"\x1f(" + data[:1] + len(data[1:]).to_bytes(2, "little") + data[1:]
        case 3:
            glyphs = data[: len(data) // 5 * 5][:475]
            return b"\x1b&\x01\x20" + bytes([0x1F + max(1, len(glyphs) // 5)]) + glyphs.ljust(5, b"\xff")
        case _:
            return (
                b"\x1bb"
                + data[:20].replace(b"\xc8", b"")
                + b"\xc8"
                + data[20:40].replace(b"\xc8", b"")
                + b"\xc8"
            )
