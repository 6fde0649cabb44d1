"""One message of the application, on whatever line.

    CLASS INSTR | LEN | data            LEN FF: two more bytes follow, low first, and they are the length
    06    01    | 0A  | 04 …

The till (ECR) asks, the terminal (PT) answers 80 00 or 84 xx; then the terminal may command, and the till
answers in the same way.
"""

from __future__ import annotations

DATA_BYTES_MAX = 0xFFFF
_SHORT_MAX = 0xFE


def encode(control: int, data: bytes = b"") -> bytes:
    """The APDU of that control field (0x0601) with its data. Raises ValueError when there is too much."""
    if len(data) > DATA_BYTES_MAX:
        raise ValueError(f"{len(data)} bytes do not fit into an APDU")
    head = control.to_bytes(2, "big")
    if len(data) <= _SHORT_MAX:
        return head + bytes([len(data)]) + data
    return head + b"\xff" + len(data).to_bytes(2, "little") + data


def extent(raw: bytes | bytearray, at: int = 0) -> tuple[int, int]:
    """(where the data begin, where they end) of the APDU at `at`; (0, 0) until its length is there."""
    if len(raw) < at + 3:
        return 0, 0
    if raw[at + 2] != 0xFF:
        return at + 3, at + 3 + raw[at + 2]
    if len(raw) < at + 5:
        return 0, 0
    return at + 5, at + 5 + int.from_bytes(raw[at + 3 : at + 5], "little")


def control_of(raw: bytes) -> int:
    """0x0601 of a whole APDU."""
    return int.from_bytes(raw[:2], "big")


def data_of(raw: bytes) -> bytes:
    """The data of a whole APDU."""
    start, end = extent(raw)
    return raw[start:end]
