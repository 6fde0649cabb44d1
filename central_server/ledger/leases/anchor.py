"""The centre's anchor: a file beside `keys.json` that tells whether the database was put back in time.

    slot 0, slot 1        "tillbeam ledger anchor 1 <name> <grants> <sum>"

A store may spend what it was granted when the database has the grant and then the anchor says so. So a
database that has counted fewer grants than its anchor is a copy from before: what it takes for available may
be in a lease that it has forgotten. The slots are written in turn, and the one with more grants counts; a
torn write leaves the other, which is one behind, as after any power cut between the commit and the file.

Several processes may share a state folder, and so its anchor: then the file may be some grants behind.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from typing import NamedTuple

from sync.slots import SLOT_BYTES, SLOTS, SlotDisk, slot_with, slots_of, text_in

ANCHOR_FILE = "ledger.anchor"
NAME_BYTES = 8
_SLOT = re.compile(r"tillbeam ledger anchor 1 ([0-9a-f]{16}) (0|[1-9][0-9]{0,17})", re.ASCII)

log = logging.getLogger(__name__)


class Mark(NamedTuple):
    """How many commits that granted something an anchor has seen."""

    name: str
    grants: int


class Anchor:
    """The mark that is known to be on disk."""

    def __init__(
        self, disk: SlotDisk, *, new_name: Callable[[], str] = lambda: secrets.token_hex(NAME_BYTES)
    ) -> None:
        """Reads the file and writes nothing: a file that is missing is made with the first grant."""
        self._disk = disk
        self._new_name = new_name
        self._slot = 0  # that of `held`
        self.damaged = False  # there is a file, and nobody can say how far it was
        self.held = Mark(new_name(), 0)
        try:
            found = disk.read() or b""
        except OSError as error:
            log.error("the anchor of the ledger cannot be read: %s", error)
            self.damaged = True
            return
        slots = slots_of(found)
        marks = [(mark, at) for at, slot in enumerate(slots) if (mark := read_slot(slot)) is not None]
        if marks:
            self.held, self._slot = max(marks, key=lambda each: each[0].grants)
        else:  # one slot alone that is torn was the very first write: nothing was told of that grant
            self.damaged = sum(bool(slot.strip(b"\0")) for slot in slots) == SLOTS

    async def hold(self, mark: Mark) -> None:
        """Returns when the file says `mark`, or more grants of the same name. Raises OSError."""
        if mark.name == self.held.name and mark.grants <= self.held.grants:
            return
        slot = (self._slot + 1) % SLOTS
        await self._disk.write(slot * SLOT_BYTES, slot_of(mark))
        self._slot, self.held = slot, mark

    async def begin_anew(self) -> None:
        """Put an anchor with a new name in the place of one that is damaged. Raises OSError."""
        mark = Mark(self._new_name(), 0)
        for slot in range(SLOTS):
            await self._disk.write(slot * SLOT_BYTES, slot_of(mark))
        self._slot, self.held, self.damaged = 0, mark, False


def slot_of(mark: Mark) -> bytes:
    """A slot as it lies on disk."""
    return slot_with(f"tillbeam ledger anchor 1 {mark.name} {mark.grants}")


def read_slot(slot: bytes) -> Mark | None:
    """What a slot says; None when it is empty, torn or not ours."""
    found = _SLOT.fullmatch(text_in(slot) or "")
    return Mark(found[1], int(found[2])) if found else None
