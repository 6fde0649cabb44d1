"""python-escpos, receiptline and receipt-printer-encoder print; our tap makes that sale, and no other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Heard
from drivers.errors import PortGone
from drivers.ports import open_port
from drivers.ports.pseudo import PtyPort
from drivers.pos.escpos_tap import DRIVER
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.events import ReceiptUnreadable, SaleCompleted, SaleLine, Tender
from tests.interop.wire import Cut

HERE = Path(__file__).parent
CLOCK = SystemClock()
IDLE_MS = 10_000
WITHIN_S = 20

ENGLISH = [
    "ACME MARKET",
    "Rcpt 000412",
    "Milk 1L             2     1.20      2.40",
    "Käse Emmentaler     1     4.10      4.10",
    "SUBTOTAL                            6.50",
    "TAX                                 0.46",
    "TOTAL                               6.96",
    "CASH                               10.00",
    "CHANGE                              3.04",
]
CHINESE = [
    "好邻居便利店",
    "小票号:000412",
    "可口可乐            2     3.50      7.00",
    "关东煮(大)          1    12.50     12.50",
    "合计:                              19.50",
    "现金:                              20.00",
    "找零:                               0.50",
]
RECEIPTLINE = """^^^Corner Shop

Receipt No: 000412
{border:line; width:*,4,10}
Item | Qty| Amount
-
Espresso | 2| 5.00
Crème brûlée | 1| 6.50
-
{border:space; width:*,20}
^TOTAL | ^11.50
CASH | 20.00
CHANGE | 8.50

