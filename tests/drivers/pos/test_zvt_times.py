"""ZVT when nobody answers: every wait has an end, and no payment is left that its till does not know of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Asked, Heard, Note, Told
from drivers.pos.zvt import ecr, messages
from drivers.pos.zvt.dialogue import GIVE_UP_MS, HELD_MS_MAX, REPEATS_MAX
from drivers.pos.zvt.framing import T1_MS, T3_MS, encode_frame
from drivers.pos.zvt.line import RESENDS_MAX, T2_MS
from drivers.pos.zvt.options import ZvtOptions
from drivers.pos.zvt.protocol import ZvtDecoder
from edge_agent.terminals import HELD_MOST_MS
from sync.contract.questions import Declined, Paid, Pay, Refund, Refunded, Undo, Undone
from sync.contract.terminal import CardAwaited, CardThere, Confirm, Confirmed, NeverMind, TxnAsked, TxnTold

ACK, NAK = b"\x06", b"\x15"
GAP_MS = 50


class Desk:
    """A terminal whose box knows one card, and whose line is watched. `steps` is what became of the money."""

    def __init__(self, *, serial: bool = False, card: bool = True, **options: Any) -> None:
        self.decoder = ZvtDecoder(ZvtOptions(**options))
        self.serial, self.card = serial, card
        self.now_ms = 1_000
        self.steps: list[str] = []
        self.mute = False  # the box does not answer
        self.last = b""  # that the terminal said
        self._card_due_ms: int | None = None  # when the box has waited for a card for long enough

    def till(self, raw: bytes) -> list[str]:
        """What the till says as an APDU; what the terminal says to that at once."""
        return self.line(encode_frame(raw) if self.serial else raw)

    def line(self, chunk: bytes) -> list[str]:
        """The same with bytes."""
        return self._settle(self.decoder.feed(chunk, self.now_ms))

    def wait(self, ms: int) -> list[str]:
        """Time passes, and the terminal is woken whenever it wants to be."""
        until_ms = self.now_ms + ms
        said: list[str] = []
        while (due := min(self._due(), default=until_ms + 1)) <= until_ms:
            self.now_ms = max(self.now_ms, due)
            if self._card_due_ms == due:
                self.show(Declined("no_card"))
            said += self._settle(self.decoder.wake(self.now_ms))
        self.now_ms = until_ms
        return said

    def show(self, told: CardThere | Declined) -> None:
        """A card comes, or none; whoever waits for one is told."""
        if self._card_due_ms is not None:
            self._card_due_ms = None
            self.decoder.answer(told, self.now_ms)

    def _due(self) -> list[int]:
        return [due for due in (self.decoder.wake_at_ms, self._card_due_ms) if due is not None]

    def pay(self, amount_minor: int = 1_500, **named: Any) -> list[str]:
        """A payment up to its 04 0F; on a serial line all is acknowledged."""
        said = self.till(ecr.authorisation(amount_minor, **named))
        if self.serial:
            said += self.line(ACK)
        return said + self.wait(GAP_MS)

    def _settle(self, heard: list[Heard]) -> list[str]:
        said = self._words(self.decoder.replies())
        for each in heard:
            if not isinstance(each.what, Note) and not self.mute:
                told = self._told(each.what)  # type: ignore[arg-type]
                if told is not None:
                    self.decoder.answer(told, self.now_ms)
        while self.decoder.wake_at_ms is not None and self.decoder.wake_at_ms <= self.now_ms:
            said += self._settle(self.decoder.wake(self.now_ms))
        return said

    def _told(self, asked: Asked) -> Told | None:
        match asked:
            case Pay(amount_minor=amount_minor):
                self.steps.append("paid")
                return Paid(approved_minor=amount_minor)
            case Confirm():
                self.steps.append("confirmed")
                return Confirmed()
            case Undo():
                self.steps.append("undone")
                return Undone(amount_minor=1_500)
            case CardAwaited(limit_ms=limit_ms):
                self._card_due_ms = None if self.card else self.now_ms + limit_ms
                return CardThere(card="c", member="M1") if self.card else None
            case NeverMind():
                self.show(Declined("no_card"))
                return None
            case TxnAsked(kind="pay"):
                return TxnTold(txn="zvt:#1", kind="pay", state="done", currency="CNY", amount_minor=1_500)
            case TxnAsked():
                return Declined("unknown_sale")
            case Refund(amount_minor=amount_minor):
                return Refunded(amount_minor=amount_minor)
        raise AssertionError(asked)

    def _words(self, out: bytes) -> list[str]:
        words: list[str] = []
        while out:
            if out[:1] in (ACK, NAK) and self.serial:
                words.append("ACK" if out[:1] == ACK else "NAK")
                out = out[1:]
                continue
            if self.serial:
                end = out.index(b"\x10\x03") + 4
                raw, out = out[2 : end - 4], out[end:]
            else:
                raw, out = out[: 3 + out[2]], out[3 + out[2] :]
            words.append(raw[:2].hex())
            self.last = raw
        return words


@pytest.mark.parametrize("good", [ecr.OK, bytes.fromhex("840000")])
def test_a_payment_that_the_till_acknowledges_is_final_whatever_becomes_of_its_end(good: bytes) -> None:
    desk = Desk()
    assert desk.pay() == ["8000", "040f"]
    assert desk.till(good) == ["060f"]
    assert desk.last == bytes.fromhex("060f00")
    desk.wait(600_000)  # and the till never says anything again
    assert desk.steps == ["paid", "confirmed"]
    assert desk.pay(1_600) == ["8000", "040f"]


def test_a_payment_that_nobody_acknowledges_is_told_thrice_and_undone() -> None:
    desk = Desk(goods_wait_s=30)
    desk.pay()
    assert desk.wait(T3_MS * 5) == ["040f"] * REPEATS_MAX
    assert desk.steps == ["paid"]
    assert desk.wait(T3_MS) == ["061e"]
    assert desk.steps == ["paid", "undone"]


def test_the_till_says_how_long_its_goods_take() -> None:
    desk = Desk()
    desk.pay(wait_s=100)
    desk.wait(99_000)
    assert desk.steps == ["paid"]
    desk.till(ecr.OK)
    assert desk.steps == ["paid", "confirmed"]


def test_a_payment_that_was_acknowledged_is_not_the_next_one_of_the_same_amount() -> None:
    desk = Desk()
    desk.pay()
    desk.mute = True
    desk.till(ecr.OK)
    assert desk.till(ecr.authorisation(1_500)) == []  # before the box has it on disk
    desk.mute = False
    desk.decoder.answer(Confirmed(), desk.now_ms)
    assert desk.wait(GAP_MS) == ["8000", "040f"]
    assert desk.steps == ["paid", "paid"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("0650 00", "8483"),
        ("0650 03 999999", "8483"),
        ("0650 03 123456", "8000"),
        ("0620 00", "8483"),
        ("0631 0a 999999 04000000001500", "8483"),
        ("0630 03 870001", "8483"),
        ("0501 00", "8000"),
        ("0501 03 999999", "8483"),
        ("0601 07 04000000001500", "8000"),
    ],
)
def test_a_command_that_has_a_password_does_nothing_without_it(command: str, said: str) -> None:
    locked, open_to_all = Desk(password="123456"), Desk()
    locked.mute = open_to_all.mute = True
    assert locked.till(bytes.fromhex(command)) == [said]
    assert open_to_all.till(bytes.fromhex(command))[0] != "8483"


def test_a_till_that_needs_time_and_time_for_its_goods_has_no_more_than_the_box_holds_for() -> None:
    desk = Desk(goods_wait_s=240)
    desk.pay(repeats=120)
    for _ in range(100):
        desk.till(ecr.WAIT)
        desk.wait(2_000)
    desk.till(ecr.WAIT)
    assert desk.steps == ["paid"]
    desk.wait(HELD_MS_MAX - 200_000 + T3_MS)
    assert desk.steps == ["paid", "undone"]
    assert HELD_MS_MAX + T3_MS + (1 + RESENDS_MAX) * T2_MS < HELD_MOST_MS


def test_a_till_that_says_twice_that_it_needs_time_said_it_once() -> None:
    desk = Desk()
    desk.pay(repeats=1)
    assert desk.till(ecr.WAIT) + desk.till(ecr.WAIT) == []
    assert desk.wait(2_000) == ["040f"]
    desk.till(ecr.OK)
    assert desk.steps == ["paid", "confirmed"]


def test_a_till_that_asks_for_time_for_ever_is_not_sold_anything() -> None:
    desk = Desk(repeats_max=120)
    desk.pay(repeats=255)
    waits = 0
    while desk.steps == ["paid"]:
        desk.till(ecr.WAIT)
        desk.till(ecr.WAIT)  # said twice, it counts once
        assert desk.wait(1_900) == []
        desk.wait(100)
        waits += 1
    assert 100 < waits < 130
    assert desk.steps == ["paid", "undone"]


def test_a_frame_that_is_not_acknowledged_is_said_again_twice_and_then_its_payment_is_undone() -> None:
    desk = Desk(serial=True)
    assert desk.pay() == ["ACK", "8000", "040f"]
    assert desk.wait(T2_MS * RESENDS_MAX) == ["040f"] * RESENDS_MAX
    assert desk.steps == ["paid"]
    assert desk.wait(T2_MS) == ["061e"]
    assert desk.steps == ["paid", "undone"]


def test_a_nak_has_the_frame_said_again_at_once() -> None:
    desk = Desk(serial=True)
    desk.pay()
    assert desk.line(NAK) == ["040f"]
    assert desk.line(ACK + encode_frame(ecr.OK)) == ["ACK", "060f"]
    assert desk.steps == ["paid", "confirmed"]


def test_an_answer_that_came_before_our_word_was_acknowledged_is_to_something_else() -> None:
    desk = Desk(serial=True)
    desk.pay()
    assert desk.till(ecr.OK) == ["ACK"]  # of 80 00 to 04 FF, say, whose ACK got lost on the line
    assert desk.steps == ["paid"]
    assert desk.line(ACK) == []
    assert desk.till(ecr.OK) == ["ACK", "060f"]
    assert desk.steps == ["paid", "confirmed"]


def test_an_answer_to_a_status_that_we_gave_up_is_none_to_the_payment() -> None:
    desk = Desk(card=False)
    desk.till(ecr.registration())
    desk.wait(GAP_MS)
    desk.till(ecr.OK)
    desk.till(ecr.authorisation(1_500))
    assert desk.wait(1_000) == ["04ff"]
    desk.wait(T3_MS)  # the till is slow
    desk.show(CardThere(card="c"))
    assert desk.wait(1) == ["040f"]
    assert desk.till(ecr.OK) == []
    assert desk.steps == ["paid"]
    desk.till(ecr.OK)
    assert desk.steps == ["paid", "confirmed"]


def test_a_frame_that_stops_halfway_is_refused_after_t1() -> None:
    desk = Desk(serial=True)
    frame = encode_frame(ecr.authorisation(1_500))
    assert desk.line(frame[:9]) == []
    assert desk.wait(T1_MS - 1) == []
    assert desk.wait(1) == ["NAK"]
    assert desk.line(frame) == ["ACK", "8000"]


def test_an_apdu_that_stops_halfway_is_forgotten_after_t3() -> None:
    desk = Desk()
    raw = ecr.authorisation(1_500)
    desk.line(raw[:5])
    assert desk.wait(T3_MS) == []
    assert desk.pay() == ["8000", "040f"]


def test_a_card_that_is_awaited_is_told_of_every_ten_seconds_and_only_to_whom_it_matters() -> None:
    for config, told in ((0x9A, 6), (0x92, 0)):
        desk = Desk(card=False)
        desk.till(ecr.registration(config))
        desk.wait(GAP_MS)
        desk.till(ecr.OK)
        desk.till(ecr.authorisation(1_500))
        said: list[str] = []
        for _ in range(60):
            said += (now := desk.wait(1_000))
            if "04ff" in now:
                desk.till(ecr.OK)
        assert said.count("04ff") == told
    desk.till(ecr.log_off())


def test_a_box_that_never_answers_a_question_costs_no_more_than_two_payments() -> None:
    desk = Desk()
    desk.mute = True
    desk.till(ecr.authorisation(1_500))
    desk.wait(GIVE_UP_MS + T3_MS)
    desk.mute = False
    assert desk.pay() == ["8000"]
    desk.wait(GIVE_UP_MS + T3_MS)
    assert desk.pay() == ["8000", "040f"]


def test_a_box_that_does_not_answer_costs_a_payment_and_not_the_terminal() -> None:
    desk = Desk()
    desk.mute = True
    assert desk.till(ecr.authorisation(1_500)) == ["8000"]
    assert desk.wait(GIVE_UP_MS) == ["061e"]
    desk.till(ecr.OK)
    assert desk.till(ecr.authorisation(1_600)) == ["8000"]
    for _ in range(2):  # to the first of the old payment, and to the first of the new
        desk.decoder.answer(Declined("unknown_sale"), desk.now_ms)
    desk.mute = False
    assert desk.wait(GAP_MS) == ["040f"]
    desk.till(ecr.OK)
    assert desk.steps == ["paid", "confirmed"]


@pytest.mark.parametrize("raw", [ecr.abort(), ecr.registration(0x92), ecr.authorisation(1_600), ecr.NO_GOODS])
def test_a_till_that_says_anything_but_good_has_not_paid(raw: bytes) -> None:
    desk = Desk()
    desk.pay()
    desk.till(raw)
    assert desk.steps[:2] == ["paid", "undone"]


def test_a_payment_given_back_meanwhile_is_not_said_to_be_good() -> None:
    desk = Desk()
    desk.pay()
    desk._told = lambda asked: Declined("undone")  # type: ignore[method-assign]
    assert desk.till(ecr.OK) == ["061e"]


DEEDS = [
    *(ecr.authorisation(amount) for amount in (1_500, 1_600)),
    ecr.authorisation(1_500, repeats=1, last_seen=3),
    *(ecr.OK, ecr.OK, ecr.OK, ecr.WAIT, ecr.NO_GOODS, ecr.partly_issued(1_000)),
    *(ecr.registration(), ecr.abort(), ecr.status_enquiry(), ecr.log_off(), ecr.read_card(5)),
]
WAITS_MS = [1, GAP_MS, 600, 2_000, T3_MS, 40_000, 250_000]


@given(
    serial=st.booleans(),
    card=st.booleans(),
    deeds=st.lists(
        st.sampled_from(DEEDS)
        | st.sampled_from(WAITS_MS)
        | st.sampled_from([ACK, ACK, NAK, b"\x10\x02\x06"]),
        max_size=30,
    ),
)
def test_whatever_a_till_does_every_payment_is_either_final_or_undone(
    serial: bool, card: bool, deeds: list[bytes | int]
) -> None:
    desk = Desk(serial=serial, card=card)
    for deed in deeds:
        if isinstance(deed, int):
            desk.wait(deed)
        elif len(deed) < 3 or deed[:1] == b"\x10":
            desk.line(deed if serial else b"")
        else:
            desk.till(deed)
    desk.wait(900_000)
    desk.card = True
    assert desk.steps.count("paid") == desk.steps.count("confirmed") + desk.steps.count("undone")
    assert desk.pay()[-1] == "040f"  # and the next customer is served


def test_repeat_receipt_says_what_the_journal_says() -> None:
    told = TxnTold(txn="zvt:#12", kind="pay", state="done", currency="CNY", amount_minor=1_500)
    for state, code in (("done", 0x00), ("undone", 0xB4), ("held", 0x6C)):
        desk = Desk()
        desk._told = lambda asked, state=state: msgspec.structs.replace(told, state=state)  # type: ignore[method-assign,misc]
        desk.till(ecr.repeat_receipt())
        desk.wait(GAP_MS)
        status = messages.read(desk.last).fields
        assert (status["result_code"], status["amount_minor"], status["receipt_no"]) == (code, 1_500, 12)
