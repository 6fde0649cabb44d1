"""What is said to a till: one frame at a time, each acknowledged or said again, with quiet before it.

    ACK ──200 ms── 0900 ──till: ACK── 0900 ──till: ACK── 0210 ──till: ACK── (final)
                                                          └─ NAK, or 10 s of silence: again, at most twice

A till that takes whatever comes within 100 ms for one message (the SDK for Node does) must never be given two
in that time: it misses the ACK, and takes the wrong record for its sale.

An ACK does not say of what it is one. So nothing follows an intermediate message (0900) before its ACK is
here or `ack_ms` are over: sooner, the late ACK of a 0900 would be one of the 0210, and the payment final.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from drivers.pos.stx import frame

TRIES = 3


@dataclass
class Saying:
    """One frame. `sure`: it is said again until acknowledged; an intermediate message is said once.
    `confirms`: a payment is final when it is acknowledged."""

    frame: bytes
    sure: bool = True
    confirms: bool = False
    tries: int = 0
    acknowledged: bool = False


@dataclass
class Line:
    """The terminal's own half of the line. Who writes what `take` gives says `written` when that is done."""

    gap_ms: int
    ack_ms: int
    due_ms: int | None = None  # when `wake` wants to be called
    _quiet_until_ms: int = 0
    _out: bytearray = field(default_factory=bytearray)
    _queue: deque[Saying] = field(default_factory=deque)
    _sent: Saying | None = None  # waits for its acknowledgement until `due_ms`
    _taken: bool = False
    _unheeded: bool = False  # the till lets intermediate messages pass: it is told no more of them

    def sign(self, byte: int, now_ms: int) -> None:
        """ACK or NAK, at once."""
        self._out.append(byte)
        self._quiet_until_ms = now_ms + self.gap_ms
        self._plan()

    def say(self, data: bytes, now_ms: int, *, sure: bool = True, confirms: bool = False) -> None:
        """A frame, after those before it."""
        if self._unheeded and not sure:
            return
        self._queue.append(Saying(frame(data), sure, confirms))
        self._plan()

    def forget(self) -> None:
        """The till speaks of something else: what it was to be told is past."""
        self._queue.clear()
        self._sent = None
        self._unheeded = False
        self._plan()

    def acknowledged(self, now_ms: int) -> Saying | None:
        """The till's ACK; of which frame, if any waits for one."""
        sent, self._sent = self._sent, None
        self._plan()
        return sent

    def refused(self, now_ms: int) -> Saying | None:
        """The till's NAK; the frame when that was the last time."""
        return self._again(now_ms)

    def wake(self, now_ms: int) -> Saying | None:
        """Says what is due; the frame that no till acknowledged, when it was said often enough."""
        lost = None
        if self._sent is not None and self.due_ms is not None and now_ms >= self.due_ms:
            if not self._sent.sure:
                self._unheeded = True
                self._queue = deque(each for each in self._queue if each.sure)
            lost = self._again(now_ms)
        if self._sent is None and self._queue and now_ms >= self._quiet_until_ms:
            saying = self._queue.popleft()
            saying.tries += 1
            self._out += saying.frame
            self._sent = saying
            self._quiet_until_ms = now_ms + self.gap_ms
            self.due_ms = now_ms + self.ack_ms
        return lost

    def take(self) -> bytes:
        """The bytes to write now, each once."""
        taken = bytes(self._out)
        self._out.clear()
        self._taken = self._taken or bool(taken)
        return taken

    def written(self, now_ms: int) -> None:
        """What was taken is on its way: the quiet begins."""
        if self._taken:
            self._taken = False
            self._quiet_until_ms = now_ms + self.gap_ms
            self._plan()

    def _again(self, now_ms: int) -> Saying | None:
        sent, self._sent = self._sent, None
        lost = None
        if sent is not None and sent.sure:
            if sent.tries < TRIES:
                self._queue.appendleft(sent)
            else:
                lost = sent
        self._quiet_until_ms = max(self._quiet_until_ms, now_ms)
        self._plan()
        return lost

    def _plan(self) -> None:
        if self._sent is None:
            self.due_ms = self._quiet_until_ms if self._queue else None
