"""Between a till and its printer: both ways, while we are slow, after we failed, and when a line vanishes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Note
from drivers.errors import BadPort, PortGone
from drivers.ports import inline, open_port
from drivers.ports.inline import InlinePort, sides
from drivers.ports.pseudo import PtyPort
from drivers.pos.escpos_tap import DRIVER
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.events import SaleCompleted

CLOCK = SystemClock()
open_here = partial(open_port, clock=CLOCK)
WITHIN_S = 10
RECEIPT = b"\x1b@Milk 1L          1.20\nTOTAL            1.20\n\n\x1dV\x00"


async def read_all(port: Any, count: int) -> bytes:
    said = b""
    async with asyncio.timeout(WITHIN_S):
        while len(said) < count:
            said += await port.read()
    return said


class Counter:
    """A till, its printer, and the URL of us in between."""

    def __init__(self, folder: Path) -> None:
        self.till, self.printer = PtyPort(folder / "till"), PtyPort(folder / "printer")
        self.url = f"inline:serial://{folder / 'till'},serial://{folder / 'printer'}?baud=38400"

    async def open(self) -> InlinePort:
        port = await open_here(self.url)
        assert isinstance(port, InlinePort)
        return port


@pytest.fixture
async def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter]:
    monkeypatch.setattr(inline, "LINGER_S", 0.05)
    made = Counter(tmp_path)
    yield made
    await made.till.close()
    await made.printer.close()
    async with asyncio.timeout(WITHIN_S):
        while inline._left_open(asyncio.get_running_loop()):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)


async def test_the_printer_prints_the_till_hears_its_answer_and_so_do_we_hear_the_till(
    counter: Counter,
) -> None:
    port = await counter.open()
    await counter.till.write(b"\x10\x04\x01" + RECEIPT)
    assert await read_all(counter.printer, len(RECEIPT) + 3) == b"\x10\x04\x01" + RECEIPT
    await counter.printer.write(b"\x16")
    assert await read_all(counter.till, 1) == b"\x16"
    assert await read_all(port, len(RECEIPT) + 3) == b"\x10\x04\x01" + RECEIPT
    await port.close()


async def test_nothing_is_lost_while_nobody_listens(counter: Counter) -> None:
    port = await counter.open()
    report = bytes(range(256)) * 400  # 100 kB, far more than a line's own buffer holds
    writing = asyncio.create_task(counter.till.write(report))
    assert await read_all(counter.printer, len(report)) == report
    await writing
    assert await read_all(port, len(report)) == report
    assert port.forgotten_bytes == 0
    await port.close()


async def test_what_nobody_fetches_is_forgotten_by_us_alone(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline, "KEPT_BYTES", 4096)
    port = await counter.open()
    writing = asyncio.create_task(counter.till.write(bytes(50_000)))
    assert len(await read_all(counter.printer, 50_000)) == 50_000
    await writing
    assert port.forgotten_bytes >= 50_000 - 4096
    await port.close()


async def test_a_printer_without_paper_is_waited_for(counter: Counter) -> None:
    port = await counter.open()
    report = bytes(60_000)
    writing = asyncio.create_task(counter.till.write(report))  # the printer takes nothing: its buffer is full
    await asyncio.sleep(0.2)
    assert not writing.done()
    assert await read_all(counter.printer, len(report)) == report
    await writing
    await port.close()


async def test_what_a_decoder_writes_goes_to_the_device_alone(counter: Counter) -> None:
    port = await counter.open()
    await port.write(b"\x0cours")
    assert await read_all(counter.printer, 5) == b"\x0cours"
    await counter.printer.write(b"!")
    assert await read_all(counter.till, 1) == b"!"
    await port.close()


async def test_a_receipt_is_printed_to_its_end_after_our_program_has_failed(counter: Counter) -> None:
    class Failing(DRIVER.decoder):  # type: ignore[name-defined, misc]
        def feed(self, chunk: bytes, now_ms: int) -> Any:
            raise RuntimeError("a driver of somebody else's")

    async def hear(_: Any) -> None:
        return None

    port = await counter.open()
    await counter.till.write(RECEIPT[:10])
    with pytest.raises(RuntimeError):
        await pump(Failing(DRIVER.options()), port, CLOCK, hear)
    await port.close()
    await counter.till.write(RECEIPT[10:])
    assert await read_all(counter.printer, len(RECEIPT)) == RECEIPT


async def test_opened_again_in_time_it_goes_on_with_what_was_said_meanwhile(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline, "LINGER_S", 60.0)
    first = await counter.open()
    await first.close()
    await counter.till.write(RECEIPT)
    assert await read_all(counter.printer, len(RECEIPT)) == RECEIPT
    again = await counter.open()
    assert await read_all(again, len(RECEIPT)) == RECEIPT
    await counter.till.close()  # the line vanishes, so that this test leaves nothing behind
    with pytest.raises(PortGone):
        await read_all(again, 1)
    await again.close()


async def test_nobody_opens_it_again_and_both_lines_are_free(counter: Counter) -> None:
    port = await counter.open()
    await port.close()
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                line = await open_here(f"serial://{counter.till.name}")
            except PortGone:
                await asyncio.sleep(0.02)
            else:
                break
    await line.close()


@pytest.mark.parametrize("vanishes", ["till", "printer"])
async def test_a_line_that_vanishes_ends_the_port_when_all_was_heard(counter: Counter, vanishes: str) -> None:
    port = await counter.open()
    await counter.till.write(RECEIPT)
    assert await read_all(counter.printer, len(RECEIPT)) == RECEIPT
    await getattr(counter, vanishes).close()
    assert await read_all(port, len(RECEIPT)) == RECEIPT
    with pytest.raises(PortGone):
        await read_all(port, 1)
    with pytest.raises(PortGone):
        await port.write(b"x")
    await port.close()


async def test_the_tap_makes_a_sale_of_what_passes(counter: Counter) -> None:
    port = await counter.open()
    heard: list[Any] = []
    sold = asyncio.Event()

    async def hear(said: Any) -> None:
        heard.extend(each.what for each in said)
        if any(isinstance(what, SaleCompleted) for what in heard):
            sold.set()

    pumping = asyncio.create_task(pump(DRIVER.decoder(DRIVER.options()), port, CLOCK, hear))
    await counter.till.write(RECEIPT)
    assert await read_all(counter.printer, len(RECEIPT)) == RECEIPT
    async with asyncio.timeout(WITHIN_S):
        await sold.wait()
    assert [what.total_minor for what in heard if not isinstance(what, Note)] == [120]
    pumping.cancel()
    await asyncio.gather(pumping, return_exceptions=True)
    await port.close()


async def test_a_printer_that_is_not_there_leaves_the_tills_line_free(tmp_path: Path) -> None:
    till = PtyPort(tmp_path / "till")
    with pytest.raises(PortGone):
        await open_here(f"inline:serial://{tmp_path / 'till'},serial://{tmp_path / 'nothing'}")
    line = await open_here(f"serial://{tmp_path / 'till'}")
    await line.close()
    await till.close()


@pytest.mark.parametrize(
    "url", ["inline:serial:///dev/a", "inline:serial:///a,gpio:17", "inline:a,b", "inline:"]
)
async def test_anything_but_two_lines_is_refused(url: str) -> None:
    with pytest.raises(BadPort):
        await open_here(url)


def test_both_lines_get_the_parameters() -> None:
    from drivers.ports import check_port

    url = check_port("inline:serial:///dev/a,tcp://192.0.2.9:9100?baud=38400&flow=rtscts")
    assert sides(url) == ("serial:///dev/a?baud=38400&flow=rtscts", "tcp://192.0.2.9:9100")
