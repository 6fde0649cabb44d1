"""A till from the specification (zvt_ecr.py) pays, gives back and closes its day, on both kinds of line.

No client of ZVT is in a registry. ecrterm was tried by hand; see drivers/pos/zvt/README.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from demo.programs import free_port
from drivers.ports import open_port
from drivers.pos.zvt import ecr
from sync.clock import SystemClock
from tests.drivers.pos.zvt_ecr import GOOD, NO_GOODS, WAIT, Ecr, NoAnswer, Result
from tests.edge_agent.terminal_box import CARD_NUMBER, TerminalBox
from tests.interop.pos.scissors import PORT, Scissors
from tests.interop.wire import Cut, places

CNY = 156
AT_ONCE = 4  # conversations cut side by side


@dataclass
class AtWork:
    """A box that is a terminal, and how its till reaches it."""

    box: TerminalBox
    dial: Callable[[], Any]  # await dial(): a till
    line: Any  # Wire or Scissors
    serial: bool


OpenWork = Callable[..., AbstractAsyncContextManager[AtWork]]


@asynccontextmanager
async def dialling(url: str, *, serial: bool) -> AsyncIterator[Callable[[], Awaitable[Ecr]]]:
    """`await dial()`: the till on that line, which has let go of it first; none is left at the end."""
    tills: list[Ecr] = []

    async def dial() -> Ecr:
        while tills:
            await tills.pop().close()
        tills.append(Ecr(await open_port(url, clock=SystemClock()), serial=serial))
        return tills[-1]

    yield dial
    while tills:
        await tills.pop().close()


@pytest.fixture(params=["serial", "tcp"])
def open_work(request: pytest.FixtureRequest, make_wire: Any, open_till_box: Any) -> OpenWork:
    """`async with open_work("name") as work`: a card lies on the reader."""

    @asynccontextmanager
    async def serial(name: str = "box", cut: Any = None, **options: Any) -> AsyncIterator[AtWork]:
        wire = make_wire()
        if cut is not None:
            wire.cut_at(cut)
        async with (
            open_till_box(name) as box,
            box.device("pos.zvt", wire.box, **options),
            dialling(f"serial://{wire.till}", serial=True) as dial,
        ):
            yield AtWork(box, dial, wire, True)

    @asynccontextmanager
    async def tcp(name: str = "box", cut: Any = None, **options: Any) -> AsyncIterator[AtWork]:
        port = free_port()
        listen = f"tcp-listen://127.0.0.1:{port}"
        async with (
            Scissors.open(port) as cable,
            open_till_box(name) as box,
            box.device("pos.zvt", listen, **options),
            dialling(f"tcp://{cable.host}:{PORT}", serial=False) as dial,
        ):
            if cut is not None:
                cable.cut_at(cut)
            yield AtWork(box, dial, cable, False)

    return serial if request.param == "serial" else tcp


async def test_a_day_at_a_till(open_work: OpenWork) -> None:
    async with open_work() as work:
        box, till = work.box, await work.dial()
        registered = await till.command(ecr.registration(currency=CNY))
        assert (
            registered.end | {"terminal_id": "00000001", "status_byte": 0, "currency": "156"}
            == registered.end
        )
        assert (await till.command(ecr.status_enquiry())).end["terminal_status"] == 0
        for amount in (1_500, 2_000):
            await box.show_card()
            paid = await till.command(ecr.authorisation(amount, currency=CNY))
            assert paid.approved
        shown = paid.statuses[-1]
        assert (shown["amount_minor"], shown["receipt_no"], shown["currency"]) == (2_000, 2, "156")
        assert (shown["terminal_id"], shown["card_name"]) == ("00000001", "GIFT CARD")
        assert (await box.left(), await box.held()) == (6_500, 0)

        await box.show_card()
        balance = await till.command(ecr.balance())
        assert (balance.approved, balance.statuses[-1]["amount_minor"]) == (True, 6_500)
        assert (await till.command(ecr.reversal(1))).approved
        again = await till.command(ecr.reversal(1))
        assert (again.ended, again.end["result_code"]) == ("abort", 0xB4)
        assert (await till.command(ecr.reversal(2, amount_minor=1_999))).end["result_code"] == 0xB5
        assert (await till.command(ecr.refund(500))).approved
        await box.show_card()
        assert (await till.command(ecr.refund(1_501))).end["result_code"] == 0xC3
        last = await till.command(ecr.repeat_receipt())
        assert (last.approved, last.statuses[-1]["amount_minor"]) == (True, 500)

        closed = await till.command(ecr.end_of_day())
        assert closed.approved
        assert closed.statuses[-1]["totals"]["others"] == {"count": 2, "amount_minor": 1_500}
        again = await till.command(ecr.end_of_day())  # as if it had not heard the first
        assert again.statuses[-1]["totals"] == closed.statuses[-1]["totals"]
        read = await till.command(ecr.read_card(5), ends=False)
        await till.follow(read)  # and no 06 0F: the till may go on at once
        assert read.statuses[-1]["track_1"] == "13 bytes"
        assert (await till.command(ecr.log_off(), ends=False)).answer == GOOD
        assert await box.left() == 8_500


async def test_a_till_that_never_registered_pays_too(open_work: OpenWork) -> None:
    async with open_work() as work:
        await work.box.show_card()
        paid = await (await work.dial()).command(ecr.authorisation(1_010))
        assert paid.approved
        assert "currency" not in paid.statuses[-1]


async def test_a_till_that_wants_it_is_told_that_a_card_is_awaited(open_work: OpenWork) -> None:
    async with open_work(status_every_s=2) as work:
        till = await work.dial()
        await till.command(ecr.registration())
        paid = Result()
        await till.begin(ecr.authorisation(1_500), paid)
        while len(paid.intermediates) < 2:
            await till.follow(paid)
        await work.box.show_card()
        while not paid.end:
            await till.follow(paid)
        assert (paid.approved, set(paid.intermediates)) == (True, {0x0A})


async def test_a_till_that_no_longer_wants_a_card_says_so(open_work: OpenWork) -> None:
    async with open_work() as work:
        till = await work.dial()
        aborted = Result()
        await till.begin(ecr.authorisation(1_500), aborted)
        assert (await till.command(ecr.abort(), ends=False)).answer == GOOD
        while not aborted.end:
            await till.follow(aborted)
        assert aborted.end["result_code"] == 0x6C
        await work.box.show_card()
        assert (await till.command(ecr.authorisation(1_500))).approved


async def test_goods_that_were_not_issued_are_not_paid(open_work: OpenWork) -> None:
    async with open_work() as work:
        till = await work.dial()
        await work.box.show_card()
        till.on_status = lambda status: NO_GOODS
        declined = await till.command(ecr.authorisation(1_500))
        assert (declined.ended, declined.end["result_code"]) == ("abort", 0x6C)
        assert (await work.box.left(), await work.box.held()) == (10_000, 0)
        last = await till.command(ecr.repeat_receipt())
        assert (last.statuses[-1]["result_code"], last.statuses[-1]["amount_minor"]) == (0xB4, 1_500)


async def test_goods_that_were_issued_in_part_are_paid_in_part(open_work: OpenWork) -> None:
    async with open_work() as work:
        till = await work.dial()
        await work.box.show_card()
        till.on_status = lambda status: ecr.partly_issued(1_100)
        assert (await till.command(ecr.authorisation(1_500))).ended == "completion"
        assert (await work.box.left(), await work.box.held()) == (8_900, 0)


async def test_a_till_that_needs_time_gets_it_so_often_and_no_more(open_work: OpenWork) -> None:
    async with open_work() as work:
        till = await work.dial()
        await work.box.show_card()
        answers = [WAIT, GOOD]
        till.on_status = lambda status: answers.pop(0)
        paid = await till.command(ecr.authorisation(1_500, repeats=1))
        assert (paid.approved, len(paid.statuses)) == (True, 2)
        await work.box.show_card()
        till.on_status = lambda status: WAIT if status["result_code"] == 0 else GOOD
        late = await till.command(ecr.authorisation(1_500, repeats=0))
        assert (late.ended, [each["result_code"] for each in late.statuses]) == ("abort", [0, 0x6C])
        assert (await work.box.left(), await work.box.held()) == (8_500, 0)


async def test_what_cannot_be_says_why(open_work: OpenWork) -> None:
    async with open_work(password="123456") as work:
        till = await work.dial()
        await work.box.show_card()
        assert (
            await till.command(ecr.registration(currency=978, password="123456"))
        ).answer.hex() == "841e036f0156"
        assert (await till.command(ecr.registration())).answer.hex() == "848300"
        wrong = await till.command(ecr.authorisation(1_500, currency=978))
        assert wrong.end["result_code"] == 0x6F
        assert (await till.command(ecr.authorisation(0))).end["result_code"] == 0xC8
        assert (await till.command(bytes.fromhex("060100"))).answer.hex() == "849a00"
        assert (await till.command(bytes.fromhex("0601087704000000000100"))).answer.hex() == "848300"
        assert (await till.command(bytes.fromhex("067000"))).answer.hex() == "848300"
        much = await till.command(ecr.authorisation(10_001))
        assert (much.ended, much.end["result_code"], much.statuses[-1]["result_code"]) == (
            "abort",
            0x71,
            0x71,
        )
        assert await work.box.left() == 10_000


async def test_a_card_that_the_till_has_read_pays(open_work: OpenWork) -> None:
    async with open_work() as work:
        paid = await (await work.dial()).command(ecr.authorisation(1_500, card=CARD_NUMBER))
        assert (paid.approved, await work.box.left()) == (True, 8_500)


async def test_a_card_is_topped_up_with_what_the_till_took(open_work: OpenWork) -> None:
    async with open_work() as work:
        till = await work.dial()
        await work.box.purse(30_000)
        await work.box.show_card()
        topped = await till.command(ecr.top_up(2_500))
        assert (topped.approved, topped.statuses[-1]["amount_minor"]) == (True, 2_500)
        assert (await work.box.day()).topped_minor == 2_500
        assert (await till.command(ecr.top_up(2_500, mode=1))).answer.hex() == "848300"
        last = await till.command(ecr.repeat_receipt())
        assert (last.approved, last.statuses[-1]["amount_minor"]) == (True, 2_500)


async def test_a_till_that_begins_anew_has_forgotten_what_it_began(open_work: OpenWork) -> None:
    async with open_work() as work:
        till = await work.dial()
        await till.begin(ecr.authorisation(1_500), Result())
        await till.command(ecr.registration(0x92))  # while the card is awaited: it was switched off and on
        await work.box.show_card()
        asked = Result()
        await till.begin(ecr.authorisation(1_500), asked)
        assert messages_of(await till.hear()) == 0x040F  # which it does not answer
        last = await till.command(ecr.repeat_receipt())
        assert last.statuses[-1]["result_code"] == 0xB4
        assert (await work.box.left(), await work.box.held()) == (10_000, 0)


async def test_a_till_that_says_the_same_again_is_paid_once(open_work: OpenWork) -> None:
    async with open_work() as work:
        till = await work.dial()
        await work.box.show_card()
        paid = Result()
        await till.begin(ecr.authorisation(1_500), paid)
        status = await till.hear()
        await till.begin(ecr.authorisation(1_500), paid)
        assert paid.answer == GOOD
        assert await till.hear() == status
        await till.say(GOOD)
        await till.follow(paid)
        assert (paid.ended, await work.box.left(), (await work.box.day()).paid) == ("completion", 8_500, 1)


async def test_a_till_that_mirrors_receipt_numbers_pays_only_for_what_it_heard_of(
    open_work: OpenWork,
) -> None:
    async with open_work() as work:
        till = await work.dial()
        await work.box.show_card()
        first = await till.command(ecr.authorisation(1_000, last_seen=0))
        assert first.statuses[-1]["tlv"] == {"1F1F": "0001"}
        await work.box.show_card()
        await till.command(ecr.authorisation(2_000, last_seen=1))  # of this it loses all memory
        await till.command(ecr.authorisation(3_000, last_seen=1))
        assert await work.box.left() == 10_000 - 1_000 - 3_000


async def test_a_line_cut_anywhere_leaves_both_sides_with_one_truth(open_work: OpenWork) -> None:
    """What the till hears when it asks again is what the books say, wherever its line went."""
    async with open_work("whole") as work:
        await work.box.show_card()
        till = await work.dial()
        assert (await till.command(ecr.authorisation(1_510))).approved
        cuts = work.line.places() if not work.serial else places(work.line.said)
    assert len(cuts) >= 10
    room = asyncio.Semaphore(AT_ONCE)

    async def cut_one(number: int, cut: Cut) -> int:
        async with room, open_work(f"cut-{number}", cut) as work:
            return await sold_across(work)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cut_one(number, cut)) for number, cut in enumerate(cuts)]
    left = [task.result() for task in tasks]
    assert set(left) == {8_490, 10_000}, "some cuts cost a sale, and some come too late to"
    assert left[-1] == 8_490  # behind the till's last word


async def sold_across(work: AtWork) -> int:
    """A sale on a line that is cut; what is left on the card, after all that may be asked of it."""
    box, result = work.box, Result()
    await box.show_card()
    try:
        till = await work.dial()
        await till.begin(ecr.authorisation(1_510), result)
        while not result.end:
            await till.follow(result)
    except (NoAnswer, AssertionError):
        pass
    if work.serial:
        await box.turns("down")
        work.line.mend()
        await box.turns("up")
    await box.becomes("held", 0)
    left = await box.left()
    till = await redialled(work)
    last = await till.command(ecr.repeat_receipt())
    if left == 8_490:
        assert (last.approved, last.statuses[-1]["amount_minor"]) == (True, 1_510)
    else:
        assert not last.approved
        assert result.ended != "completion"  # a till that was told the end of it has its money
    if not result.said_good:
        assert left == 10_000  # no goods, no money
    if not last.approved:
        assert (await till.command(ecr.authorisation(1_510))).approved
    assert (await box.left(), (await box.day()).paid, await box.held()) == (8_490, 1, 0)
    return left


async def redialled(work: AtWork) -> Ecr:
    """A till on the mended line. Between two callers a port is closed for a moment."""
    async with asyncio.timeout(5):
        while True:
            try:
                till = await work.dial()
                await till.command(ecr.status_enquiry())
            except NoAnswer:
                await asyncio.sleep(0.02)
            else:
                return till


def messages_of(raw: bytes) -> int:
    return int.from_bytes(raw[:2], "big")
