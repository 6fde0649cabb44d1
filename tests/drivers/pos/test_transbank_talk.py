"""A till that speaks Transbank's protocol: what is said when, what is final, what is undone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.pos.stx import frame
from drivers.pos.transbank.line import Line
from drivers.pos.transbank.protocol import BYTE_GAP_MS
from tests.drivers.pos.till_line import TillLine, open_line

ACK, NAK = b"\x06", b"\x15"
SALE = frame(b"0200|1500|A12345|||0|")
SHOWN_SALE = frame(b"0200|1500|A12345|||1|")
LAST_SALE, CLOSE, TOTALS, POLL = (frame(each) for each in (b"0250|", b"0500||", b"0700||", b"0100"))
GAP_MS, ACK_MS = 150, 10_000  # what the protocol wants; ours is more


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[TillLine]:
    async with open_line(tmp_path, "pos.transbank") as opened:
        await opened.box.show_card()
        yield opened


def code(raw: bytes) -> bytes:
    """The response code of the last frame in it."""
    return raw.rpartition(b"\x02")[2].split(b"|")[1]


async def test_nothing_is_said_within_150_ms_of_what_was_said_before(line: TillLine) -> None:
    await line.say(SHOWN_SALE, 1_000)
    for _ in range(2):
        await line.say(ACK, 1_000)
    assert [raw for _, raw in line.said][:3] == [ACK, frame(b"0900|78"), frame(b"0900|82")]
    assert line.said[3][1].startswith(b"\x020210|00|")
    moments = [at for at, _ in line.said]
    assert all(later - at >= GAP_MS for at, later in pairwise(moments))


def test_the_quiet_begins_when_a_slow_box_has_written() -> None:
    line = Line(GAP_MS, ACK_MS)
    line.sign(0x06, now_ms=0)
    line.say(b"0900|78", now_ms=0)
    assert line.take() == ACK
    line.written(now_ms=120)
    line.wake(now_ms=269)
    assert line.take() == b""
    line.wake(now_ms=270)
    assert line.take() == frame(b"0900|78")


async def test_a_till_that_acknowledges_no_intermediate_message_is_told_its_sale_all_the_same(
    line: TillLine,
) -> None:
    said = await line.say(SHOWN_SALE, ACK_MS + 1_000)
    assert (said.count(b"0900|"), code(said)) == (1, b"00")
    await line.say(ACK)
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_a_late_ack_of_an_intermediate_message_is_none_of_the_sale(line: TillLine) -> None:
    await line.say(SHOWN_SALE, 1_000)
    await line.say(ACK, 9_000)  # of 78; that of 82 is late
    said = await line.say(ACK, 1_000)
    assert (code(said), await line.box.held()) == (b"00", 1)
    assert code(await line.say(NAK, 1_000)) == b"00"
    assert await line.box.held() == 1
    await line.say(ACK)
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_a_sale_is_final_with_the_tills_ack_and_not_before(line: TillLine) -> None:
    assert code(await line.say(SALE, 1_000)) == b"00"
    assert await line.box.held() == 1
    await line.say(ACK)
    assert (await line.box.held(), (await line.box.day()).paid) == (0, 1)


async def test_a_refused_reply_is_said_twice_more_and_then_the_sale_is_undone(line: TillLine) -> None:
    first = await line.say(SALE, 1_000)
    again = [await line.say(NAK, 1_000) for _ in range(3)]
    assert again == [first[1:], first[1:], b""]
    assert (await line.box.held(), await line.box.left()) == (0, 10_000)
    assert code(await line.say(LAST_SALE, 1_000)) == b"11"


async def test_a_till_that_says_nothing_is_told_twice_more_and_then_the_sale_is_undone(
    line: TillLine,
) -> None:
    await line.say(SALE, 1_000)
    assert (await line.wait(3 * ACK_MS)).count(b"0210|00") == 2
    assert (await line.box.held(), await line.box.left()) == (0, 10_000)


async def test_a_late_ack_counts(line: TillLine) -> None:
    await line.say(SALE, 2 * ACK_MS + 2_000)
    await line.say(ACK)
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_the_last_sale_tells_one_that_waits_for_the_tills_word_and_makes_it_final(
    line: TillLine,
) -> None:
    await line.say(SALE, 1_000)
    told = await line.say(LAST_SALE, 1_000)
    assert (code(told), b"|A12345|" in told, await line.box.held()) == (b"00", True, 1)
    await line.say(ACK)
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


@pytest.mark.parametrize("other", [CLOSE, TOTALS, frame(b"0200|1500|B1|||0|"), frame(b"1200|1|")])
async def test_a_till_that_turns_to_something_else_has_not_taken_the_sale(
    line: TillLine, other: bytes
) -> None:
    await line.say(SALE, 1_000)
    await line.say(other, 1_000)
    await line.say(ACK, 100)
    assert await line.box.held() == 0
    assert await line.box.left() == (8_500 if b"B1" in other else 10_000)
    assert (await line.box.day()).paid == (1 if b"B1" in other else 0)


async def test_a_till_that_only_looks_has_its_time_to_ask_what_became_of_the_sale(line: TillLine) -> None:
    await line.say(SALE, 1_000)
    assert await line.say(POLL, 2 * ACK_MS) == ACK
    assert await line.box.held() == 1
    assert code(await line.say(LAST_SALE, 1_000)) == b"00"
    await line.say(POLL, 4 * ACK_MS)
    assert (await line.box.held(), await line.box.left()) == (0, 10_000)


async def test_the_same_sale_asked_for_before_it_is_acknowledged_is_told_again(line: TillLine) -> None:
    first, again = [await line.say(SALE, 1_000) for _ in range(2)]
    assert first == again
    await line.say(ACK)
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_tickets_that_are_no_numbers_do_not_make_two_sales_one(line: TillLine) -> None:
    for _ in range(2):
        await line.box.show_card()
        assert code(await line.say(frame(b"0200|000001500|000000|||0"), 1_000)) == b"00"
        await line.say(ACK)
    assert await line.box.left() == 7_000


async def test_a_sale_without_a_ticket_asked_for_again_takes_the_place_of_the_one_before(
    line: TillLine,
) -> None:
    for _ in range(2):
        assert code(await line.say(frame(b"0200|000001500|000000|||0"), 1_000)) == b"00"
    await line.say(ACK)
    assert (await line.box.held(), await line.box.left()) == (0, 8_500)


async def test_a_ticket_is_not_the_beginning_of_another(line: TillLine) -> None:
    for ticket in (b"A#1", b"A"):
        await line.box.show_card()
        assert code(await line.say(frame(b"0200|1500|%s|||0|" % ticket), 1_000)) == b"00"
        await line.say(ACK)
    assert await line.box.left() == 7_000


async def test_a_card_that_is_awaited_is_paid_with_when_it_comes(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.transbank") as line:
        assert await line.say(SALE, 5_000) == ACK
        assert await line.say(SALE, 1_000) == ACK  # it has only missed our ACK
        await line.box.show_card()
        line.decoder.wake_at_ms = 0  # as the session stirs the pump
        assert code(await line.wait(1_000)) == b"00"
        await line.say(ACK)
        assert await line.box.left() == 8_500


async def test_another_question_ends_the_wait_for_a_card(tmp_path: Path) -> None:
    async with open_line(tmp_path, "pos.transbank") as line:
        await line.say(SALE, 1_000)
        assert b"0710|00|0|0" in await line.say(TOTALS, 1_000)
        await line.say(ACK)
        await line.box.show_card()
        line.decoder.wake_at_ms = 0
        assert b"0210" not in await line.wait(1_000)
        assert (await line.box.held(), await line.box.left()) == (0, 10_000)


@pytest.mark.parametrize(
    ("said", "response"),
    [
        (b"0200|0|A|||0|", b"72"),
        (b"0200|1.5|A|||0|", b"72"),
        (b"0200||A|||0|", b"72"),
        (b"0200|1234567890|A|||0|", b"72"),
        (b"0200|100|A123456|||0|", b"70"),
        (b"1200||", b"05"),
        (b"1200|x|", b"05"),
        (b"1200|1234567|", b"05"),
        (b"0270|100|A|||0|597029414301", b"12"),
        (b"0290|1|", b"12"),
        (b"4321", b"12"),
    ],
)
async def test_what_cannot_be_read_or_done_has_its_code(line: TillLine, said: bytes, response: bytes) -> None:
    assert code(await line.say(frame(said), 1_000)) == response
    assert await line.box.left() == 10_000


async def test_a_frame_with_a_wrong_lrc_is_refused_and_so_is_half_of_one(line: TillLine) -> None:
    assert await line.say(SALE[:-1] + b"\x00", 1_000) == NAK
    assert await line.say(SALE[:9], BYTE_GAP_MS) == NAK
    assert await line.say(b"\x02", BYTE_GAP_MS) == b""
    assert await line.say(frame(b"what|"), 1_000) == NAK
    assert [note.problem for note in line.notes] == ["checksum", "cut", "cut", "command"]
    assert await line.say(POLL) == ACK


async def test_a_flood_of_questions_is_answered_and_ends(line: TillLine) -> None:
    for _ in range(200):
        await line.say(TOTALS)
    assert code(await line.wait(1_000)) == b"00"
    await line.say(ACK)
    assert line.decoder.wake_at_ms is None
