"""Small files of two slots that are written in turn: a write that the power cut tears leaves the other.

    slot 0, at byte 0        slot 1, at byte 512
    "<text> <sum>\\n", then NULs

Each slot is a sector of its own, with a checksum. What the text says, and which slot is the newer, is the
owner's affair: the anchors of an edge and of the centre are such files.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Protocol

SLOT_BYTES = 512
SLOTS = 2
_SUM_HEX_DIGITS = 16


class SlotDisk(Protocol):
    """Where such a file lies; a test puts its own in place."""

    def read(self) -> bytes | None:
        """All of the file; None when there is none. Raises OSError."""
        ...

    async def write(self, offset: int, data: bytes) -> None:
        """Writes there, making the file if it is missing; on disk on return. Raises OSError."""
        ...


class RealSlotDisk:
    """A file of a real disk, synced by a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    async def write(self, offset: int, data: bytes) -> None:
        await asyncio.to_thread(self._write, offset, data)

    def _write(self, offset: int, data: bytes) -> None:
        is_new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if is_new:  # so that no later write needs room, or a change of the file's length on disk
                os.pwrite(file, bytes(SLOTS * SLOT_BYTES), 0)
            os.pwrite(file, data, offset)
            os.fdatasync(file)
        finally:
            os.close(file)
        if is_new:
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def slot_with(text: str) -> bytes:
    """A slot as it lies on disk. `text` is ASCII on one line, at most 490 characters."""
    return f"{text} {_sum(text)}\n".encode("ascii").ljust(SLOT_BYTES, b"\0")


def text_in(slot: bytes) -> str | None:
    """What `slot_with` was given; None when the slot is empty or torn."""
    try:
        text, _, check = slot.rstrip(b"\0").decode("ascii").rstrip("\n").rpartition(" ")
    except ValueError:
        return None
    return text if check == _sum(text) else None


def slots_of(found: bytes) -> list[bytes]:
    """The slots of a file, cut apart; short or empty where the file ends."""
    return [found[at * SLOT_BYTES : (at + 1) * SLOT_BYTES] for at in range(SLOTS)]


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SUM_HEX_DIGITS]
