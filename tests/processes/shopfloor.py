"""A shop that never stops: a door and a card reader on pseudo-terminals, a till's receipts on TCP.

The wires are the test's, so they outlive every agent that reads them. What is said while nobody listens is
lost, as it is in a shop; what counts is what the agent has put on its disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from demo.programs import free_port
from drivers.cardreader.rdm6300.protocol import encode_frame
from drivers.cardreader.rdm6300.simulator import SOME_CARDS
from drivers.counter.beam.protocol import Edge, encode_edges
from drivers.ports.pseudo import PtyPort
from drivers.registry import driver

PEOPLE_PER_S = 200
RECEIPTS_PER_S = 25
SWIPES_PER_S = 5
BEAT_S = 0.05
PARKED = 32  # pseudo-terminals
STEP_MS = 60  # from one edge of a passage to the next; the beams' debouncing is 20 ms


class Shopfloor:
    """Three devices. `run` plays them until cancelled."""

    def __init__(self, folder: Path, chance: random.Random, *, busy: float = 1.0) -> None:
        """`busy` 2 doubles the visitors, receipts and swipes."""
        self._folder, self._chance, self._busy = folder, chance, busy
        self.port = free_port()
        self.open = True  # False: nobody comes; the devices stay plugged in
        self._t_ms = 0
        self._tills: set[asyncio.StreamWriter] = set()

    @property
    def devices(self) -> str:
        """The devices in the edge's settings."""
        return (
            "devices:\n"
            f"  - {{name: door, driver: counter.beam, port: 'serial://{self._folder}/door'}}\n"
            f"  - {{name: reader, driver: cardreader.rdm6300, port: 'serial://{self._folder}/reader'}}\n"
            f"  - {{name: receipts, driver: pos.escpos_tap, port: 'tcp://127.0.0.1:{self.port}'}}\n"
        )

    async def run(self) -> None:
        server = await asyncio.start_server(self._till, "127.0.0.1", self.port)
        # A link left by a shop that was killed names a low number, and an agent that still follows it would
        # take our line: leave it those.
        parked = [fd for _ in range(PARKED) for fd in os.openpty()]
        door, reader = PtyPort(self._folder / "door"), PtyPort(self._folder / "reader")
        listening = [asyncio.create_task(_hear(port)) for port in (door, reader)]
        receipts = self._receipts()
        try:
            while True:
                await asyncio.sleep(BEAT_S)
                for port in (door, reader):
                    # An agent that was killed could not give the line up, and here it is never hung up.
                    fcntl.ioctl(port._slave, termios.TIOCNXCL)
                if not self.open:
                    continue
                with suppress(BlockingIOError):  # nobody reads: the line keeps a little, no more
                    door.say(b"".join(self._visitor() for _ in range(self._how_many(PEOPLE_PER_S))))
                with suppress(BlockingIOError):
                    reader.say(b"".join(self._card() for _ in range(self._how_many(SWIPES_PER_S))))
                paper = b"".join(next(receipts) for _ in range(self._how_many(RECEIPTS_PER_S)))
                for till in self._tills:
                    if till.transport.get_write_buffer_size() < 1_000_000:
                        till.write(paper)
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
            await door.close()
            await reader.close()
            for fd in parked:
                os.close(fd)
            server.close()
            for till in self._tills:
                till.transport.abort()

    async def _till(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tills.add(writer)
        with suppress(OSError):
            while await reader.read(1024):
                pass
        self._tills.discard(writer)
        writer.close()

    def _how_many(self, per_s: float) -> int:
        whole, rest = divmod(per_s * self._busy * BEAT_S, 1)
        return int(whole) + (self._chance.random() < rest)

    def _visitor(self) -> bytes:
        first, last = self._chance.choice(("AB", "BA"))
        steps = ((first, True), (last, True), (first, False), (last, False))
        edges = [Edge(self._t_ms + STEP_MS * n, beam, broken) for n, (beam, broken) in enumerate(steps)]
        self._t_ms += STEP_MS * len(steps)
        return encode_edges(edges)

    def _receipts(self) -> Iterator[bytes]:
        kind = driver("pos.escpos_tap")
        return (scene.chunk for scene in kind.simulate(kind.options(), self._chance))

    def _card(self) -> bytes:
        return encode_frame(self._chance.choice(SOME_CARDS)) * 2  # the driver believes two equal frames


async def _hear(port: PtyPort) -> None:
    while True:
        await port.read()
