"""Our PC/SC port and driver with the real pcscd, beside pyscard, which looks at the same reader."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Heard, Note
from drivers.cardreader.pcsc.atr import storage_card_atr
from drivers.cardreader.pcsc.protocol import PcscDecoder, PcscOptions
from drivers.errors import PortGone
from drivers.ports import Port, open_port
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown
from tests.interop.cardreader.vpcd import LIBRARY, READER, SOCKET, Pcscd

pytestmark = pytest.mark.xdist_group("pcscd")  # its socket has a fixed place

CARD, OTHER = "04A1B2C3D4E580", "0458915A2C4D80"
ULTRALIGHT = storage_card_atr(0x0003)
WITHIN_S = 10
PYSCARD = """
import json, sys
from smartcard.System import readers
reader = next(each for each in readers() if str(each) == sys.argv[1])
connection = reader.createConnection()
connection.connect()
data, sw1, sw2 = connection.transmit([0xFF, 0xCA, 0, 0, 0])
print(json.dumps([bytes(data).hex().upper(), bytes(connection.getATR()).hex(), sw1, sw2]))
"""


class Counter:
    """Our reader at work: what it has said."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.notes: list[Note] = []

    async def hear(self, heard: list[Heard]) -> None:
        for one in heard:
            if isinstance(one.what, Note):
                self.notes.append(one.what)
            if isinstance(one.what, CardShown | CardRefused) or one.what.type == "removed":
                self.heard.put_nowait(one.what)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.heard.get(), WITHIN_S)

    async def shown(self) -> str:
        """The next card, whatever came between."""
        while not isinstance(what := await self.next(), CardShown):
            continue
        assert what.technology == "iso14443"
        return what.number


@pytest.fixture
async def pcscd(needs: Callable[[str, str], Path], tmp_path: Path) -> AsyncIterator[Pcscd]:
    program = needs("pcscd", "pcscd")
    if not LIBRARY.exists():
        pytest.skip("vpcd is missing: sudo apt-get install vsmartcard-vpcd")
    if os.geteuid() != 0:
        pytest.skip("pcscd is started by root only: sudo ./run test tests/interop/cardreader")
    if Pcscd.runs_already():
        pytest.skip(f"this machine's own pcscd has {SOCKET}: sudo systemctl stop pcscd.socket pcscd")
    service = Pcscd(program, tmp_path / "readers")
    await service.start()
    yield service
    await service.stop()


def _python_with_pyscard() -> str:
    """Ours, or Debian's: on PyPI it is source, which wants a compiler and swig."""
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError):
            if not subprocess.run(
                [python, "-c", "import smartcard"], capture_output=True, check=False
            ).returncode:
                return python
    pytest.skip("pyscard is missing: sudo apt-get install python3-pyscard")


@asynccontextmanager
async def counter() -> AsyncIterator[Counter]:
    """As the supervisor does it: opened again, with a decoder of its own, whenever the port is gone."""
    said = Counter()

    async def keep() -> None:
        while True:
            with suppress(PortGone):
                port = await open_port(f"pcsc:{READER}", clock=SystemClock())
                try:
                    await pump(PcscDecoder(PcscOptions()), port, SystemClock(), said.hear)
                finally:
                    await port.close()
            await asyncio.sleep(0.05)

    keeping = asyncio.create_task(keep())
    try:
        yield said
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_cards_come_and_go(pcscd: Pcscd) -> None:
    async with counter() as said:
        for uid in (CARD, OTHER):
            async with pcscd.lay(uid, ULTRALIGHT):
                assert await said.next() == CardShown(uid, "iso14443")
            assert await said.next() == Note("removed", {"error": "removed"})
        atr = next(note for note in said.notes if note.type == "atr")
        assert atr.fields["card_name"] == "0003 MIFARE Ultralight"


async def test_pyscard_says_the_same_of_the_card_on_the_same_reader(pcscd: Pcscd) -> None:
    python = _python_with_pyscard()
    async with counter() as said, pcscd.lay(CARD, ULTRALIGHT):
        assert await said.shown() == CARD
        other = await asyncio.create_subprocess_exec(
            python, "-c", PYSCARD, READER, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await asyncio.wait_for(other.communicate(), WITHIN_S)
        assert json.loads(told) == [CARD, ULTRALIGHT.hex(), 0x90, 0x00]
        assert said.heard.empty()  # the card is still the same to us


async def test_a_card_without_a_uid_is_refused(pcscd: Pcscd) -> None:
    async with counter() as said:
        card = pcscd.lay(CARD, ULTRALIGHT)
        card.answers.clear()
        async with card:
            assert isinstance(await said.next(), CardRefused)


async def test_a_card_snatched_away_at_every_step_is_no_other_and_no_end(pcscd: Pcscd) -> None:
    async with counter() as said:
        async with pcscd.lay(CARD, ULTRALIGHT) as card:
            assert await said.shown() == CARD
            steps = next(n for n, message in enumerate(card.messages, 1) if len(message) > 1)
        await said.next()
        for step in range(1, steps + 1):
            async with pcscd.lay(CARD, ULTRALIGHT, messages_max=step) as card:
                await asyncio.wait_for(card.gone.wait(), WITHIN_S)
        async with pcscd.lay(OTHER, ULTRALIGHT):
            number = await said.shown()
            while number == CARD:  # one that was asked before it was snatched away
                number = await said.shown()
            assert number == OTHER


async def read_on(port: Port) -> None:
    """Until it is gone: it may have a word of the card before."""
    while True:
        await port.read()


@pytest.mark.parametrize("kill", [False, True])
async def test_a_service_that_goes_is_a_port_gone_and_is_found_again(pcscd: Pcscd, kill: bool) -> None:
    async with counter() as said:
        async with pcscd.lay(CARD, ULTRALIGHT):
            assert await said.shown() == CARD
        port = await open_port(f"pcsc:{READER}", clock=SystemClock())
        await pcscd.stop(kill=kill)
        with pytest.raises(PortGone):
            await asyncio.wait_for(read_on(port), WITHIN_S)
        await port.close()
        with pytest.raises(PortGone, match="pcscd installed and running"):
            await open_port(f"pcsc:{READER}", clock=SystemClock())
        await pcscd.start()
        async with pcscd.lay(OTHER, ULTRALIGHT):
            assert await said.shown() == OTHER