{code:https://example.test/r/000412; option:qrcode,3,L}
=
"""
RECEIPTLINE_ZH = """^^好邻居便利店

小票号:000412
{border:line; width:*,6,10}
品名 | 数量| 金额
-
可口可乐 | 2| 7.00
关东煮(大) | 1| 12.50
-
{border:space; width:*,20}
^合计 | ^19.50
现金 | 20.00
找零 | 0.50
=
"""


def sale(lines: list[tuple[str, int, int]], total: int, cash: int, receipt: str = "000412") -> dict[str, Any]:
    return {
        "lines": [(name, quantity * 1000, amount) for name, quantity, amount in lines],
        "total": total,
        "cash": cash,
        "change": cash - total,
        "receipt": receipt,
    }


ACME = sale([("Milk 1L", 2, 240), ("Käse Emmentaler", 1, 410)], 696, 1000)
NEIGHBOUR = sale([("可口可乐", 2, 700), ("关东煮(大)", 1, 1250)], 1950, 2000)
CAFE = sale([("Espresso", 2, 500), ("Crème brûlée", 1, 650)], 1150, 2000)


def seen(event: SaleCompleted) -> dict[str, Any]:
    def line(each: SaleLine) -> tuple[str, int, int]:
        return each.name, each.quantity_milli, each.amount_minor

    assert all(isinstance(each, Tender) and each.kind == "cash" for each in event.tenders)
    return {
        "lines": [line(each) for each in event.lines],
        "total": event.total_minor,
        "cash": sum(each.amount_minor for each in event.tenders),
        "change": event.change_minor,
        "receipt": event.receipt,
    }


def facts(*chunks: bytes) -> list[SaleCompleted | ReceiptUnreadable]:
    decoder = DRIVER.decoder(DRIVER.options())
    heard = [each for chunk in chunks for each in decoder.feed(chunk, 0)]
    heard += decoder.wake(IDLE_MS) + decoder.wake(2 * IDLE_MS)
    return [each.what for each in heard if isinstance(each.what, SaleCompleted | ReceiptUnreadable)]


def makes(job: bytes, expected: dict[str, Any]) -> None:
    """Whole, in pieces, twice in a row; and cut off anywhere, nothing that was not on the paper."""
    told = facts(job)
    assert [type(each) for each in told] == [SaleCompleted]
    assert isinstance(told[0], SaleCompleted)
    assert seen(told[0]) == expected
    assert facts(*(job[at : at + 5] for at in range(0, len(job), 5))) == told
    assert facts(job, job) == told * 2
    for cut in range(0, len(job), max(2, len(job) // 90)):
        part = facts(job[:cut])
        sales = [each for each in part if isinstance(each, SaleCompleted)]
        assert len(part) <= 1, f"cut at {cut}: {part}"
        for each in sales:
            assert each.total_minor == expected["total"], f"cut at {cut}: {each}"
            assert [each.name for each in each.lines] == [name for name, *_ in expected["lines"]]
        # The till prints it again, on a line that is there again.
        decoder = DRIVER.decoder(DRIVER.options())
        decoder.feed(job[:cut], 0)
        decoder.wake(IDLE_MS)
        heard = decoder.feed(job, 2 * IDLE_MS) + decoder.wake(3 * IDLE_MS)
        again = [each.what for each in heard if isinstance(each.what, SaleCompleted | ReceiptUnreadable)]
        assert again == told, f"cut at {cut}"


@pytest.fixture
async def python_till(start_peer: Any) -> Any:
    pytest.importorskip("escpos", reason="pip install 'python-escpos[serial]==3.1'")
    return await start_peer([sys.executable, HERE / "receipt_till.py"])


@pytest.fixture
async def npm_till(start_peer: Any, npm: dict[str, str]) -> Any:
    return await start_peer(["node", HERE / "receipt_till.js"], npm)


@pytest.mark.parametrize(("lines", "expected"), [(ENGLISH, ACME), (CHINESE, NEIGHBOUR)], ids=["en", "zh"])
async def test_python_escpos(python_till: Any, lines: list[str], expected: dict[str, Any]) -> None:
    makes(bytes.fromhex(await python_till.ask("print", lines=lines)), expected)


async def test_python_escpos_with_a_logo(python_till: Any) -> None:
    job = bytes.fromhex(await python_till.ask("print", lines=ENGLISH, picture=True))
    assert [seen(each) for each in facts(job) if isinstance(each, SaleCompleted)] == [ACME]


@pytest.mark.parametrize("command", ["escpos", "generic", "citizen", "fit", "sii", "impact"])
async def test_receiptline(npm_till: Any, command: str) -> None:
    options = {"command": command, "encoding": "multilingual", "cpl": 42, "cutting": True}
    makes(bytes.fromhex(await npm_till.ask("receiptline", text=RECEIPTLINE, options=options)), CAFE)


async def test_receiptline_in_chinese_and_upside_down(npm_till: Any) -> None:
    options = {"command": "escpos", "encoding": "gb18030", "cpl": 42, "cutting": True}
    makes(bytes.fromhex(await npm_till.ask("receiptline", text=RECEIPTLINE_ZH, options=options)), NEIGHBOUR)
    options["upsideDown"] = True
    job = bytes.fromhex(await npm_till.ask("receiptline", text=RECEIPTLINE_ZH, options=options))
    assert [seen(each) for each in facts(job) if isinstance(each, SaleCompleted)] == [NEIGHBOUR]


@pytest.mark.parametrize("mapping", ["epson", "bixolon", "star", "citizen"])
async def test_receipt_printer_encoder(npm_till: Any, mapping: str) -> None:
    job = await npm_till.ask(
        "encoder",
        title="Café Zürich",
        head=["Receipt No: 77"],
        items=[["Espresso", "2", "5.00"], ["Crème brûlée", "1", "6.50"]],
        sums=[["TOTAL", "11.50"], ["CASH", "20.00"], ["CHANGE", "8.50"]],
        options={"codepageMapping": mapping},
    )
    makes(bytes.fromhex(job), {**CAFE, "receipt": "77"})


class Counter:
    """A till with python-escpos, us in between, and a printer that answers, as an Epson does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printer = PtyPort(folder / "printer")
        self.printed = b""
        self.sold: asyncio.Queue[Any] = asyncio.Queue()
        self.listens = asyncio.Event()

    async def hear(self, heard: list[Heard]) -> None:
        for each in heard:
            if isinstance(each.what, SaleCompleted | ReceiptUnreadable):
                self.sold.put_nowait(each.what)

    async def tap(self) -> None:
        port = await open_port(
            f"inline:serial://{self.folder / 'box'},serial://{self.folder / 'printer'}", clock=CLOCK
        )
        self.listens.set()
        try:
            await pump(DRIVER.decoder(DRIVER.options(idle_cut_ms=2_000)), port, CLOCK, self.hear)
        finally:
            await port.close()

    async def print(self) -> None:
        while True:
            chunk = await self.printer.read()
            self.printed += chunk
            for asked in chunk.split(b"\x10\x04")[1:]:
                await self.printer.write(b"\x16" if asked[:1] == b"\x01" else b"\x12")


@pytest.fixture
async def counter(tmp_path: Path, make_wire: Any) -> AsyncIterator[tuple[Counter, Any]]:
    wire = make_wire()
    at = Counter(tmp_path)
    (tmp_path / "box").symlink_to(wire.box.removeprefix("serial://"))
    tasks = [asyncio.create_task(at.tap()), asyncio.create_task(at.print())]
    await asyncio.wait_for(at.listens.wait(), WITHIN_S)
    yield at, wire
    wire.cut()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await at.printer.close()


async def test_in_line_the_till_prints_hears_its_printer_and_we_hear_the_sale(
    python_till: Any, counter: tuple[Counter, Any]
) -> None:
    at, wire = counter
    assert await python_till.ask("open", path=str(wire.till), dsrdtr=False) is True
    assert await python_till.ask("ask") == {"online": True, "paper": 2}
    assert await python_till.ask("print", lines=CHINESE) is True
    async with asyncio.timeout(WITHIN_S):
        sold = await at.sold.get()
    assert seen(sold) == NEIGHBOUR
    assert "好邻居便利店".encode("gbk") in at.printed
    assert at.sold.empty()


@pytest.mark.parametrize("place", [40, 100, 150])
async def test_a_line_cut_while_python_escpos_prints_costs_that_receipt_alone(
    python_till: Any, make_wire: Any, place: int
) -> None:
    """Cut before its total it is no sale, and says so; printed again, it is one."""
    wire = make_wire()
    heard: list[Any] = []

    async def hear(said: list[Heard]) -> None:
        heard.extend(each.what for each in said if isinstance(each.what, SaleCompleted | ReceiptUnreadable))

    async def listen(open_: asyncio.Event) -> None:
        port = await open_port(wire.box, clock=CLOCK)
        open_.set()
        try:
            await pump(DRIVER.decoder(DRIVER.options(idle_cut_ms=2_000)), port, CLOCK, hear)
        except PortGone:
            await port.close()

    async def printed(until: Any) -> None:
        listens = asyncio.Event()
        tap = asyncio.create_task(listen(listens))
        await asyncio.wait_for(listens.wait(), WITHIN_S)
        assert await python_till.ask("open", path=str(wire.till), dsrdtr=True) is True
        await python_till.ask("print", lines=CHINESE)
        async with asyncio.timeout(WITHIN_S):
            await until(tap)
        tap.cancel()
        await asyncio.gather(tap, return_exceptions=True)

    async def sold(_: Any) -> None:
        while not any(isinstance(each, SaleCompleted) for each in heard):
            await asyncio.sleep(0.02)

    wire.cut_at(Cut("till", place))
    await printed(lambda tap: tap)
    assert not [each for each in heard if isinstance(each, SaleCompleted)], "the total was not printed yet"
    heard.clear()
    wire.mend()
    await printed(sold)
    assert [seen(each) for each in heard] == [NEIGHBOUR]
