"""Ports, on pseudo-terminals, sockets of this machine, files and gpiozero's mock pins."""

from __future__ import annotations

import asyncio
import io
import random
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from demo.programs import free_port
from drivers.base import Heard, QuietDecoder
from drivers.errors import BadPort, PortEnded, PortGone, PortHeld, PortRested
from drivers.ports import RecordingPort, check_port, open_port
from drivers.pump import pump
from drivers.registry import driver
from drivers.simulated import play_on_pty
from sync.clock import SystemClock
from sync.contract.questions import CardShown

CLOCK = SystemClock()
open_here = partial(open_port, clock=CLOCK)
RDM = driver("cardreader.rdm6300")
WITHIN_S = 5


async def read_all(port: Any, count: int) -> bytes:
    said = b""
    async with asyncio.timeout(WITHIN_S):
        while len(said) < count:
            said += await port.read()
    return said


@pytest.mark.parametrize(
    "url",
    ["", "serial", "seriel:///dev/x", "serial:ttyS0", "serial:///dev/x?baud=fast", "serial:///dev/x?speed=1",
     "serial:///dev/x?bits=9", "tcp://host", "tcp://:x", "udp://1.2.3.4:70000", "sim:many", "gpio:17", "pty:",
     "replay:x?speed=0", "file:?x"],
)  # fmt: skip
async def test_a_url_that_cannot_be_read_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(BadPort, match="Ports look like"):
        await open_here(url)


def test_a_misspelt_kind_says_what_was_meant() -> None:
    with pytest.raises(BadPort, match="did you mean serial"):
        check_port("seriel:///dev/ttyUSB0")


async def test_bytes_go_both_ways_over_a_serial_line(tmp_path: Path) -> None:
    device = await open_here(f"pty:{tmp_path / 'line'}")
    line = await open_here(f"serial://{tmp_path / 'line'}?baud=9600")
    await device.write(b"\x02hello\x03")
    assert await read_all(line, 7) == b"\x02hello\x03"
    await line.write(b"\x06\x00\xff")
    assert await read_all(device, 3) == b"\x06\x00\xff"
    await line.close()
    await line.close()
    await device.close()
    assert not (tmp_path / "line").is_symlink()


async def test_a_serial_line_has_one_holder(tmp_path: Path) -> None:
    device = await open_here(f"pty:{tmp_path / 'line'}")
    line = await open_here(f"serial://{tmp_path / 'line'}")
    with pytest.raises(PortHeld):
        await open_here(f"serial://{tmp_path / 'line'}")
    await line.close()
    again = await open_here(f"serial://{tmp_path / 'line'}")
    await again.close()
    await device.close()


async def test_an_unplugged_line_is_gone_while_it_is_read(tmp_path: Path) -> None:
    device = await open_here(f"pty:{tmp_path / 'line'}")
    line = await open_here(f"serial://{tmp_path / 'line'}")
    reading = asyncio.create_task(line.read())
    await asyncio.sleep(0)
    await device.close()
    with pytest.raises(PortGone):
        await asyncio.wait_for(reading, WITHIN_S)
    with pytest.raises(PortGone):
        await line.write(b"x")
    await line.close()


async def test_a_line_that_is_not_there_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PortGone, match="No such file"):
        await open_here(f"serial://{tmp_path / 'nothing'}")


async def test_a_file_is_no_serial_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PortGone):
        await open_here(f"serial://{tmp_path / 'file'}")


async def test_seven_bits_on_a_pseudo_terminal_say_why_not(tmp_path: Path) -> None:
    device = await open_here(f"pty:{tmp_path / 'line'}")
    with pytest.raises(BadPort, match="does not take 7E1"):
        await open_here(f"serial://{tmp_path / 'line'}?bits=7&parity=E")
    await device.close()


async def test_closing_ends_a_read_that_waits(tmp_path: Path) -> None:
    device = await open_here(f"pty:{tmp_path / 'line'}")
    reading = asyncio.create_task(device.read())
    await asyncio.sleep(0)
    await device.close()
    with pytest.raises(PortGone):
        await asyncio.wait_for(reading, WITHIN_S)


