"""A nexo till talks to its terminal: repetitions, lost answers, who hangs up, whom not to trust."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from drivers.base import Told
from drivers.http_frames import HttpReader, Response, write_fate, write_request
from drivers.pos.nexo.decoder import FATE_WAIT_MS, QUEUE_MAX, NexoDecoder
from drivers.pos.nexo.options import NexoOptions
from drivers.pos.nexo.protocol import Header, read_letter, write_message
from drivers.pos.nexo.secured import Key
from sync.contract.questions import Balance, BalanceAsked, Declined, Paid, Pay, PurseNow, Undo, Undone
from sync.contract.terminal import (
    CardAwaited,
    CardThere,
    Confirm,
    Confirmed,
    NeverMind,
    TxnAsked,
    TxnTold,
)

PURSE = PurseNow(purse="P1", unit="CNY", programme="value", balance=10_000)


@dataclass
class Till:
    """The box behind the decoder, in a few lines, and a client in front of it."""

    options: NexoOptions = field(default_factory=NexoOptions)
    card: bool = True  # one is at the till
    deaf: bool = False  # answers no question
    now_ms: int = 0
    moved: dict[str, TxnTold] = field(default_factory=dict)
    answers: dict[int, Response] = field(default_factory=dict)
    seen: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.decoder = NexoDecoder(self.options, random_bytes=lambda size: bytes(range(size)))
        self._reader = HttpReader()
        self._number = 0

    def request(self, category: str, body: Any, service: str = "S1", **header: str) -> int:
        """Sends it on a connection of its own, whose number is told."""
        named = {"sale_id": "TILL-1", "service_id": service, "poi_id": "EDGE-1"} | header
        return self.post(write_message(Header(category, **named), "Request", body))

    def post(self, raw: bytes, target: str = "/nexo/", method: str = "POST") -> int:
        self._number += 1
        self.go_on(write_request(self._number, method, target, (), raw))
        return self._number

    def arrived(self, number: int, *, arrived: bool = True) -> None:
        self.go_on(write_fate(number, arrived=arrived))

    def go_on(self, chunk: bytes = b"", after_ms: int = 1) -> None:
        """Everything that happens by itself now."""
        self.now_ms += after_ms
        decoder = self.decoder
        heard = decoder.feed(chunk, self.now_ms) if chunk else decoder.wake(self.now_ms)
        while heard:
            for each in heard:
                if hasattr(each.what, "till") and (told := self.told(each.what)) is not None:
                    decoder.answer(told, self.now_ms)
            heard = decoder.wake(self.now_ms)
        for piece in self._reader.feed(decoder.replies()):
            assert isinstance(piece, Response)
            self.answers[piece.number] = piece

    def show_card(self) -> None:
        self.card = True
        self.decoder.answer(CardThere(card="c"), self.now_ms)
        self.go_on()

    def told(self, asked: Any) -> Told | None:
        self.seen.append(asked)
        if self.deaf:
            return None
        match asked:
            case TxnAsked():
                found = [txn for name, txn in self.moved.items() if name.startswith(asked.prefix)]
                return found[-1] if found else Declined("unknown_sale")
            case CardAwaited():
                return CardThere(card="c") if self.card or asked.number else None
            case Pay():
                paid = Paid(approved_minor=asked.amount_minor)
                self.moved[asked.txn] = TxnTold(
                    txn=asked.txn,
                    kind="pay",
                    state="held",
                    currency="CNY",
                    amount_minor=asked.amount_minor,
                    answer=paid,
                )
                return paid
            case Confirm() | Undo():
                state = "done" if isinstance(asked, Confirm) else "undone"
                self.moved[asked.txn] = _in_state(self.moved[asked.txn], state)
                return (
                    Confirmed()
                    if state == "done"
                    else Undone(amount_minor=self.moved[asked.txn].amount_minor)
                )
            case BalanceAsked():
                return Balance(purses=(PURSE,))
            case NeverMind():
                self.decoder.answer(Declined("no_card"), self.now_ms)
        return None

    def states(self) -> list[str]:
        return [txn.state for txn in self.moved.values()]

    def body(self, number: int) -> Any:
        """What stands in PaymentResponse or whatever it is."""
        said = json.loads(self.answers[number].body)["SaleToPOIResponse"]
        return next(value for name, value in said.items() if name.endswith("Response"))

    def condition(self, number: int) -> str:
        response = self.body(number)["Response"]
        return str(response.get("ErrorCondition", response["Result"]))


def _in_state(txn: TxnTold, state: Any) -> TxnTold:
    return TxnTold(**{name: getattr(txn, name) for name in txn.__struct_fields__} | {"state": state})


def payment(amount: Any = 10, **more: Any) -> Any:
    sale = {"SaleTransactionID": {"TransactionID": "R1", "TimeStamp": "2026-11-22T08:00:00Z"}}
    return {
        "SaleData": sale,
        "PaymentTransaction": {"AmountsReq": {"Currency": "CNY", "RequestedAmount": amount}},
    } | more


def reference(service: str) -> Any:
    return {"MessageReference": {"MessageCategory": "Payment", "ServiceID": service}}


@pytest.fixture
def till() -> Till:
    return Till()


def test_a_payment_is_final_when_its_answer_has_arrived(till: Till) -> None:
    number = till.request("Payment", payment(25.5))
    assert till.body(number)["PaymentResult"]["AmountsResp"]["AuthorizedAmount"] == 25.5
    assert till.states() == ["held"]
    till.arrived(number)
    assert till.states() == ["done"]


def test_a_payment_whose_answer_never_arrives_is_undone_and_its_status_says_so(till: Till) -> None:
    till.arrived(till.request("Payment", payment()), arrived=False)
    assert till.states() == ["undone"]
    asked = till.request("TransactionStatus", reference("S1"), "S2")
    repeated = till.body(asked)["RepeatedMessageResponse"]["RepeatedResponseMessageBody"]
    assert repeated["PaymentResponse"]["Response"]["ErrorCondition"] == "Aborted"
    again = till.request("Payment", payment())  # the same request: the till wants to be paid after all
    till.arrived(again)
    assert till.states() == ["undone", "done"]


def test_a_port_that_never_says_what_became_of_an_answer_is_not_waited_for_for_ever(till: Till) -> None:
    till.request("Payment", payment())
    till.go_on(after_ms=FATE_WAIT_MS)
    assert till.states() == ["undone"]


def test_what_follows_waits_until_the_fate_of_a_payment_is_known(till: Till) -> None:
    first = till.request("Payment", payment())
    second = till.request("Payment", payment(7), "S2")
    status = till.request("TransactionStatus", reference("S1"), "S3")
    assert till.answers.keys() == {first}
    till.arrived(first)
    assert till.answers.keys() == {first, second}
    till.arrived(second)
    assert till.states() == ["done", "done"]
    assert till.condition(status) == "Success"


def test_more_than_a_few_that_wait_are_told_busy(till: Till) -> None:
    till.request("Payment", payment())
    numbers = [till.request("Payment", payment(2), f"W{number}") for number in range(QUEUE_MAX + 1)]
    assert [number for number in numbers if number in till.answers] == numbers[-1:]
    assert till.condition(numbers[-1]) == "Busy"


def test_a_repetition_while_the_card_is_awaited_shares_the_answer(till: Till) -> None:
    till.card = False
    first = till.request("Payment", payment())
    again = till.request("Payment", payment())
    till.arrived(first, arrived=False)  # the till has dialled anew
    till.show_card()
    assert till.condition(again) == "Success"
    till.arrived(again)
    assert till.states() == ["done"]


def test_one_of_two_answers_that_arrives_is_enough(till: Till) -> None:
    till.card = False
    first, again = till.request("Payment", payment()), till.request("Payment", payment())
    till.show_card()
    till.arrived(first, arrived=False)
    assert till.states() == ["held"]
    till.arrived(again)
    assert till.states() == ["done"]


def test_a_till_that_hangs_up_while_the_card_is_awaited_has_aborted(till: Till) -> None:
    till.card = False
    number = till.request("Payment", payment())
    assert till.condition(till.request("TransactionStatus", reference("S1"), "S2")) == "InProgress"
    till.arrived(number, arrived=False)
    assert till.moved == {}
    asked = till.request("TransactionStatus", reference("S1"), "S3")
    repeated = till.body(asked)["RepeatedMessageResponse"]["RepeatedResponseMessageBody"]
    assert repeated["PaymentResponse"]["Response"]["ErrorCondition"] == "Aborted"


def test_a_repetition_of_what_is_being_aborted_is_told_to_come_again(till: Till) -> None:
    till.card = False
    number = till.request("Payment", payment())
    till.deaf = True
    till.arrived(number, arrived=False)
    assert till.condition(till.request("Payment", payment())) == "Busy"
    till.decoder.answer(Declined("no_card"), till.now_ms)
    till.deaf, till.card = False, True
    till.go_on()
    assert till.condition(till.request("Payment", payment())) == "Success"


def test_an_abort_that_overtakes_the_end_of_the_payment_before_is_not_lost(till: Till) -> None:
    first = till.request("Payment", payment())
    waiting = till.request("Payment", payment(7), "S2")
    till.card, till.deaf = False, True
    till.arrived(first)  # its Confirm is under way, and S2 behind it
    till.request("Abort", {"AbortReason": "x"} | reference("S2"), "A1")
    till.deaf = False
    till.decoder.answer(Confirmed(), till.now_ms)
    till.go_on()
    assert till.condition(waiting) == "Aborted"


def test_a_till_that_hangs_up_before_its_turn_is_forgotten(till: Till) -> None:
    first = till.request("Payment", payment())
    waiting = till.request("Payment", payment(7), "S2")
    till.arrived(waiting, arrived=False)
    till.arrived(first)
    assert till.states() == ["done"]


def test_an_abort_ends_what_waits_for_a_card_or_for_its_turn_and_nothing_else(till: Till) -> None:
    first = till.request("Payment", payment())
    queued = till.request("Payment", payment(7), "S2")
    other = till.request("Abort", {"AbortReason": "x"} | reference("S9"), "A1")
    till.request("Abort", {"AbortReason": "x"} | reference("S2"), "A2")
    assert (till.answers[other].status, till.answers[other].body) == (200, b"")
    till.arrived(first)
    assert till.condition(queued) == "Aborted"
    till.card = False
    waiting = till.request("Payment", payment(7), "S3")
    assert till.condition(till.request("Payment", payment(8), "S4")) == "Busy"
    till.request("Abort", {"AbortReason": "x"} | reference("S3"), "A3")
    assert till.condition(waiting) == "Aborted"
    assert till.condition(till.request("Payment", payment(7), "S3")) == "Aborted"  # as it was recorded
    assert till.states() == ["done"]


def test_a_box_that_answers_nothing_is_given_up_and_the_next_request_is_begun(till: Till) -> None:
    till.deaf = True
    number = till.request("Payment", payment())
    till.go_on(after_ms=10**6)
    assert till.condition(number) == "UnavailableService"
    till.deaf = False
    assert till.condition(till.request("Payment", payment())) == "Success"  # it is mended by now


def test_a_reversal_of_which_the_till_has_not_heard_is_told_again_and_not_refused(till: Till) -> None:
    number = till.request("Payment", payment())
    till.arrived(number)
    original = {
        "OriginalPOITransaction": {"POITransactionID": till.body(number)["POIData"]["POITransactionID"]}
    }
    till.deaf = True
    lost = till.request("Reversal", original, "S2")
    till.arrived(lost, arrived=False)
    till.deaf = False
    for each in till.seen[-1:]:  # the box answers late
        till.decoder.answer(till.told(each), till.now_ms)  # type: ignore[arg-type]
    till.go_on()
    assert till.states() == ["undone"]
    assert till.condition(till.request("Reversal", original, "S2")) == "Success"
    assert till.condition(till.request("Reversal", original, "S3")) == "NotAllowed"


def test_a_card_that_the_till_has_read_is_asked_for_by_its_number(till: Till) -> None:
    till.card = False
    account = {"EntryMode": ["MagStripe"], "IdentificationType": "ISOTrack2", "Value": ";6287=2512?"}
    instrument = {"PaymentInstrumentType": "StoredValue", "StoredValueAccountID": account}
    number = till.request("Payment", payment(PaymentData={"PaymentInstrumentData": instrument}))
    assert till.condition(number) == "Success"
    (asked,) = [each for each in till.seen if isinstance(each, CardAwaited)]
    assert (asked.number, asked.technology) == ("6287", "magstripe")


def test_a_members_number_from_a_card_acquisition_is_no_card_number(till: Till) -> None:
    there = till.body(till.request("CardAcquisition", {"CardAcquisitionTransaction": {}}))
    assert there["PaymentInstrumentData"]["PaymentInstrumentType"] == "StoredValue"
    account = {"LoyaltyID": "M01", "IdentificationType": "AccountNumber", "EntryMode": ["File"]}
    till.request("Payment", payment(LoyaltyData=[{"LoyaltyAccountID": account}]), "S2")
    assert [each.number for each in till.seen if isinstance(each, CardAwaited)] == ["", ""]


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (10, "Success"),
        ("12.50", "Success"),
        (0, "MessageFormat"),
        (-5, "MessageFormat"),
        (1.234, "MessageFormat"),
        ("1e999999999", "MessageFormat"),
        (True, "MessageFormat"),
        (None, "MessageFormat"),
        ([], "MessageFormat"),
    ],
)
def test_an_amount_is_a_decimal_above_nothing(till: Till, amount: Any, said: str) -> None:
    assert till.condition(till.request("Payment", payment(amount))) == said


def test_a_request_without_a_service_id_is_not_begun(till: Till) -> None:
    assert till.condition(till.request("Payment", payment(), "")) == "MessageFormat"
    assert till.moved == {}


@pytest.mark.parametrize(
    ("raw", "target", "method", "status"),
    [
        (b"{}", "/other", "POST", 404),
        (b"", "/nexo/", "GET", 405),
        (b" " * 300_000, "/nexo/", "POST", 413),
        (b"hello", "/nexo/", "POST", 400),
        (b'{"SaleToPOIRequest": {"MessageHeader": {}}}', "/nexo/", "POST", 400),
        (b"[" * 100_000, "/nexo/", "POST", 400),
    ],
)
def test_what_is_no_message_is_refused(till: Till, raw: bytes, target: str, method: str, status: int) -> None:
    assert till.answers[till.post(raw, target, method)].status == status


SECRET = NexoOptions(passphrase="mysupersecretpassphrase", key_identifier="mykey", key_version=1)  # type: ignore[arg-type]
KEY = Key("mysupersecretpassphrase", "mykey", 1)
TRAILER = {"KeyIdentifier": "mykey", "KeyVersion": 1}


def secured(body: Any, key: Key = KEY, trailer: Any = TRAILER) -> bytes:
    header = Header("Payment", sale_id="TILL-1", service_id="S1", poi_id="EDGE-1")
    return write_message(header, "Request", body, key=key, trailer=trailer, random_bytes=bytes)


def test_with_a_key_requests_and_answers_are_secured() -> None:
    till = Till(SECRET)
    number = till.post(secured(payment()))
    letter = read_letter(till.answers[number].body, KEY)
    assert (letter.problem, letter.header and letter.header.message_type) == ("", "Response")
    assert letter.message is not None
    assert letter.message.body["Response"] == {"Result": "Success"}
    till.arrived(number)
    assert till.states() == ["done"]


def test_with_a_key_nothing_else_is_begun_and_the_refusal_can_be_read() -> None:
    till = Till(SECRET)
    wrong = [
        secured(payment(), key=Key("another", "mykey", 1)),
        secured(payment(), trailer={"KeyIdentifier": "mykey", "KeyVersion": 2}),
        secured(payment()).replace(b'"S1"', b'"S2"'),
    ]
    for raw in wrong:
        assert till.answers[till.post(raw)].status == 401
    number = till.request("Payment", payment())
    event = json.loads(till.answers[number].body)["SaleToPOIRequest"]["EventNotification"]
    assert (event["EventToNotify"], event["EventDetails"]) == ("Reject", "message=plain")
    assert till.seen == []


def test_without_a_key_what_is_secured_is_refused(till: Till) -> None:
    assert till.answers[till.post(secured(payment()))].status == 401
