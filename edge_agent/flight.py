"""Which batches are on their way, and what a receipt means for them. Pure: time comes in.

Every batch is answered by one receipt with the centre's mark. A mark that moved is progress. A mark that
stands still while batches are on their way says that one of them was lost: everything after it must go
again, once, however many receipts say the same (each batch behind the hole is answered with it too).

How many may be on their way follows the receipts: more while they come quickly, so that neither the centre
nor the line waits; fewer when they come slowly, so that on a thin line a receipt is not given up while its
batch stands behind half a megabyte of others.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sync.contract.ids import Lane

FIRST_WINDOW = 8  # until the first receipt says how fast the line is
LEAST_WINDOW = 2
QUICK_MS = 500  # from a batch to its receipt
SLOW_MS = 2_000


@dataclass(slots=True)
class _LaneFlight:
    sent: int  # the last number on its way, or the mark
    mark: int  # the centre's, as last heard
    resumed: int = -1  # the mark from which we have already begun again
    flying: deque[tuple[int, int]] = field(default_factory=deque)  # (last number, sent at ms) of each batch


class Flight:
    """The window of one connection."""

    def __init__(self, window_most: int, marks: dict[Lane, int]) -> None:
        self._most = window_most
        self._window = min(FIRST_WINDOW, window_most)
        self._lanes = {lane: _LaneFlight(mark, mark) for lane, mark in marks.items()}

    def room(self) -> dict[Lane, int]:
        """The lanes that may send, each with the number after which it goes on.

        One place of the window is the till's alone, so that a card never waits behind a backlog of counts.
        """
        flying = sum(len(state.flying) for state in self._lanes.values())
        others = max(1, self._window - 1)
        return {
            lane: state.sent
            for lane, state in self._lanes.items()
            if flying < (self._window if lane is Lane.TILL else others)
        }

    def sent(self, lane: Lane, after: int, last: int, now_ms: int) -> bool:
        """A batch following `after` was published; False when the lane was begun again meanwhile."""
        state = self._lanes[lane]
        if state.sent != after:
            return False
        state.sent = last
        state.flying.append((last, now_ms))
        return True

    def received(self, lane: Lane, mark: int, now_ms: int) -> bool:
        """The centre's receipt; whether it moved the mark."""
        state = self._lanes[lane]
        if mark > state.mark:
            state.mark, state.resumed = mark, -1
            state.sent = max(state.sent, mark)
            while state.flying and state.flying[0][0] <= mark:
                _, sent_ms = state.flying.popleft()
                self._mind(now_ms - sent_ms)
            return True
        if mark == state.mark and state.flying and state.resumed != mark:
            state.resumed, state.sent = mark, mark
            state.flying.clear()
        return False

    def _mind(self, took_ms: int) -> None:
        if took_ms < QUICK_MS:
            self._window = min(self._most, self._window + 1)
        elif took_ms > SLOW_MS:
            self._window = max(min(LEAST_WINDOW, self._most), self._window - 1)

    def oldest_ms(self) -> int | None:
        """When the batch that has waited longest for its receipt was sent; None when nothing flies."""
        return min((state.flying[0][1] for state in self._lanes.values() if state.flying), default=None)