async def test_tcp_listens_dials_and_hangs_up() -> None:
    listening = await open_here("tcp-listen://127.0.0.1:0")
    dialled = await open_here(f"tcp://127.0.0.1:{listening.address[1]}")  # type: ignore[attr-defined]
    await dialled.write(b"A1\n")
    assert await read_all(listening, 3) == b"A1\n"
    await listening.write(b"ok")
    assert await read_all(dialled, 2) == b"ok"
    await dialled.close()
    with pytest.raises(PortGone, match="hung up"):
        await asyncio.wait_for(listening.read(), WITHIN_S)
    await listening.close()


async def test_nobody_at_a_tcp_address_is_gone() -> None:
    listening = await open_here("tcp-listen://127.0.0.1:0")
    number = listening.address[1]  # type: ignore[attr-defined]
    with pytest.raises(PortHeld):
        await open_here(f"tcp-listen://127.0.0.1:{number}")
    await listening.close()
    with pytest.raises(PortGone):
        await open_here(f"tcp://127.0.0.1:{number}")


@pytest.mark.parametrize("kind", ["tcp-listen", "http-listen"])
@pytest.mark.parametrize("steps", range(12))
async def test_who_gives_up_while_a_port_opens_leaves_nobody_listening(kind: str, steps: int) -> None:
    number = free_port()
    opening = asyncio.create_task(open_here(f"{kind}://127.0.0.1:{number}"))
    for _ in range(steps):
        await asyncio.sleep(0)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await (await opening).close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)


async def test_udp_hears_datagrams_and_answers_the_last_one() -> None:
    port = await open_here("udp://127.0.0.1:0")
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    class Device(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            answers.put_nowait(data)

    address = port.address
    wire, _ = await loop.create_datagram_endpoint(Device, remote_addr=address)
    wire.sendto(b"B1\n")
    assert await asyncio.wait_for(port.read(), WITHIN_S) == b"B1\n"
    await port.write(b"ok")
    assert await asyncio.wait_for(answers.get(), WITHIN_S) == b"ok"
    wire.close()
    await port.close()
    with pytest.raises(PortGone):
        await port.read()


async def test_a_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "job").write_bytes(b"x" * 40_000)
    port = await open_here(f"file:{tmp_path / 'job'}")
    assert len(await read_all(port, 40_000)) == 40_000
    with pytest.raises(PortEnded, match="at its end"):
        await port.read()
    await port.close()


async def test_a_recording_plays_back_what_was_read(tmp_path: Path) -> None:
    recording = io.BytesIO()
    reader = await open_here("sim:42?speed=100000", scenes=partial(RDM.simulate, RDM.options()))
    played = RecordingPort(reader, recording, CLOCK)
    said = [await played.read() for _ in range(20)]
    await played.close()
    (tmp_path / "morning.jsonl").write_bytes(recording.getvalue())
    replay = await open_here(f"replay:{tmp_path / 'morning.jsonl'}?speed=1000")
    assert [await replay.read() for _ in range(20)] == said
    with pytest.raises(PortEnded, match="at its end"):
        await replay.read()
    await replay.close()


async def test_a_broken_recording_says_the_line(tmp_path: Path) -> None:
    (tmp_path / "r").write_text('{"t_ms":0,"hex":"00"}\n{"t_ms":"no"}\n')
    replay = await open_here(f"replay:{tmp_path / 'r'}")
    assert await replay.read() == b"\x00"
    with pytest.raises(PortGone, match="line 2"):
        await replay.read()
    await replay.close()


async def test_one_seed_gives_one_row_of_scenes() -> None:
    ports = [await open_here("sim:7?speed=100000", scenes=partial(RDM.simulate, RDM.options())) for _ in "ab"]
    first, again = [[await port.read() for _ in range(30)] for port in ports]
    assert first == again


@pytest.mark.filterwarnings("ignore:Falling back")
async def test_pins_speak_as_lines_of_text() -> None:
    gpiozero = pytest.importorskip("gpiozero")
    from gpiozero.pins.mock import MockFactory

    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    try:
        port = await open_here("gpio:A=17,B=27")
        with pytest.raises(PortHeld):
            await open_here("gpio:A=17")
        pin = gpiozero.Device.pin_factory.pin(17)
        pin.drive_high()
        line = (await asyncio.wait_for(port.read(), WITHIN_S)).split()
        assert line[1:] == [b"A", b"1"]
        pin.drive_low()
        assert (await asyncio.wait_for(port.read(), WITHIN_S)).split()[1:] == [b"A", b"0"]
        await port.close()
        with pytest.raises(PortGone):
            await port.read()
    finally:
        gpiozero.Device.pin_factory.reset()
        gpiozero.Device.pin_factory = before


