"""Listening in on a port: if need be first to find out how it is set and what speaks there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import cycle
from typing import Protocol

from drivers.base import Decoder, Heard
from drivers.errors import BadPort, PortEnded
from drivers.ports.base import Port
from drivers.pump import pump
from edge_agent.field.guessing import HEARD_MAX_BYTES, Candidate, Guess, guesses, is_sure
from edge_agent.field.listening import Piece, Seen, WatchedDecoder
from edge_agent.field.suggested import Framing
from sync.contract.clock import Clock

QUIET_MS = 400  # a device that says nothing for so long has ended what it had to say
BURST_MAX_MS = 3_000  # one that goes on for longer has said enough to be judged
Opened = Callable[[Framing | None], AbstractAsyncContextManager[Port]]


@asynccontextmanager
async def opened(opening: Awaitable[Port]) -> AsyncIterator[Port]:
    """The port for as long as the block lasts. Raises BadPort, PortGone."""
    port = await opening
    try:
        yield port
    finally:
        await port.close()


class Progress(Protocol):
    """Whom `find_out` tells how far it is."""

    def waiting(self, framing: Framing | None) -> None:
        """The device should say something now."""
        ...

    def judged(self, framing: Framing | None, size_bytes: int, found: Sequence[Guess]) -> None:
        """So many bytes came at that framing; what they and all before make likely."""
        ...


async def find_out(
    open_as: Opened,
    framings: Sequence[Framing | None],
    among: Sequence[Candidate],
    clock: Clock,
    progress: Progress,
    *,
    began_ms: int,
) -> tuple[Sequence[Guess], bool]:
    """(guesses, the best first; whether the source has ended), after listening at one framing after another.

    Stays at each until something is said, for a wrong speed gives bytes too, only not the right ones. So
    somebody has to make the device speak, again and again. Ends when a guess is sure, or at a source's end.
    Raises PortGone; BadPort when no framing fits the port.
    """
    heard: dict[Framing | None, list[Piece]] = {}
    refused = 0
    for framing in cycle(framings):
        try:
            async with open_as(framing) as port:
                while True:
                    progress.waiting(framing)
                    pieces, ended = await _burst(port, clock, began_ms)
                    heard[framing] = newest([*heard.get(framing, []), *pieces])
                    found = guesses(heard, among)
                    progress.judged(framing, sum(len(piece.chunk) for piece in pieces), found)
                    if ended or is_sure(found):
                        return found, ended
                    if len(framings) > 1:
                        break
        except BadPort:  # a line that cannot be set so
            refused += 1
            if refused >= len(framings):
                raise
    return [], True


async def _burst(port: Port, clock: Clock, began_ms: int) -> tuple[list[Piece], bool]:
    """What is said until the device is quiet again, however long it takes to begin; and whether it ended."""
    pieces: list[Piece] = []
    end_ms = 0
    while not pieces or clock.mono_ms() < end_ms:
        try:
            async with asyncio.timeout(QUIET_MS / 1000 if pieces else None):
                chunk = await port.read()
        except TimeoutError:
            break
        except PortEnded:
            return pieces, True
        end_ms = end_ms or clock.mono_ms() + BURST_MAX_MS
        pieces.append(Piece(clock.mono_ms() - began_ms, chunk))
    return pieces, False


def newest(pieces: list[Piece]) -> list[Piece]:
    """The last HEARD_MAX_BYTES of them: what guesses are made from."""
    size = 0
    kept: list[Piece] = []
    for piece in reversed(pieces):
        size += len(piece.chunk)
        if size > HEARD_MAX_BYTES and kept:
            break
        kept.append(piece)
    return kept[::-1]


async def listen_in(
    port: Port, decoder: Decoder, clock: Clock, show: Callable[[Seen], None], *, began_ms: int, speaks: bool
) -> None:
    """Shows all that comes until a source has said all it has. Raises PortGone when the device goes."""

    async def nobody(heard: list[Heard]) -> None:
        return None

    with suppress(PortEnded):
        await pump(WatchedDecoder(decoder, show, began_ms, speaks=speaks), port, clock, nobody)
