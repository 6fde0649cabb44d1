"""A window on a stream of bytes: the part not yet understood, and where in the stream it stands."""

from __future__ import annotations


class Window:
    """Bytes waiting for their frame to be complete. Whoever searches it forgets what it has understood.

    The window itself has no limit; every decoder calls `keep_last` at the end of `feed`, so that what stays
    between two chunks is bounded by the longest frame of its device.
    """

    __slots__ = ("bytes", "start")

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.start = 0  # where in the stream bytes[0] stands

    def add(self, chunk: bytes) -> None:
        self.bytes += chunk

    def forget(self, count: int) -> None:
        """The first `count` bytes are understood, or junk."""
        del self.bytes[:count]
        self.start += count

    def keep_last(self, count: int) -> None:
        """Forget all but the last `count` bytes."""
        if len(self.bytes) > count:
            self.forget(len(self.bytes) - count)

    def __len__(self) -> int:
        return len(self.bytes)
