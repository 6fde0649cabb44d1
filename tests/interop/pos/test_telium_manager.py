"""pyTeliumManager as the till of a box that is its payment terminal."""

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

pytest.importorskip("telium", reason="pip install pyTeliumManager==2.4.2")
HERE = Path(__file__).parent
CONNECTS = 5  # tries of a till's program to find its terminal
FAST = {"call_ms": "3000"}  # only how long a till that says nothing is waited for
DONE, NOT_DONE, NOT_CHECKED = 0, 7, 9


@pytest.fixture
def start_till(start_peer: Any) -> Callable[[], Any]:
    return lambda: start_peer([sys.executable, HERE / "telium_till.py"])


@pytest.fixture
async def at_work(
    start_till: Any, make_wire: Any, open_till_box: Any
) -> AsyncIterator[tuple[Peer, TerminalBox, Wire]]:
    """A till's program, the box that it is wired to, and the wire; a card lies on the reader."""
    wire = make_wire()
    async with open_till_box() as box, box.device("pos.concert", wire.box, **FAST):
        await box.show_card()
        till = await start_till()
        await connect(till, wire)
        yield till, box, wire


async def connect(till: Peer, wire: Wire) -> None:
    """As any till's program does: again, when the terminal did not answer in time."""
    for _ in range(CONNECTS):
        said = await till.ask("open", path=str(wire.till))
        if said is True and await till.ask("ping") is True:
            return
    pytest.fail(f"no connection to the terminal in {CONNECTS} tries: {said}")


async def test_a_till_looks_pays_and_gives_back(at_work: tuple[Peer, TerminalBox, Wire]) -> None:
    till, box, _ = at_work
    assert await till.ask("ping") is True
    paid = await till.ask("ask", amount=12.5, kind="debit")
    assert paid == {"result": DONE, "amount": 12.5, "currency": "156", "card": ""}
    await box.show_card()
    paid = await till.ask("ask", amount=20.0, kind="debit", full=False)
    assert (paid["result"], paid["amount"]) == (DONE, 20.0)
    await box.becomes("held", 0)
    assert await box.left() == 6_750
    await box.show_card()
    assert (await till.ask("ask", amount=5.0, kind="refund"))["result"] == DONE
    await box.show_card()
    assert (await till.ask("ask", amount=7.5, kind="credit"))["result"] == DONE
    assert await box.left() == 8_000
    assert await till.ask("ping") is True
    day = await box.day()
    assert (day.paid, day.paid_minor, day.refunded, day.refunded_minor) == (2, 3_250, 2, 1_250)


async def test_what_cannot_be_done_is_seven_and_nothing_moves(
    at_work: tuple[Peer, TerminalBox, Wire],
) -> None:
    till, box, _ = at_work
    assert (await till.ask("ask", amount=100.01, kind="debit"))["result"] == NOT_DONE
    assert (await till.ask("ask", amount=1.0, kind="refund"))["result"] == NOT_DONE  # nothing was paid
    assert (await till.ask("ask", amount=1.0, kind="debit", currency="EUR"))["result"] == NOT_DONE
    assert (await box.left(), await box.held(), (await box.day()).paid) == (10_000, 0, 0)


async def test_a_till_that_does_not_wait_is_told_so_and_the_money_is_taken(
    at_work: tuple[Peer, TerminalBox, Wire],
) -> None:
    till, box, _ = at_work
    told = await till.ask("ask", amount=12.5, kind="debit", wait=False)
    assert told["result"] == NOT_CHECKED
    await box.becomes("left", 8_750)
    assert await box.held() == 0


async def test_a_line_cut_anywhere_never_leaves_money_held(
    start_till: Any, make_wire: Any, open_till_box: Any
) -> None:
    """What the till has acknowledged is paid; all else is on the card, and the next ask is a new one."""
    wire = make_wire()
    async with open_till_box("whole") as box, box.device("pos.concert", wire.box, **FAST):
        await box.show_card()
        till = await start_till()
        await connect(till, wire)
        wire.said.clear()
        assert (await till.ask("ask", amount=12.5, kind="debit"))["result"] == DONE
        await box.becomes("held", 0)
    cuts = places(wire.said)
    assert len(cuts) >= 9

    async def cut_one(cut: Cut, box: TerminalBox) -> int:
        return await paid_across(cut, box, make_wire(), await start_till())

    left = await side_by_side(cuts, cut_one, open_till_box)
    assert set(left) == {8_750, 10_000}, "some cuts cost a payment, and some come too late to"
    assert left[-1] == 8_750  # behind our last EOT


async def paid_across(cut: Cut, box: TerminalBox, wire: Wire, till: Peer) -> int:
    """A payment while the line is cut there; what is left on the card."""
    async with box.device("pos.concert", wire.box, **FAST):
        await box.show_card()
        wire.cut_at(cut)
        assert await till.ask("open", path=str(wire.till)) is True
        told = await till.ask("ask", amount=12.5, kind="debit")
        await box.turns("down")
        wire.mend()
        await box.turns("up")
        await box.becomes("held", 0)
        left = await box.left()
        if "error" not in told:
            assert (told["result"], left) == (DONE, 8_750), cut  # what a till was told, it has
        await connect(till, wire)
        await box.show_card()
        assert (await till.ask("ask", amount=12.5, kind="debit"))["result"] == DONE
        await box.becomes("held", 0)
        assert await box.left() == left - 1_250, cut
        return left


async def test_money_given_back_across_a_cut_is_never_more_than_was_paid(
    start_till: Any, make_wire: Any, open_till_box: Any
) -> None:
    """The protocol cannot tell the second try from a second return: what was paid is the limit of both."""
    wire = make_wire()

    async def paid(box: TerminalBox, wire: Wire) -> Peer:
        await box.show_card()
        till: Peer = await start_till()
        await connect(till, wire)
        assert (await till.ask("ask", amount=12.5, kind="debit"))["result"] == DONE
        await box.becomes("held", 0)
        return till

    async with open_till_box("whole") as box, box.device("pos.concert", wire.box, **FAST):
        till = await paid(box, wire)
        await box.show_card()
        wire.said.clear()
        assert (await till.ask("ask", amount=12.5, kind="refund"))["result"] == DONE
        await box.becomes("left", 10_000)

    async def cut_one(cut: Cut, box: TerminalBox) -> int:
        wire = make_wire()
        async with box.device("pos.concert", wire.box, **FAST):
            till = await paid(box, wire)
            await box.show_card()
            wire.cut_at(cut)
            await till.ask("ask", amount=12.5, kind="refund")
            await box.turns("down")
            before = await box.left()
            wire.mend()
            await box.turns("up")
            await connect(till, wire)
            await box.show_card()
            again = await till.ask("ask", amount=12.5, kind="refund")
            if before == 8_750:  # else it is said again, or there is nothing left to give back
                assert again["result"] == DONE, cut
            assert await box.left() == 10_000, cut
            return before

    assert set(await side_by_side(places(wire.said), cut_one, open_till_box)) == {8_750, 10_000}
