"""The PN532 driver and its chip on a real line that goes, at every step of their talk, and comes back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.base import Heard
from drivers.cardreader.pn532 import DRIVER
from drivers.cardreader.pn532.chip import Chip
from drivers.cardreader.pn532.simulator import card, serve
from drivers.errors import PortGone
from drivers.ports import open_port
from drivers.ports.pseudo import PtyPort
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.questions import CardShown

MEMBER = "04A1B2C3D4E580"
WITHIN_S = 5
CLOCK = SystemClock()


class Store:
    """The device as the supervisor keeps it: opened again whenever its line is gone."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self.shown: asyncio.Queue[str] = asyncio.Queue()

    async def keep(self) -> None:
        options = DRIVER.options(poll_ms=20, ack_ms=50, answer_ms=100)
        while True:
            with suppress(PortGone):
                line = await open_port(f"serial://{self._link}", clock=CLOCK, defaults=DRIVER.port_defaults)
                try:
                    await pump(DRIVER.decoder(options), line, CLOCK, self._hear)
                finally:
                    await line.close()
            await asyncio.sleep(0.01)

    async def _hear(self, heard: list[Heard]) -> None:
        for one in heard:
            if isinstance(one.what, CardShown):
                self.shown.put_nowait(one.what.number)


async def serve_and_cut(chip: Chip, link: Path, answer: int, share: float) -> None:
    """Be the chip until its so-many-th answer, of which only a share is said before the line goes."""
    port = PtyPort(link)
    said = 0
    try:
        while True:
            words = chip.feed(await asyncio.wait_for(port.read(), WITHIN_S))
            said += bool(words)
            if said == answer:
                await port.write(words[: round(len(words) * share)])
                return
            await port.write(words)
    finally:
        await port.close()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_a_line_cut_at_any_step_comes_back_with_the_card_still_known(
    tmp_path: Path, share: float
) -> None:
    link, chip = tmp_path / "reader", Chip()
    chip.hold(card(MEMBER))
    store = Store(link)
    keeping = asyncio.create_task(store.keep())
    for answer in range(1, 8):  # three of setting up, then a card, the field off, the card again …
        await serve_and_cut(chip, link, answer, share)
        while not store.shown.empty():
            assert store.shown.get_nowait() == MEMBER
    port = PtyPort(link)
    serving = asyncio.create_task(serve(chip, port))
    assert await asyncio.wait_for(store.shown.get(), WITHIN_S) == MEMBER
    chip.hold()
    await asyncio.sleep(0.05)
    chip.hold(card("DEADBEEF"))
    assert await asyncio.wait_for(store.shown.get(), WITHIN_S) == "DEADBEEF"
    for task in (keeping, serving):
        task.cancel()
    await asyncio.gather(keeping, serving, return_exceptions=True)
    await port.close()