async def test_pins_without_gpiozero_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(PortGone, match="pip install"):
        await open_here("gpio:A=17")


async def test_a_simulated_reader_on_a_real_line_is_heard_through_the_pump(tmp_path: Path) -> None:
    link = tmp_path / "reader"
    scenes = RDM.simulate(RDM.options(), random.Random(1))
    playing = asyncio.create_task(play_on_pty(scenes, link, CLOCK, speed=50))
    async with asyncio.timeout(WITHIN_S):
        while not link.is_symlink():
            await asyncio.sleep(0.005)
    line = await open_here(f"serial://{link}", defaults=RDM.port_defaults)
    shown: asyncio.Queue[CardShown] = asyncio.Queue()

    async def hear(heard: list[Heard]) -> None:
        for one in heard:
            if isinstance(one.what, CardShown):
                shown.put_nowait(one.what)

    pumping = asyncio.create_task(pump(RDM.decoder(RDM.options()), line, CLOCK, hear))
    assert (await asyncio.wait_for(shown.get(), WITHIN_S)).technology == "rfid125"
    playing.cancel()
    with pytest.raises(PortGone):
        await asyncio.wait_for(pumping, WITHIN_S)
    await line.close()


async def test_the_pump_wakes_a_decoder_that_waits_for_silence(tmp_path: Path) -> None:
    stripe = driver("cardreader.magstripe")
    device = await open_here(f"pty:{tmp_path / 'line'}")
    line = await open_here(f"serial://{tmp_path / 'line'}")
    said: asyncio.Queue[list[Heard]] = asyncio.Queue()
    pumping = asyncio.create_task(pump(stripe.decoder(stripe.options(idle_ms=20)), line, CLOCK, said.put))
    await device.write(b";0004048712?")
    heard = await asyncio.wait_for(said.get(), WITHIN_S)
    assert CardShown("0004048712", "magstripe") in [one.what for one in heard]
    pumping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pumping
    await line.close()
    await device.close()


async def test_what_a_gap_was_to_end_is_said_before_the_port_goes(tmp_path: Path) -> None:
    stripe = driver("cardreader.magstripe")
    (tmp_path / "swipe").write_bytes(b";0004048712?")
    said: list[Heard] = []

    async def hear(heard: list[Heard]) -> None:
        said.extend(heard)

    port = await open_here(f"file:{tmp_path / 'swipe'}")
    with pytest.raises(PortGone):
        await pump(stripe.decoder(stripe.options()), port, CLOCK, hear)
    assert CardShown("0004048712", "magstripe") in [one.what for one in said]
    await port.close()


class Awaiting(QuietDecoder):
    """Asks nothing, and says a word when it was told one."""

    def __init__(self) -> None:
        self.words = b""

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        return []

    def replies(self) -> bytes:
        words, self.words = self.words, b""
        return words


async def test_the_pump_writes_what_a_decoder_says_though_nothing_was_heard(tmp_path: Path) -> None:
    device = await open_here(f"pty:{tmp_path / 'line'}")
    line = await open_here(f"serial://{tmp_path / 'line'}")
    decoder, stirred = Awaiting(), asyncio.Event()

    async def hear(heard: list[Heard]) -> None:
        raise AssertionError(heard)

    pumping = asyncio.create_task(pump(decoder, line, CLOCK, hear, stirred))
    for word in (b"one", b"two"):
        decoder.words = word
        stirred.set()
        assert await asyncio.wait_for(device.read(), WITHIN_S) == word
    pumping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pumping
    await line.close()
    await device.close()


async def test_a_till_that_hangs_up_leaves_the_port_well() -> None:
    listening = await open_here("tcp-listen://127.0.0.1:0")
    _, writer = await asyncio.open_connection(*listening.address)  # type: ignore[attr-defined]
    writer.write(b"x")
    assert await asyncio.wait_for(listening.read(), WITHIN_S) == b"x"
    writer.close()
    with pytest.raises(PortRested):
        await asyncio.wait_for(listening.read(), WITHIN_S)
    await listening.close()
