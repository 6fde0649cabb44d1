"""Transbank's own SDKs, for Python and for Node, as the till of a box that is their payment terminal."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.edge_agent.terminal_box import TerminalBox
from tests.interop.peers import Peer
from tests.interop.pos.cut_boxes import side_by_side
from tests.interop.wire import Cut, Wire, places

HERE = Path(__file__).parent
CONNECTS = 5  # tries of a till's program to find its terminal
# Between two messages. The SDK for Node takes what comes within 100 ms for one, and a machine that runs many
# tests at once may be late by that; the one for Python does not care.
GAPS_MS = {"node": "350", "python": "50"}


@pytest.fixture(params=["python", "node"])
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fast(sdk: str) -> dict[str, str]:
    """A terminal that waits shortly for a till that says nothing."""
    return {"ack_ms": "1500", "gap_ms": GAPS_MS[sdk]}


@pytest.fixture
def start_till(sdk: str, request: pytest.FixtureRequest, start_peer: Any, needs: Any) -> Callable[[], Any]:
    """`await start_till()`: a till's program with one of the SDKs."""
    if sdk == "python":
        pytest.importorskip("transbank", reason="pip install transbank-pos-sdk==1.0.1")
        return lambda: start_peer([sys.executable, HERE / "transbank_till.py"])
    npm = request.getfixturevalue("npm")
    return lambda: start_peer([needs("nodejs", "node"), HERE / "transbank_till.js"], npm)


@pytest.fixture
async def at_work(
    start_till: Any, make_wire: Any, open_till_box: Any, fast: dict[str, str]
) -> AsyncIterator[tuple[Peer, TerminalBox, Wire]]:
    """A till's program, the box that it is wired to, and the wire; a card lies on the reader."""
    wire = make_wire()
    async with open_till_box() as box, box.device("pos.transbank", wire.box, **fast):
        await box.show_card()
        till = await start_till()
        await connect(till, wire)
        yield till, box, wire


async def connect(till: Peer, wire: Wire) -> None:
    """As any till's program does: again, when the terminal did not answer in time.

    The SDK for Node takes a port that closes late, behind a new one that it has opened, for the new one.
    """
    for _ in range(CONNECTS):
        said = await till.ask("open", path=str(wire.till))
        if said is True and await till.ask("poll") is True:
            return
    pytest.fail(f"no connection to the terminal in {CONNECTS} tries: {said}")


async def test_a_day_at_a_till(at_work: tuple[Peer, TerminalBox, Wire]) -> None:
    till, box, _ = at_work
    assert await till.ask("poll") is True
    assert (await till.ask("keys"))["response_code"] == "00"
    assert (await till.ask("last_sale"))["response_code"] == "11"
    assert await till.ask("detail") == []

    first = await till.ask("sale", amount=1_500, ticket="A12345", shows=True)
    assert (first["response_code"], first["amount"], first["ticket"]) == ("00", "1500", "A12345")
    assert (first["shown"], first["operation_number"]) == (["78", "82"], "1")
    assert first["terminal_id"] == "TILLBEAM"
    await box.becomes("held", 0)
    await box.show_card()
    second = await till.ask("sale", amount=2_000, ticket="A12346")
    assert (second["response_code"], second["shown"]) == ("00", [])
    await box.becomes("held", 0)
    assert await box.left() == 6_500

    last = await till.ask("last_sale")
    assert {key: last[key] for key in ("ticket", "amount", "operation_number", "authorization_code")} == {
        key: second[key] for key in ("ticket", "amount", "operation_number", "authorization_code")
    }
    listed = await till.ask("detail")
    assert [(sale["ticket"], sale["amount"]) for sale in listed] == [("A12345", "1500"), ("A12346", "2000")]

    assert (await till.ask("reverse", operation=1))["response_code"] == "00"
    assert (await till.ask("reverse", operation=1))["response_code"] == "04"
    assert (await till.ask("reverse", operation=77))["response_code"] == "05"
    assert await box.left() == 8_000
    totals = await till.ask("totals")
    assert (totals["tx_count"], totals["tx_total"]) == ("1", "2000")
    assert (await till.ask("close"))["response_code"] == "00"
    assert (await till.ask("totals"))["tx_count"] == "0"
    assert (await box.day()).number == 2


async def test_what_cannot_be_paid_says_why(at_work: tuple[Peer, TerminalBox, Wire]) -> None:
    till, box, _ = at_work
    assert (await till.ask("sale", amount=10_001, ticket="B1"))["response_code"] == "93"
    assert (await box.left(), await box.held()) == (10_000, 0)
    assert (await till.ask("sale", amount=10_000, ticket="B2"))["response_code"] == "00"
    multicode = await till.ask("multicode_sale", amount=50, ticket="B3", shop=597029414301)
    assert multicode["response_code"] == "12"
    assert await box.left() == 0


