"""A serial line between a till's program and a box, with scissors: two pseudo-terminals, joined.

    the till's program ──► wire.till ═══ recorded, cut ═══ wire.box ◄── serial://… of the box

A cut is a place in the conversation, so many bytes in one direction; both ends then see their line vanish, as
an unplugged adapter's does. `mend` puts in another one under the same names.
"""

from __future__ import annotations

import asyncio
import os
import tty
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

End = Literal["till", "box"]
READ_BYTES = 4096
OTHER: dict[End, End] = {"till": "box", "box": "till"}


class Said(NamedTuple):
    """Bytes as they came out of one end in one piece."""

    by: End
    chunk: bytes


class Cut(NamedTuple):
    """After so many more bytes by one end."""

    by: End
    after_bytes: int


@dataclass
class Wire:
    """One line; `said` is all that was said on it."""

    folder: Path
    said: list[Said] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    _ends: dict[End, tuple[int, int]] = field(default_factory=dict)  # master, slave
    _counts: dict[End, int] = field(default_factory=lambda: {"till": 0, "box": 0})
    _parting: bool = False  # the place of the cut is passed: nothing gets through any more
    broken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def till(self) -> Path:
        """What a till's program opens."""
        return self.folder / "till"

    @property
    def box(self) -> str:
        """The port of the box's device."""
        return f"serial://{self.folder / 'box'}"

    def mend(self) -> None:
        """A new line, not cut yet."""
        self.cut()
        self.broken.clear()
        self._counts = {"till": 0, "box": 0}
        self._parting = False
        loop = asyncio.get_running_loop()
        for end in ("till", "box"):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._ends[end] = master, slave
            link = self.folder / end
            link.symlink_to(os.ttyname(slave))
            loop.add_reader(master, self._carry, end)

    def cut(self) -> None:
        """Both ends lose their line."""
        for end, (master, slave) in self._ends.items():
            (self.folder / end).unlink()  # the next one to be made, anywhere, may have its number
            asyncio.get_running_loop().remove_reader(master)
            os.close(master)
            os.close(slave)
        self._ends.clear()
        self.broken.set()

    def cut_at(self, cut: Cut) -> None:
        """The line that is there goes when that place is reached, counted from now."""
        self.cuts = [Cut(cut.by, self._counts[cut.by] + cut.after_bytes)]

    def _carry(self, end: End) -> None:
        try:
            chunk = os.read(self._ends[end][0], READ_BYTES)
        except OSError:
            return
        if self._parting:
            return
        cut = next((cut for cut in self.cuts if cut.by == end), None)
        left = cut.after_bytes - self._counts[end] if cut else len(chunk) + 1
        if left <= len(chunk):
            chunk = chunk[:left]
        self._counts[end] += len(chunk)
        if chunk:
            self.said.append(Said(end, chunk))
            os.write(self._ends[OTHER[end]][0], chunk)
        if left <= len(chunk):
            self.cuts, self._parting = [], True
            asyncio.get_running_loop().call_later(TAKEN_S, self.cut)


TAKEN_S = 0.05  # a closed pseudo-terminal forgets what was not read: the last byte before the cut gets there


def places(said: list[Said]) -> list[Cut]:
    """Every place in a conversation to cut it at: after each message, and in the middle of each."""
    counts: dict[End, int] = {"till": 0, "box": 0}
    found = []
    for by, chunk in said:
        if len(chunk) > 1:
            found.append(Cut(by, counts[by] + len(chunk) // 2))
        counts[by] += len(chunk)
        found.append(Cut(by, counts[by]))
    return found
