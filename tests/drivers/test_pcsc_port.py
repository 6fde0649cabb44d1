"""The port of PC/SC readers, with a service that a test plays; tests/interop has the real one."""

from __future__ import annotations

import asyncio
import json
import queue
from typing import Any

import pytest

from drivers.cardreader.pcsc.protocol import PcscDecoder, PcscOptions
from drivers.errors import BadPort, PortGone
from drivers.ports.base import read_url
from drivers.ports.pcsc import PcscPort, open_pcsc
from drivers.ports.winscard import (
    CANCELLED,
    NO_SERVICE,
    STATE_MUTE,
    STATE_PRESENT,
    STATE_UNKNOWN,
    ScardError,
)
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.questions import CardShown

WITHIN_S = 5
EMPTY = 0x0010
ATR = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")
UID = bytes.fromhex("04A1B2C3D4E580")


class Service:
    """pcscd: its readers, and what lies on the one that is watched. Also the contexts and the card."""

    def __init__(self, *readers: str) -> None:
        self.names = list(readers)
        self.answers: dict[bytes, bytes | ScardError] = {bytes.fromhex("FFCA000000"): UID + b"\x90\x00"}
        self.released = 0
        self._states: queue.Queue[tuple[int, bytes] | ScardError] = queue.Queue()
        self._count = 0

    def say(self, state: int, atr: bytes = b"") -> None:
        self._count += 1
        self._states.put((self._count << 16 | state, atr))

    def fail(self, code: int) -> None:
        self._states.put(ScardError(code))

    def readers(self) -> list[str]:
        return self.names

    def wait(self, reader: str, known: int) -> tuple[int, bytes]:
        said = self._states.get(timeout=WITHIN_S)
        if isinstance(said, ScardError):
            raise said
        return said

    def cancel(self) -> None:
        self.fail(CANCELLED)

    def connect(self, reader: str) -> Service:
        return self

    def transmit(self, apdu: bytes) -> bytes:
        answer = self.answers.get(apdu, b"\x6d\x00")
        if isinstance(answer, ScardError):
            raise answer
        return answer

    def disconnect(self) -> None:
        return None

    def release(self) -> None:
        self.released += 1


async def opened(service: Service, name: str = "any") -> PcscPort:
    return await open_pcsc(read_url(f"pcsc:{name}"), connect=lambda: service)  # type: ignore[arg-type,return-value]


async def line(port: PcscPort) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(await asyncio.wait_for(port.read(), WITHIN_S))
    return said


async def test_a_card_comes_is_asked_and_goes() -> None:
    service = Service("ACS ACR122U 00 00")
    port = await opened(service)
    service.say(EMPTY)
    service.say(STATE_PRESENT, ATR)
    assert await line(port) == {"reader": "ACS ACR122U 00 00", "atr": ATR.hex().upper()}
    await port.write(b'{"apdu": "FFCA000000"}\n{"apdu": "00A40400"}\nnonsense\n{"apdu": "zz"}\n')
    assert await line(port) == {"apdu": "FFCA000000", "response": "04A1B2C3D4E5809000"}
    assert await line(port) == {"apdu": "00A40400", "response": "6D00"}
    service.say(EMPTY)
    assert await line(port) == {"removed": True}
    await port.close()
    await port.close()
    with pytest.raises(PortGone, match="closed"):
        await port.read()


async def test_a_card_that_was_exchanged_for_another_in_a_moment_is_two_cards() -> None:
    service = Service("r")
    port = await opened(service)
    service.say(STATE_PRESENT, ATR)
    service.say(STATE_PRESENT, ATR)
    assert [sorted(await line(port)) for _ in range(3)] == [["atr", "reader"], ["removed"], ["atr", "reader"]]
    await port.close()


async def test_a_card_taken_away_while_it_is_asked_is_told_in_pcscs_own_words() -> None:
    service = Service("r")
    service.answers = {bytes.fromhex("FFCA000000"): ScardError(0x80100069)}
    port = await opened(service)
    await port.write(b'{"apdu": "FFCA000000"}\n')
    assert await line(port) == {"apdu": "FFCA000000", "error": "80100069"}
    await port.close()


async def test_a_card_that_says_nothing_is_told() -> None:
    service = Service("r")
    port = await opened(service)
    service.say(STATE_PRESENT | STATE_MUTE)
    assert await line(port) == {"apdu": "", "error": "80100066"}
    await port.close()


@pytest.mark.parametrize("how", ["unplugged", "service stopped"])
async def test_a_reader_that_is_unplugged_is_gone(how: str) -> None:
    service = Service("r")
    port = await opened(service)
    if how == "unplugged":
        service.say(STATE_UNKNOWN)
    else:
        service.fail(0x8010001E)
    with pytest.raises(PortGone):
        await asyncio.wait_for(port.read(), WITHIN_S)
    await port.close()


async def test_a_reader_is_meant_by_what_its_name_begins_with() -> None:
    service = Service("ACS ACR122U 00 00", "ACS ACR1252 01 00", "Identiv 02 00")
    for name, means in (
        ("identiv", "Identiv 02 00"),
        ("any", "ACS ACR122U 00 00"),
        ("ACS ACR122U 00 00",) * 2,
    ):
        port = await opened(service, name)
        assert port.name == f"pcsc:{means}"
        await port.close()
    with pytest.raises(BadPort, match="several"):
        await opened(service, "ACS")
    with pytest.raises(PortGone, match="there are ACS ACR122U 00 00, "):
        await opened(service, "Omnikey")
    with pytest.raises(PortGone, match="there is none"):
        await opened(Service(), "any")


async def test_without_the_service_or_its_library_we_say_what_is_missing() -> None:
    def no_service() -> Any:
        raise ScardError(NO_SERVICE)

    def no_library() -> Any:
        raise OSError("libpcsclite.so.1: cannot open shared object file")

    with pytest.raises(PortGone, match="pcscd installed and running"):
        await open_pcsc(read_url("pcsc:any"), connect=no_service)
    with pytest.raises(PortGone, match="apt-get install pcscd"):
        await open_pcsc(read_url("pcsc:any"), connect=no_library)


async def test_what_was_opened_is_let_go_of() -> None:
    service = Service("r")
    with pytest.raises(PortGone):
        await opened(service, "another")
    assert service.released == 2
    port = await opened(service)
    await port.close()
    async with asyncio.timeout(WITHIN_S):
        while service.released < 4:
            await asyncio.sleep(0.005)


async def test_a_card_is_shown_through_the_pump() -> None:
    service = Service("r")
    port = await opened(service)
    shown: asyncio.Queue[CardShown] = asyncio.Queue()

    async def hear(heard: list[Any]) -> None:
        for one in heard:
            if isinstance(one.what, CardShown):
                shown.put_nowait(one.what)

    pumping = asyncio.create_task(pump(PcscDecoder(PcscOptions()), port, SystemClock(), hear))
    service.say(STATE_PRESENT, ATR)
    assert await asyncio.wait_for(shown.get(), WITHIN_S) == CardShown("04A1B2C3D4E580", "iso14443")
    service.say(EMPTY)
    service.say(STATE_UNKNOWN)
    with pytest.raises(PortGone):
        await asyncio.wait_for(pumping, WITHIN_S)
    await port.close()