async def test_the_same_ticket_and_amount_are_paid_once(at_work: tuple[Peer, TerminalBox, Wire]) -> None:
    till, box, _ = at_work
    first = await till.ask("sale", amount=1_500, ticket="A12345")
    again = await till.ask("sale", amount=1_500, ticket="A12345")
    assert (again["response_code"], again["operation_number"]) == ("00", first["operation_number"])
    assert await box.left() == 8_500
    await box.show_card()
    other = await till.ask("sale", amount=1_600, ticket="A12345")
    assert (other["response_code"], other["operation_number"]) == ("00", "2")


async def test_a_line_cut_anywhere_leaves_both_sides_with_one_truth(
    start_till: Any, make_wire: Any, open_till_box: Any, fast: dict[str, str]
) -> None:
    """What the till hears when it asks again is what the books say, wherever its line went."""
    wire = make_wire()
    async with open_till_box("whole") as box, box.device("pos.transbank", wire.box, **fast):
        await box.show_card()
        till = await start_till()
        await connect(till, wire)
        wire.said.clear()
        assert (await till.ask("sale", amount=1_500, ticket="A12345", shows=True))["response_code"] == "00"
        await box.becomes("held", 0)
    cuts = places(wire.said)
    assert len(cuts) >= 10

    async def cut_one(cut: Cut, box: TerminalBox) -> int:
        return await sold_across(cut, box, make_wire(), await start_till(), fast)

    left = await side_by_side(cuts, cut_one, open_till_box)
    assert set(left) == {8_500, 10_000}, "some cuts cost a sale, and some come too late to"
    assert left[-1] == 8_500  # behind the till's last word


async def sold_across(cut: Cut, box: TerminalBox, wire: Wire, till: Peer, fast: dict[str, str]) -> int:
    """A sale while the line is cut there; what is left on the card, after all that may be asked of it."""
    async with box.device("pos.transbank", wire.box, **fast):
        await box.show_card()
        await connect(till, wire)
        wire.cut_at(cut)
        sold = await till.ask("sale", amount=1_500, ticket="A12345", shows=True)
        await box.turns("down")
        wire.mend()
        await box.turns("up")
        await box.becomes("held", 0)
        left = await box.left()
        await connect(till, wire)
        last = await till.ask("last_sale")
        assert last.get("response_code") == ("00" if left == 8_500 else "11"), (cut, sold, last)
        if last["response_code"] == "00":
            assert (last["ticket"], last["amount"]) == ("A12345", "1500")
        if "error" not in sold:
            assert (sold["response_code"], left) == ("00", 8_500), cut  # what a till was told, it has
        again = await till.ask("sale", amount=1_500, ticket="A12345")
        assert again["response_code"] == "00"
        await box.becomes("held", 0)
        assert (await box.left(), (await box.day()).paid) == (8_500, 1), cut  # once, however often
        return left


@pytest.mark.parametrize(
    ("do", "named", "again", "left", "days"),
    [
        ("reverse", {"operation": 1}, {"00", "04"}, 10_000, {1}),  # once, whichever of the two did it
        ("close", {}, {"00"}, 8_500, {2, 3}),
        ("last_sale", {}, {"00"}, 8_500, {1}),
    ],
)
async def test_any_other_conversation_cut_anywhere_can_be_had_again(
    start_till: Any,
    make_wire: Any,
    open_till_box: Any,
    fast: dict[str, str],
    do: str,
    named: dict[str, int],
    again: set[str],
    left: int,
    days: set[int],
) -> None:
    async def sold(box: TerminalBox, wire: Wire) -> Peer:
        await box.show_card()
        till: Peer = await start_till()
        await connect(till, wire)
        assert (await till.ask("sale", amount=1_500, ticket="A12345"))["response_code"] == "00"
        await box.becomes("held", 0)
        return till

    wire = make_wire()
    async with open_till_box("whole") as box, box.device("pos.transbank", wire.box, **fast):
        till = await sold(box, wire)
        wire.said.clear()
        assert (await till.ask(do, **named))["response_code"] == "00"
        await box.becomes("left", left)
    cuts = places(wire.said)
    assert len(cuts) >= 5

    async def cut_one(cut: Cut, box: TerminalBox) -> None:
        wire = make_wire()
        async with box.device("pos.transbank", wire.box, **fast):
            till = await sold(box, wire)
            wire.cut_at(cut)
            await till.ask(do, **named)
            await box.turns("down")
            wire.mend()
            await box.turns("up")
            await connect(till, wire)
            assert (await till.ask(do, **named))["response_code"] in again, cut
            day = await box.day()
            assert (await box.left(), await box.held(), day.number in days) == (left, 0, True), cut

    await side_by_side(cuts, cut_one, open_till_box)
