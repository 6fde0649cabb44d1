"""The anchor: a file beside the database that tells whether the database was put back in time.

    slot 0, at byte 0                                   slot 1, at byte 512
    "tillbeam anchor 1 <turn> <epoch> <commits> <head> <sum>\\n", then NULs

A payment is answered when the database has it and then the anchor says so. So a database that has fewer
commits of money than its anchor is a copy from before, whose leases may have been spent since. The slots
are written in turn, each in a sector of its own with a checksum: a torn write leaves the other, which is
one commit behind, and a database that is ahead of its anchor is what any power cut leaves.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from edge_agent.errors import AnchorBroken

log = logging.getLogger(__name__)

SLOT_BYTES = 512
SLOTS = 2
WRITE_MAX_S = 5.0
_WORDS = "tillbeam anchor 1"
_SUM_HEX_DIGITS = 16


class Mark(NamedTuple):
    """How much money a database has seen: its epoch, its commits of money, and a digest of them all."""

    epoch: str
    commits: int
    head: str


class AnchorDisk(Protocol):
    """Where the file lies; a test puts its own in place."""

    def read(self) -> bytes | None:
        """All of the file; None when there is none. Raises OSError."""
        ...

    async def write(self, offset: int, data: bytes) -> None:
        """Writes there, making the file if it is missing; on disk on return. Raises OSError."""
        ...


class RealAnchorDisk:
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


class Anchor:
    """The mark that is known to be on disk."""

    def __init__(self, disk: AnchorDisk) -> None:
        """Reads the file; one that cannot be read is as one that is gone."""
        self._disk = disk
        self._turn = 0
        self.held: Mark | None = None  # None: no anchor, or none that can be read
        self._writing = asyncio.Lock()
        self._late: asyncio.Future[None] | None = None  # the last write, which may be done late or never
        try:
            found = disk.read() or b""
        except OSError as error:
            log.error("the anchor cannot be read: %s", error)
            found = b""
        for slot in range(SLOTS):
            read = read_slot(found[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES])
            if read is not None and read[0] > self._turn:
                self._turn, self.held = read

    async def hold(self, mark: Mark) -> None:
        """Returns when the anchor says `mark`, or more of the same epoch. Raises AnchorBroken."""
        async with self._writing:
            held = self.held
            if held is not None and held.epoch == mark.epoch and held.commits >= mark.commits:
                return
            if self._late is not None and not self._late.done():
                raise AnchorBroken("the anchor's disk still does not answer")
            turn = self._turn + 1
            write = self._disk.write(turn % SLOTS * SLOT_BYTES, slot_of(turn, mark))
            self._late = asyncio.ensure_future(write)
            # Everything that is recorded waits behind this: it must not hang with a USB stick.
            done, _ = await asyncio.wait([self._late], timeout=WRITE_MAX_S)
            if not done:
                raise AnchorBroken(f"the anchor's disk has not answered for {WRITE_MAX_S:g} s")
            try:
                self._late.result()
            except OSError as error:
                raise AnchorBroken(f"the anchor cannot be written: {error}") from error
            self._turn, self.held = turn, mark


def slot_of(turn: int, mark: Mark) -> bytes:
    """A slot as it lies on disk."""
    text = f"{_WORDS} {turn} {mark.epoch} {mark.commits} {mark.head}"
    return f"{text} {_sum(text)}\n".encode().ljust(SLOT_BYTES, b"\0")


def read_slot(found: bytes) -> tuple[int, Mark] | None:
    """The turn and mark of a slot; None when it is empty, torn or not ours."""
    try:
        text, _, check = found.rstrip(b"\0").decode("ascii").rstrip("\n").rpartition(" ")
        words, turn, epoch, commits, head = text.rsplit(" ", 4)
        if words != _WORDS or check != _sum(text):
            return None
        return int(turn), Mark(epoch, int(commits), head)
    except ValueError:
        return None


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SUM_HEX_DIGITS]
