"""A till that speaks Concert: its handshakes, an answer that it does not take, what it asks again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.pos.concert.messages import Answer, Ask, read, write_ask
from drivers.pos.concert.protocol import AGAIN_MS, HEARS_MS
from drivers.pos.stx import Frame, StxReader, frame
from sync.contract.questions import PurseShown
from sync.contract.told import MemberTold
from tests.drivers.pos.till_line import TillLine, open_line
from tests.edge_agent.terminal_box import CARD

ENQ, ACK, NAK, EOT = b"\x05", b"\x06", b"\x15", b"\x04"
CALL_MS = 10_000
DEBIT = Ask(
    pos="01",
    amount_minor=1_500,
    answer_flag="1",
    mode="1",
    type="0",
    currency="156",
    private=" " * 10,
    delay="A010",
    auto="B010",
)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[TillLine]:
    async with open_line(tmp_path, "pos.concert") as opened:
        await opened.box.show_card()
        yield opened


def changed(**fields: Any) -> Ask:
    return msgspec.structs.replace(DEBIT, **fields)


async def ask(line: TillLine, asked: Ask = DEBIT) -> bytes:
    """The till's half of an ask; what the box says behind its EOT."""
    assert await line.say(ENQ) == ACK
    assert await line.say(frame(write_ask(asked))) == ACK
    return await line.say(EOT, 100)


async def answer(line: TillLine) -> str:
    """The till takes the call and is told; the result. It has not acknowledged it yet."""
    found = [each for each in StxReader().feed(await line.say(ACK, 500)) if isinstance(each, Frame)]
    assert len(found) == 1
    told = read(found[0].data)
    assert isinstance(told, Answer)
    return told.result


async def test_a_payment_is_final_with_the_tills_ack_and_not_before(line: TillLine) -> None:
    assert await ask(line) == ENQ
    assert await answer(line) == "0"
    assert await line.box.held() == 1
    assert await line.say(ACK) == EOT
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_a_till_that_only_looks_is_told_that_we_are_there(line: TillLine) -> None:
    assert await line.say(ENQ) == ACK
    assert await line.say(EOT, 5_000) == b""
    assert line.notes[-1].fields == {"transaction": False}


async def test_a_broken_ask_is_refused_and_may_be_said_again(line: TillLine) -> None:
    await line.say(ENQ)
    assert await line.say(frame(write_ask(DEBIT))[:-1] + b"\x00") == NAK
    assert await line.say(frame(b"too short")) == NAK
    assert await line.say(frame(write_ask(DEBIT))) == ACK
    assert await line.say(EOT, 100) == ENQ


async def test_an_ask_whose_eot_is_lost_begins_all_the_same(line: TillLine) -> None:
    await line.say(ENQ)
    assert await line.say(frame(write_ask(DEBIT)), HEARS_MS + 100) == ACK + ENQ
    assert await answer(line) == "0"


async def test_a_till_that_takes_no_call_is_called_three_times_and_then_it_is_undone(line: TillLine) -> None:
    assert await ask(line) == ENQ
    assert await line.wait(2 * CALL_MS + 1_000) == ENQ + ENQ
    assert await line.box.held() == 1
    assert await line.wait(CALL_MS) == b""
    assert (await line.box.held(), await line.box.left()) == (0, 10_000)


async def test_a_till_that_does_not_acknowledge_its_answer_is_called_anew(line: TillLine) -> None:
    await ask(line)
    assert await answer(line) == "0"
    assert await line.wait(CALL_MS) == ENQ
    assert await answer(line) == "0"
    assert await line.say(ACK) == EOT
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_acks_for_two_calls_are_no_ack_of_the_answer(line: TillLine) -> None:
    await ask(line)
    assert await line.wait(CALL_MS) == ENQ
    assert await line.say(ACK, 100) == b""
    assert b"\x02010" in await line.say(ACK, 1_000)  # for the second call; then all is quiet, and it is told
    assert await line.box.held() == 1
    assert await line.say(ACK) == EOT


async def test_an_answer_that_is_refused_three_times_is_not_taken(line: TillLine) -> None:
    await ask(line)
    await answer(line)
    told = [await line.say(NAK, 100) for _ in range(3)]
    assert told[0] == told[1]
    assert told[2] == EOT
    assert (await line.box.held(), await line.box.left()) == (0, 10_000)


async def test_the_same_ask_before_anything_else_has_the_open_answer(line: TillLine) -> None:
    for _ in range(2):
        assert await ask(line) == ENQ
    assert await answer(line) == "0"
    await line.say(ACK)
    assert (await line.box.left(), (await line.box.day()).paid) == (8_500, 1)
    await line.box.show_card()
    assert await ask(line) == ENQ  # it has that answer: this is another payment
    await answer(line)
    await line.say(ACK)
    assert await line.box.left() == 7_000


async def test_another_ask_undoes_a_payment_whose_answer_was_not_taken(line: TillLine) -> None:
    await ask(line)
    await ask(line, changed(amount_minor=2_000))
    assert await answer(line) == "0"
    await line.say(ACK)
    assert (await line.box.held(), await line.box.left()) == (0, 8_000)


