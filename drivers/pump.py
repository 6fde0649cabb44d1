"""One pump serves every device: bytes from its port into its decoder, what was heard to whoever listens."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable
from typing import Any

from drivers.base import Decoder, Heard, Holding
from drivers.errors import PortGone
from drivers.ports.base import Port
from sync.contract.clock import Clock

Hear = Callable[[list[Heard]], Awaitable[None]]

LAST_WORDS_MS = 1000  # a gap that was to end within this time ends when the port goes
LAST_WAKES_MAX = 16
SHORTEST_WAIT_S = 0.001  # clocks count whole milliseconds; a shorter wait would spin


async def pump(
    decoder: Decoder, port: Port, clock: Clock, hear: Hear, stirred: asyncio.Event | None = None
) -> None:
    """Run until the port is gone, and raise its PortGone. The port is not closed here.

    While `hear` takes its time nothing is read, so the port's own buffer fills and pushes back. Who tells
    the decoder something while nothing is heard (a card that was awaited, a display's news) sets `stirred`.
    What a decoder is still adding up is heard before this ends, also when it is cancelled.
    """
    reading: asyncio.Task[bytes] | None = None
    stirring = asyncio.create_task(stirred.wait(), name=f"stir {port.name}") if stirred else None
    try:
        while True:
            reading = reading or asyncio.create_task(port.read(), name=f"read {port.name}")
            awaited: set[asyncio.Task[Any]] = {reading, stirring} if stirring else {reading}
            await asyncio.wait(awaited, timeout=_wait_s(decoder, clock), return_when=FIRST_COMPLETED)
            if stirred and stirring and stirring.done():
                stirred.clear()
                stirring = asyncio.create_task(stirred.wait(), name=f"stir {port.name}")
            if reading.done():
                chunk, reading = reading.result(), None
                heard = decoder.feed(chunk, clock.mono_ms())
            else:
                heard = decoder.wake(clock.mono_ms())
            if heard:
                await hear(heard)
            if replies := decoder.replies():
                await port.write(replies)
    except PortGone:
        if last := _last_words(decoder, clock.mono_ms()) + _held(decoder, clock.mono_ms()):
            await hear(last)
        raise
    except asyncio.CancelledError:
        if held := _held(decoder, clock.mono_ms()):
            await hear(held)
        raise
    finally:
        if stirring is not None:
            stirring.cancel()
        if reading is not None:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, PortGone):
                await reading


def _wait_s(decoder: Decoder, clock: Clock) -> float | None:
    if decoder.wake_at_ms is None:
        return None
    return max(SHORTEST_WAIT_S, (decoder.wake_at_ms - clock.mono_ms()) / 1000)


def _held(decoder: Decoder, now_ms: int) -> list[Heard]:
    return decoder.hand_over(now_ms) if isinstance(decoder, Holding) else []


def _last_words(decoder: Decoder, now_ms: int) -> list[Heard]:
    """What the decoder only waited a moment to be sure of, such as a card without a line end."""
    heard: list[Heard] = []
    for _ in range(LAST_WAKES_MAX):
        if decoder.wake_at_ms is None or decoder.wake_at_ms > now_ms + LAST_WORDS_MS:
            break
        heard += decoder.wake(max(now_ms, decoder.wake_at_ms))
    return heard
