"""What happened in a world, and a broker that notes it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from zlib import crc32

from sync.contract.message import Received, decode_down
from sync.link.base import Message
from sync.link.memory import MemoryBroker, MemoryConnection


class Trace:
    """Everything that happened, as one hash; and the last of it in words, for who looks for a bug."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.messages = 0
        self.lines: list[str] | None = None

    def note(self, *what: object) -> None:
        line = " ".join(map(str, what))
        self._hash.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()[:16]


class TracedBroker(MemoryBroker):
    """A broker that notes what passes, and lets somebody look at every receipt before it goes."""

    def __init__(self, chance: random.Random, trace: Trace, receipt: Callable[[str, Received], None]) -> None:
        super().__init__(chance)
        self._trace, self._receipt = trace, receipt

    def route(self, sender: MemoryConnection, message: Message) -> None:
        now = asyncio.get_running_loop().time()
        self._trace.messages += 1
        self._trace.note(f"{now:.6f}", sender.login, message.topic, crc32(message.payload))
        if sender.login == "centre":
            told = decode_down(message.payload)
            if isinstance(told, Received):
                self._receipt(message.topic.split("/")[2], told)
        super().route(sender, message)