async def test_money_given_back_is_given_back_once_however_often_it_is_asked_for(line: TillLine) -> None:
    await ask(line)
    await answer(line)
    await line.say(ACK)
    await line.box.show_card()
    back = changed(type="2", amount_minor=500)
    assert await ask(line, back) == ENQ
    await line.wait(5 * CALL_MS)  # the till has gone
    assert await ask(line, back) == ENQ
    assert await answer(line) == "0"
    await line.say(ACK)
    assert await line.box.left() == 9_000


@pytest.fixture
async def paid(line: TillLine) -> TillLine:
    """A card that has paid 15.00, and is shown again."""
    await ask(line)
    await answer(line)
    await line.say(ACK)
    await line.box.show_card()
    return line


BACK = changed(type="2", amount_minor=500)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(("ms", "left"), [(1_000, 9_000), (AGAIN_MS, 9_500)])
async def test_money_given_back_before_a_cut_is_not_given_back_again_so_soon(
    paid: TillLine, told: bool, ms: int, left: int
) -> None:
    await ask(paid, BACK)
    if told:
        await answer(paid)
    await paid.cut(ms)
    await paid.box.show_card()
    assert await ask(paid, BACK) == ENQ
    assert await answer(paid) == "0"
    assert await paid.say(ACK) == EOT
    assert await paid.box.left() == left
    await paid.box.show_card()
    await ask(paid, BACK)  # and now the till has its answer: this is another one
    assert await answer(paid) == "0"
    await paid.say(ACK)
    assert await paid.box.left() == left + 500


async def test_what_a_cut_kept_from_happening_happens_when_it_is_asked_for_again(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.concert") as line:
        await line.box.show_card()
        await ask(line)
        await answer(line)
        await line.say(ACK)
        assert await ask(line, BACK) == b""  # the card is awaited
        await line.cut()
        await line.box.show_card()
        assert await ask(line, BACK) == ENQ
        assert await answer(line) == "0"
        assert await line.box.left() == 9_000


async def test_another_amount_is_another_refund(paid: TillLine) -> None:
    await ask(paid, BACK)
    await paid.cut()
    await paid.box.show_card()
    await ask(paid, changed(type="2", amount_minor=400))
    assert await answer(paid) == "0"
    assert await paid.box.left() == 9_400


async def test_a_till_may_look_while_the_card_is_awaited(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.concert") as line:
        assert await ask(line) == b""
        assert await line.say(ENQ) == ACK
        await line.say(EOT, 1_000)
        await line.box.show_card()
        line.decoder.wake_at_ms = 0  # as the session stirs the pump
        assert await line.wait(100) == ENQ
        assert await answer(line) == "0"


async def test_another_ask_ends_the_wait_for_a_card(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.concert") as line:
        await ask(line)
        await ask(line, changed(amount_minor=2_000))
        await line.box.show_card()
        line.decoder.wake_at_ms = 0
        assert await line.wait(100) == ENQ
        await answer(line)
        await line.say(ACK)
        assert await line.box.left() == 8_000


async def test_an_answer_at_once_is_nine_and_the_payment_comes_behind_it(line: TillLine) -> None:
    assert await ask(line, changed(delay="A011")) == ENQ
    assert await answer(line) == "9"
    assert await line.box.left() == 10_000
    assert await line.say(ACK, 1_000) == EOT
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_a_payment_that_no_till_waits_for_is_not_ended_by_the_next(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.concert") as line:
        await ask(line, changed(delay="A011"))
        await answer(line)
        await line.say(ACK)
        assert await ask(line, changed(amount_minor=2_000)) == ENQ
        assert await answer(line) == "7"
        await line.say(ACK)
        await line.box.show_card()
        line.decoder.wake_at_ms = 0
        await line.wait(100)
        assert await line.box.left() == 8_500


@pytest.mark.parametrize(
    "fields",
    [{"currency": "978"}, {"type": "4"}, {"mode": "C"}, {"amount_minor": 0}, {"amount_minor": 10_001}],
)
async def test_what_cannot_be_done_is_seven(line: TillLine, fields: dict[str, Any]) -> None:
    assert await ask(line, changed(**fields)) == ENQ
    assert await answer(line) == "7"
    await line.say(ACK)
    assert await line.box.left() == 10_000


async def test_a_credit_may_put_cash_onto_the_card(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.concert", credit="top_up") as line:
        purse = PurseShown("P1", "CNY", "value", 10_000)
        await line.box.shop.tell(
            MemberTold(member="M000000000009", name="李*", cards=(CARD,), purses=(purse,))
        )
        await line.box.show_card()
        await ask(line, changed(type="1"))
        assert await answer(line) == "0"
        await line.say(ACK)
        assert (await line.box.day()).topped_minor == 1_500


async def test_cash_that_was_put_onto_a_card_before_a_cut_is_not_put_there_again(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.concert", credit="top_up") as line:
        purse = PurseShown("P1", "CNY", "value", 10_000)
        await line.box.shop.tell(
            MemberTold(member="M000000000009", name="李*", cards=(CARD,), purses=(purse,))
        )
        for _ in range(2):
            await line.box.show_card()
            await ask(line, changed(type="1"))
            assert await answer(line) == "0"
            await line.cut()
        assert (await line.box.day()).topped_minor == 1_500
