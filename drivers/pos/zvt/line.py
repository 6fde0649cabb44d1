"""What is said over a line, and said again until it was heard. (PA00P016, 3.2 to 3.5)

Over TCP there is nothing to do. A serial line acknowledges each frame; one that is not, within T2 or at all,
is said twice more, and then it is lost. One frame at a time: the next waits for the ACK of the one before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from drivers.pos.zvt.framing import ACK, NAK, Got, Receiver, Transport, encode_frame

T2_MS = 5000
RESENDS_MAX = 2
QUEUE_MAX = 16  # a conversation has two or three messages under way; more means that nobody listens


class Line:
    """Both directions of one line."""

    def __init__(self, transport: Transport) -> None:
        self.receiver = Receiver(transport)
        self._queue: deque[bytes] = deque()
        self._said = b""  # the frame whose ACK is awaited
        self._resends = 0
        self._due_ms = 0
        self._out = bytearray()

    @property
    def due_ms(self) -> int | None:
        """When `expire` has something to do."""
        due = [self.receiver.due_ms, self._due_ms if self._said else None]
        return min((each for each in due if each is not None), default=None)

    @property
    def delivered(self) -> bool:
        """Whether all that was said is known to have arrived: no answer that comes before is to the last."""
        return not self._said and not self._queue

    def feed(self, chunk: bytes, now_ms: int) -> Iterator[Got | None]:
        """What arrives, each after its acknowledgement was put on its way; None: what was said is lost."""
        for got in self.receiver.feed(chunk, now_ms):
            yield from self._taken(got, now_ms)

    def expire(self, now_ms: int) -> Iterator[Got | None]:
        """The same, for what the passing of time brings."""
        for got in self.receiver.expire(now_ms):
            yield from self._taken(got, now_ms)
        if self._said and now_ms >= self._due_ms:
            yield from self._again(now_ms)

    def say(self, raw: bytes, now_ms: int) -> None:
        """Puts an APDU on its way; of a queue that is full, it is lost like what nobody hears."""
        if not self.receiver.serial:
            self._out += raw
        elif len(self._queue) < QUEUE_MAX:
            self._queue.append(raw)
            self._next(now_ms)

    def forget(self) -> None:
        """What waits to be said need not be."""
        self._queue.clear()

    def replies(self) -> bytes:
        out, self._out = bytes(self._out), bytearray()
        return out

    def _taken(self, got: Got, now_ms: int) -> Iterator[Got | None]:
        match got.what:
            case "ack":
                self._said = b""
                self._next(now_ms)
            case "nak" if self._said:
                yield from self._again(now_ms)
            case "apdu" if got.serial:
                self._out.append(ACK)
            case "bad" if got.serial and got.answered:
                self._out.append(NAK)
        yield got

    def _next(self, now_ms: int) -> None:
        if not self._said and self._queue:
            self._said = encode_frame(self._queue.popleft())
            self._resends = 0
            self._put(now_ms)

    def _again(self, now_ms: int) -> Iterator[None]:
        if self._resends < RESENDS_MAX:
            self._resends += 1
            self._put(now_ms)
            return
        self._said = b""
        self._queue.clear()
        yield None

    def _put(self, now_ms: int) -> None:
        self._out += self._said
        self._due_ms = now_ms + T2_MS
