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
import logging
from typing import NamedTuple

from edge_agent.errors import AnchorBroken
from sync.slots import SLOT_BYTES, SLOTS, SlotDisk, slot_with, slots_of, text_in

log = logging.getLogger(__name__)

WRITE_MAX_S = 5.0
_WORDS = "tillbeam anchor 1"


class Mark(NamedTuple):
    """How much money a database has seen: its epoch, its commits of money, and a digest of them all."""

    epoch: str
    commits: int
    head: str


class Anchor:
    """The mark that is known to be on disk."""

    def __init__(self, disk: SlotDisk) -> None:
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
        for slot in slots_of(found):
            read = read_slot(slot)
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
    return slot_with(f"{_WORDS} {turn} {mark.epoch} {mark.commits} {mark.head}")


def read_slot(found: bytes) -> tuple[int, Mark] | None:
    """The turn and mark of a slot; None when it is empty, torn or not ours."""
    try:
        words, turn, epoch, commits, head = (text_in(found) or "").rsplit(" ", 4)
        return (int(turn), Mark(epoch, int(commits), head)) if words == _WORDS else None
    except ValueError:
        return None
