"""pyposdisplay and LCDd show; we read what a customer sees. And what we show stands on a display."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Heard, Note
from drivers.errors import PortGone
from drivers.ports import open_port
from drivers.pos.line_display import DRIVER
from drivers.pos.line_display.reading import ScreenReader
from drivers.pump import pump
from sync.clock import SystemClock
from tests.interop.wire import Cut, Wire

HERE = Path(__file__).parent
CLOCK = SystemClock()
WITHIN_S = 20
FIRST = ["Coca Cola x2    7.00", "TOTAL           7.00"]
SECOND = ["Bread           2.35", "TOTAL           9.35"]


class Tap:
    """The box's end of a display's line: every screen as a customer saw it."""

    def __init__(self) -> None:
        self.screens: list[list[str]] = []
        self.news = asyncio.Event()
        self.listens = asyncio.Event()

    async def hear(self, heard: list[Heard]) -> None:
        for each in heard:
            if isinstance(each.what, Note) and each.what.type == "screen":
                self.screens.append([line.rstrip() for line in each.what.fields["screen"]])
        self.news.set()

    async def sees(self, lines: list[str]) -> None:
        """Waits until it has."""
        async with asyncio.timeout(WITHIN_S):
            while lines not in self.screens:
                self.news.clear()
                await self.news.wait()

    async def listen(self, wire: Wire) -> None:
        decoder = DRIVER.decoder(DRIVER.options(show=False))
        port = await open_port(wire.box, clock=CLOCK)
        self.listens.set()
        try:
            await pump(decoder, port, CLOCK, self.hear)
        except PortGone:
            pass
        finally:
            await port.close()


@asynccontextmanager
async def tapped(wire: Wire) -> AsyncIterator[Tap]:
    tap = Tap()
    task = asyncio.create_task(tap.listen(wire))
    try:
        await asyncio.wait_for(tap.listens.wait(), WITHIN_S)
        yield tap
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def till(start_peer: Any) -> Any:
    pytest.importorskip("pyposdisplay", reason="pip install pyposdisplay==0.0.8")
    return await start_peer([sys.executable, HERE / "display_till.py"])


async def test_pyposdisplay(till: Any, make_wire: Callable[[], Wire]) -> None:
    wire = make_wire()
    async with tapped(wire) as tap:
        assert await till.ask("show", path=str(wire.till), lines=FIRST) is True
        await tap.sees(FIRST)
        assert await till.ask("show", path=str(wire.till), lines=SECOND) is True
        await tap.sees(SECOND)
    assert tap.screens == [FIRST, SECOND]


@pytest.mark.parametrize("place", [1, 3, 4, 12, 24, 25, 26, 27, 28, 40])
async def test_pyposdisplay_on_a_line_that_is_cut(
    till: Any, make_wire: Callable[[], Wire], place: int
) -> None:
    """What stands there is what arrived; shown again, it is right, and nothing of before is left."""
    wire = make_wire()
    wire.cut_at(Cut("till", place))
    async with tapped(wire) as tap:
        await till.ask("show", path=str(wire.till), lines=FIRST)
        async with asyncio.timeout(WITHIN_S):
            await wire.broken.wait()
    for upper, lower in tap.screens:
        assert FIRST[0].startswith(upper)
        assert FIRST[1].startswith(lower)
    wire.mend()
    async with tapped(wire) as tap:
        assert await till.ask("show", path=str(wire.till), lines=FIRST) is True
        await tap.sees(FIRST)
    assert tap.screens == [FIRST]


LCDD = """[server]
DriverPath={modules}/
Driver=serialPOS
Bind=127.0.0.1
Port={port}
User={user}
ServerScreen=off
Hello=""
GoodBye=""
[serialPOS]
Device={device}
Size=20x2
Type=Epson
Speed=9600
"""
SHOWN = "widget_set s a 1 1 {%s}\nwidget_set s b 1 2 {%s}\n"


async def test_lcdd(needs: Any, make_wire: Callable[[], Wire], tmp_path: Path) -> None:
    program = needs("lcdproc", "LCDd")
    modules = next(Path("/usr/lib").glob("*/lcdproc/serialPOS.so"), None)
    if modules is None:
        pytest.skip("serialPOS.so is missing: sudo apt-get install lcdproc")
    wire = make_wire()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = tmp_path / "LCDd.conf"
    user = Path.home().owner()
    settings.write_text(LCDD.format(modules=modules.parent, port=port, device=wire.till, user=user))
    async with tapped(wire) as tap:
        server = await asyncio.create_subprocess_exec(
            program,
            "-f",
            "-c",
            settings,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            reader, writer = await _dialled(port)
            writer.write(b"hello\n")
            assert b"lcd wid 20 hgt 2" in await asyncio.wait_for(reader.readline(), WITHIN_S)
            writer.write(b"screen_add s\nscreen_set s priority alert heartbeat off\n")
            writer.write(b"widget_add s a string\nwidget_add s b string\n")
            for lines in (FIRST, SECOND):
                writer.write((SHOWN % tuple(lines)).encode())
                await tap.sees(lines)
            writer.close()
            await writer.wait_closed()
        finally:
            server.terminate()
            await server.wait()


async def _dialled(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("dialect", ["cd5220", "epson"])
async def test_what_we_show_stands_on_the_display(
    open_till_box: Any, make_wire: Callable[[], Wire], dialect: str
) -> None:
    """A box with its rules and its disk, a display at the other end of the line."""
    wire = make_wire()
    display = ScreenReader()
    line = await open_port(f"serial://{wire.till}", clock=CLOCK)

    async def stands(text: str) -> list[str]:
        async with asyncio.timeout(WITHIN_S):
            while not any(text in shown for shown in display.screen.lines()):
                display.feed(await line.read(), 0)
        return [shown.rstrip() for shown in display.screen.lines()]

    async with open_till_box() as box, box.device("pos.line_display", wire.box, dialect=dialect):
        assert await stands("Welcome") == ["      Welcome", ""]
        await box.purse(10_000)
        await box.show_card()
        assert (await stands("Balance"))[1].endswith("100.00")
    await line.close()
