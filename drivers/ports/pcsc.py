"""``pcsc:READER NAME``: a PC/SC reader as lines of JSON; what stands in them is drawn in the driver.

The name may be only what the reader's begins with; ``pcsc:any`` is the first there is. Reads
``{"reader": …, "atr": …}`` and ``{"removed": true}`` as cards come and go; takes ``{"apdu": …}`` and reads
``{"apdu": …, "response": …}`` or ``{"apdu": …, "error": …}`` for each, in their order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from drivers.errors import PortGone
from drivers.ports.base import PortUrl
from drivers.ports.winscard import (
    NO_SERVICE,
    STATE_MUTE,
    STATE_PRESENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    Context,
    ScardError,
)

EXCHANGE_WAIT_S = 10.0  # a card or its reader that answers nothing for so long is stuck
APDU_BYTES_MAX = 65_544
LINES_WAITING_MAX = 256  # nobody reads: the port pushes back
UNRESPONSIVE = 0x80100066
T = TypeVar("T")


class PcscPort:
    """One thread waits for cards, another talks to the one that is there; each has its context of pcscd."""

    def __init__(self, reader: str, watching: Context, talking: Context) -> None:
        self.name = f"pcsc:{reader}"
        self._reader = reader
        self._watching, self._talking = watching, talking
        self._watch_thread, self._talk_thread = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._lines: asyncio.Queue[bytes | PortGone] = asyncio.Queue(LINES_WAITING_MAX)
        self._closed = False
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    async def read(self) -> bytes:
        line = self._gone("closed") if self._closed else await self._lines.get()
        if isinstance(line, PortGone):
            raise line
        return line

    async def write(self, chunk: bytes) -> None:
        for line in chunk.splitlines():
            if (apdu := _apdu_of(line)) is None:
                continue
            try:
                async with asyncio.timeout(EXCHANGE_WAIT_S):
                    answer = await _on(self._talk_thread, partial(self._exchange, apdu))
                    await self._say({"apdu": apdu.hex().upper()} | answer)
            except TimeoutError:
                raise self._gone(f"the card answered nothing for {EXCHANGE_WAIT_S:g} s") from None

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        with contextlib.suppress(asyncio.QueueFull):
            self._lines.put_nowait(self._gone("closed"))
        # A call that is stuck in pcscd must not hold up the house: its thread is left to it.
        self._talk_thread.submit(self._watching.cancel)
        for thread, context in ((self._watch_thread, self._watching), (self._talk_thread, self._talking)):
            thread.submit(context.release)
            thread.shutdown(wait=False)

    async def _watch(self) -> None:
        known, there = 0, False
        while True:
            try:
                state, atr = await _on(self._watch_thread, partial(self._watching.wait, self._reader, known))
            except ScardError as error:
                await self._lines.put(self._gone(str(error)))
                return
            if state & (STATE_UNKNOWN | STATE_UNAVAILABLE):
                await self._lines.put(self._gone("the reader is not there"))
                return
            another = there and (state ^ known) >> 16 != 0  # taken away and put back between two looks
            here = bool(state & STATE_PRESENT)
            if there and (another or not here):
                await self._say({"removed": True})
            if here and (another or not there):
                mute = {"apdu": "", "error": f"{UNRESPONSIVE:08X}"}
                await self._say(
                    mute if state & STATE_MUTE else {"reader": self._reader, "atr": atr.hex().upper()}
                )
            known, there = state, here

    def _exchange(self, apdu: bytes) -> dict[str, str]:
        # Connected for each exchange: between two the reader is free for others, and a card that was taken
        # away leaves nothing to tidy up.
        try:
            card = self._talking.connect(self._reader)
            try:
                return {"response": card.transmit(apdu).hex().upper()}
            finally:
                card.disconnect()
        except ScardError as error:
            return {"error": f"{error.code:08X}"}

    async def _say(self, said: dict[str, Any]) -> None:
        await self._lines.put(json.dumps(said).encode() + b"\n")

    def _gone(self, why: str) -> PortGone:
        return PortGone(f"{self.name}: {why}")


async def _on(thread: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, call)


async def open_pcsc(url: PortUrl, *, connect: Callable[[], Context] = Context) -> PcscPort:
    """Raises BadPort when several readers are meant, PortGone when there is none, no pcscd, or no library."""
    url.only()
    try:
        return await _open(url, connect)
    except OSError as error:
        raise PortGone(f"{url.text}: {error}; apt-get install pcscd") from error
    except ScardError as error:
        hint = "; is pcscd installed and running?" if error.code == NO_SERVICE else ""
        raise PortGone(f"{url.text}: {error}{hint}") from error


async def _open(url: PortUrl, connect: Callable[[], Context]) -> PcscPort:
    contexts: list[Context] = []
    try:
        while len(contexts) < 2:
            contexts.append(await asyncio.to_thread(connect))
        watching, talking = contexts
        return PcscPort(_chosen(url, await asyncio.to_thread(watching.readers)), watching, talking)
    except BaseException:
        for context in contexts:
            context.release()
        raise


def _chosen(url: PortUrl, readers: list[str]) -> str:
    wanted = url.place.removeprefix("//")
    if wanted == "any" and readers:
        return readers[0]
    if wanted in readers:
        return wanted
    meant = [reader for reader in readers if reader.casefold().startswith(wanted.casefold())]
    if len(meant) == 1:
        return meant[0]
    there = f"there are {', '.join(readers)}" if readers else "there is none"
    if meant:
        raise url.wrong("several readers are called so: {names}", names=", ".join(meant))
    raise PortGone(f"{url.text}: no such reader; {there}")


def _apdu_of(line: bytes) -> bytes | None:
    """None when the line asks for nothing that could be an APDU."""
    try:
        apdu = bytes.fromhex(json.loads(line)["apdu"])
    except (ValueError, KeyError, TypeError):
        return None
    return apdu if 4 <= len(apdu) <= APDU_BYTES_MAX else None
