"""Adyen's own library (npm @adyen/api-library) is the till: over TLS, plain and secured, and cut anywhere."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo.programs import free_port
from sync.contract.questions import CardShown
from sync.contract.tokens import card_token
from tests.edge_agent.terminal_box import CARD_NUMBER, TILL, TOKEN_KEY, TerminalBox
from tests.interop.peers import Peer
from tests.interop.pos.scissors import Scissors

PASSPHRASE = "mysupersecretpassphrase"
NAME = "legacy-terminal-certificate.test.terminal.adyen.com"
WITHIN_S = 15.0
STAMP = "2026-11-22T08:00:00.000Z"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory, needs: Callable[[str, str], Path]) -> Path:
    """As the README makes it; the key stands beside it."""
    cert = tmp_path_factory.mktemp("tls") / "pos.crt"
    made = f"req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN={NAME} -out {cert}"
    command = [str(needs("openssl", "openssl")), *made.split(), "-keyout", str(cert.with_suffix(".key"))]
    subprocess.run(command, check=True, capture_output=True)
    return cert


@dataclass
class AdyenTill:
    """The library, and what it was answered."""

    peer: Peer
    scissors: Scissors
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)

    async def listen(self) -> None:
        while True:
            said = await self.peer.answer()
            self._answers.pop(said["id"]).set_result(said)

    async def begin(self, category: str, body: Any, service: str) -> asyncio.Future[Any]:
        """Asks, and does not wait. The answer is the library's: its response, or its error."""
        number = next(self._ids)
        header = {
            "ProtocolVersion": "3.0",
            "MessageClass": "Service",
            "MessageCategory": category,
            "MessageType": "Request",
            "SaleID": "TILL-1",
            "ServiceID": service,
            "POIID": "EDGE-0001",
        }
        document = {"SaleToPOIRequest": {"MessageHeader": header, f"{category}Request": body}}
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self.peer.tell("ask", id=number, document=document)
        return self._answers[number]

    async def try_(self, category: str, body: Any, service: str) -> Any:
        """The response's body; None when the library has none."""
        async with asyncio.timeout(WITHIN_S):
            said = await (await self.begin(category, body, service))
        if "error" in said:
            return None
        return (said["response"].get("SaleToPOIResponse") or {}).get(f"{category}Response")

    async def ask(self, category: str, body: Any, service: str) -> Any:
        said = await self.try_(category, body, service)
        assert said is not None
        return said

    async def status(self, of: str, category: str = "Payment") -> Any:
        """What became of that request, when it is over: its own answer, or why there is none."""
        reference = {"MessageCategory": category, "SaleID": "TILL-1", "ServiceID": of}
        for number in itertools.count():
            said = await self.ask("TransactionStatus", {"MessageReference": reference}, f"Q{number}{of}"[:10])
            if said["Response"].get("ErrorCondition") not in ("InProgress", "Busy"):
                break
            await asyncio.sleep(0.02)
        if said["Response"]["Result"] == "Failure":
            return said["Response"]
        repeated = said["RepeatedMessageResponse"]
        assert repeated["MessageHeader"]["ServiceID"] == of
        return repeated["RepeatedResponseMessageBody"][f"{category}Response"]


def sale(receipt: str = "R1") -> Any:
    return {"SaleTransactionID": {"TransactionID": receipt, "TimeStamp": STAMP}, "OperatorID": "li"}


def payment(amount: float, **more: Any) -> Any:
    amounts = {"Currency": "CNY", "RequestedAmount": amount}
    return {"SaleData": sale(), "PaymentTransaction": {"AmountsReq": amounts}} | more


def stored(what: str, amount: float, number: str = CARD_NUMBER, **more: Any) -> Any:
    account = {
        "StoredValueAccountType": "GiftCard",
        "IdentificationType": "PAN",
        "EntryMode": ["MagStripe"],
        "Value": number,
    }
    item = {
        "StoredValueTransactionType": what,
        "ItemAmount": amount,
        "Currency": "CNY",
        "StoredValueAccountID": account,
    }
    return {"SaleData": sale(), "StoredValueData": [item | more]}


def original(answer: Any) -> Any:
    return {"OriginalPOITransaction": {"POITransactionID": answer["POIData"]["POITransactionID"]}}


@pytest.fixture(params=["plain", "secured"])
async def shop(
    request: pytest.FixtureRequest,
    npm: dict[str, str],
    certificate: Path,
    start_peer: Any,
    open_till_box: Callable[..., AbstractAsyncContextManager[TerminalBox]],
) -> AsyncIterator[tuple[TerminalBox, AdyenTill]]:
    secured = request.param == "secured"
    number = free_port()
    port = f"http-listen://127.0.0.1:{number}?cert={certificate}&key={certificate.with_suffix('.key')}"
    options: dict[str, Any] = {"card_wait_s": 10}
    if secured:
        options |= {"passphrase": PASSPHRASE, "key_identifier": "mykey", "key_version": 1}
    async with (
        open_till_box(amount=100_000) as box,
        box.device("pos.nexo", port, **options),
        Scissors.open(number) as scissors,
    ):
        peer = await start_peer(["node", Path(__file__).with_name("adyen_till.js")], env=npm)
        named = {"certificate": str(certificate), "passphrase": PASSPHRASE} if secured else {}
        assert await peer.ask("open", address=scissors.host, **named) == {"opened": True}
        till = AdyenTill(peer, scissors)
        listening = asyncio.create_task(till.listen())
        yield box, till
        listening.cancel()


async def test_a_payment_by_the_card_at_the_till_is_taken_and_reversed_once(shop: Any) -> None:
    box, till = shop
    await box.show_card()
    paid = await till.ask("Payment", payment(25.5), "S1")
    assert paid["Response"]["Result"] == "Success"
    assert paid["PaymentResult"]["AmountsResp"] == {"AuthorizedAmount": 25.5, "Currency": "CNY"}
    await box.becomes("held", 0)
    assert await box.left() == 97_450
    again = await till.ask("Payment", payment(25.5), "S1")
    assert again["POIData"]["POITransactionID"]["TransactionID"] == "S1@TILL-1#1"
    assert await box.left() == 97_450
    part = await till.ask(
        "Reversal", original(paid) | {"ReversedAmount": 5.5, "ReversalReason": "MerchantCancel"}, "S2"
    )
    assert (part["Response"]["Result"], part["ReversedAmount"]) == ("Success", 5.5)
    whole = original(paid) | {"ReversalReason": "MerchantCancel"}
    for service in ("S3", "S3"):
        said = await till.ask("Reversal", whole, service)
        assert (said["Response"]["Result"], said["ReversedAmount"]) == ("Success", 20)
    refused = await till.ask("Reversal", whole, "S4")
    assert refused["Response"]["ErrorCondition"] == "NotAllowed"
    assert await box.left() == 100_000


async def test_stored_value_is_loaded_unloaded_and_both_are_reversed(shop: Any) -> None:
    box, till = shop
    await box.purse(100_000)
    active = await till.ask("StoredValue", stored("Activate", 0), "S0")
    assert active["Response"]["Result"] == "Success"
    loaded = await till.ask("StoredValue", stored("Load", 25), "S1")
    assert (loaded["Response"]["Result"], loaded["StoredValueResult"][0]["ItemAmount"]) == ("Success", 25)
    inquiry = {"PaymentAccountReq": {"AccountType": "CardTotals"}}
    assert await balance(box, till, inquiry, "B1") == 1025
    unloaded = await till.ask("StoredValue", stored("Unload", 40), "S2")
    assert unloaded["Response"]["Result"] == "Success"
    assert await balance(box, till, inquiry, "B2") == 985
    twice = await till.ask("StoredValue", stored("Duplicate", 0, **original(unloaded)), "S3")
    assert twice["StoredValueResult"][0]["ItemAmount"] == 40
    for service, answer in (("S4", unloaded), ("S5", loaded), ("S5", loaded)):
        said = await till.ask("StoredValue", stored("Reverse", 0, **original(answer)), service)
        assert said["Response"]["Result"] == "Success"
    for service, answer in (("S7", unloaded), ("S8", loaded)):
        said = await till.ask("StoredValue", stored("Reverse", 0, **original(answer)), service)
        assert said["Response"]["ErrorCondition"] == "NotAllowed"
    assert await balance(box, till, inquiry, "B3") == 1000
    refused = await till.ask("StoredValue", stored("Reserve", 0), "S6")
    assert refused["Response"]["AdditionalResponse"] == "refusalReason=head_office"
    await box.becomes("held", 0)


async def balance(box: TerminalBox, till: AdyenTill, inquiry: Any, service: str) -> Any:
    await box.show_card()
    said = await till.ask("BalanceInquiry", inquiry, service)
    assert said["Response"]["Result"] == "Success"
    return said["PaymentAccountStatus"]["CurrentBalance"]


async def test_a_payment_that_waits_for_a_card_is_in_progress_until_it_is_aborted(shop: Any) -> None:
    box, till = shop
    waiting = await till.begin("Payment", payment(10), "S1")
    await until(lambda: box.till.waits.wanted(TILL) is not None)
    reference = {"MessageCategory": "Payment", "SaleID": "TILL-1", "ServiceID": "S1"}
    said = await till.ask("TransactionStatus", {"MessageReference": reference}, "S2")
    assert said["Response"]["ErrorCondition"] == "InProgress"
    busy = await till.ask("Payment", payment(3), "S3")
    assert busy["Response"]["ErrorCondition"] == "Busy"
    diagnosis = await till.ask("Diagnosis", {"HostDiagnosisFlag": False}, "S4")
    assert diagnosis["POIStatus"]["GlobalStatus"] == "Busy"
    abort = {"AbortReason": "MerchantAbort", "MessageReference": reference}
    empty = await (await till.begin("Abort", abort, "S5"))
    assert empty == {"id": empty["id"], "response": {}}
    async with asyncio.timeout(WITHIN_S):
        aborted = (await waiting)["response"]["SaleToPOIResponse"]["PaymentResponse"]
    assert (aborted["Response"]["Result"], aborted["Response"]["ErrorCondition"]) == ("Failure", "Aborted")
    assert (await till.status("S1"))["Response"]["ErrorCondition"] == "Aborted"
    assert (await till.ask("Diagnosis", {}, "S6"))["POIStatus"]["GlobalStatus"] == "OK"
    assert (await box.left(), await box.held()) == (100_000, 0)


async def test_a_card_is_acquired_and_pays_afterwards(shop: Any) -> None:
    box, till = shop
    asked = {"SaleData": sale(), "CardAcquisitionTransaction": {"TotalAmount": 12}}
    waiting = await till.begin("CardAcquisition", asked, "S1")
    await until(lambda: box.till.waits.wanted(TILL) is not None)
    await box.till.present(TILL, CardShown(CARD_NUMBER, "magstripe"))
    there = (await waiting)["response"]["SaleToPOIResponse"]["CardAcquisitionResponse"]
    assert there["LoyaltyAccount"][0]["LoyaltyAccountID"]["LoyaltyID"] == "M000000000009"
    reference = there["POIData"]["POITransactionID"]
    paid = await till.ask("Payment", payment(12, PaymentData={"CardAcquisitionReference": reference}), "S2")
    assert paid["Response"]["Result"] == "Success"
    await box.becomes("left", 98_800)


async def test_a_refusal_and_what_is_not_known_are_told_in_the_protocols_words(shop: Any) -> None:
    box, till = shop
    await box.show_card()
    too_much = await till.ask("Payment", payment(5000), "S1")
    assert too_much["Response"]["ErrorCondition"] == "Refusal"
    assert (await till.status("S1"))["Response"]["ErrorCondition"] == "Refusal"
    assert (await till.status("S9"))["ErrorCondition"] == "NotFound"
    unknown = await till.ask("GetTotals", {}, "S2")
    assert unknown["Response"]["ErrorCondition"] == "NotAllowed"
    typed = await till.ask("Input", {"DisplayOutput": {}, "InputData": {"Device": "CustomerInput"}}, "S4")
    assert typed["InputResult"]["Response"]["ErrorCondition"] == "NotAllowed"
    shown = await till.ask("Display", {"DisplayOutput": [{"Device": "CustomerDisplay"}]}, "S5")
    assert shown["OutputResult"][0]["Response"]["Result"] == "Success"
    printed = await till.ask("Print", {"PrintOutput": {"DocumentQualifier": "CustomerReceipt"}}, "S6")
    assert printed["Response"]["ErrorCondition"] == "UnavailableDevice"
    euros = payment(1)
    euros["PaymentTransaction"]["AmountsReq"]["Currency"] = "EUR"
    said = await till.ask("Payment", euros, "S3")
    assert said["Response"]["ErrorCondition"] == "PaymentRestriction"


async def test_money_is_right_wherever_the_line_is_cut(shop: Any) -> None:
    box, till = shop
    await box.show_card()
    await till.ask("Payment", payment(10), "S0")
    places = till.scissors.places()
    assert len(places) >= 8
    services = [f"C{number}" for number in range(len(places))]
    fates = []
    for place, service in zip(places, services, strict=True):
        await another_card(box, service)
        left = await box.left()
        till.scissors.cut_at(place)
        said = await till.try_("Payment", payment(10), service)
        till.scissors.mend()
        recovered = await till.status(service)
        await box.becomes("held", 0)
        paid = recovered.get("Response", recovered)["Result"] == "Success"
        fates.append((said is not None, paid))
        assert await box.left() == left - 1_000 * paid, place
        assert paid or said is None, "the till has an approval, and the money is not taken"
        again = await till.ask("Payment", payment(10), service)  # the same request, sent again
        assert again["Response"]["Result"] == "Success", (place, again["Response"])
        await box.becomes("left", left - 1_000)
    assert {(False, False), (False, True)} <= set(fates)
    await box.becomes("held", 0)
    assert (await box.day()).paid_minor == 1_000 * (len(places) + 1)


@pytest.mark.parametrize("shop", ["plain"], indirect=True)
async def test_a_load_is_on_the_card_once_wherever_the_line_is_cut(shop: Any) -> None:
    box, till = shop
    await box.purse(0)
    await till.ask("StoredValue", stored("Load", 10), "S0")
    for number, place in enumerate(till.scissors.places(), 2):
        service = f"C{number}"
        till.scissors.cut_at(place)
        said = await till.try_("StoredValue", stored("Load", 10), service)
        till.scissors.mend()
        recovered = await till.status(service, "StoredValue")
        loaded = recovered.get("Response", recovered)["Result"] == "Success"
        assert (await box.day()).topped_minor == 1_000 * (number - 1 + loaded), place
        assert loaded or said is None
        again = await till.ask("StoredValue", stored("Load", 10), service)
        assert again["Response"]["Result"] == "Success", (place, again["Response"])
        assert (await box.day()).topped_minor == 1_000 * number


@pytest.mark.parametrize("shop", ["plain"], indirect=True)
async def test_a_reversal_is_done_once_wherever_the_line_is_cut(shop: Any) -> None:
    box, till = shop
    await another_card(box, "C1")
    paid = await till.ask("Payment", payment(10), "S0")
    places = till.scissors.places()
    for number, place in enumerate(places, 2):
        reversing = original(paid) | {"ReversalReason": "MerchantCancel"}
        service = f"C{number}"
        till.scissors.cut_at(place)
        said = await till.try_("Reversal", reversing, service)
        till.scissors.mend()
        recovered = await till.status(service, "Reversal")
        done = recovered.get("Response", recovered)["Result"] == "Success"
        assert (await box.day()).paid == (0 if done else 1), place
        assert done or said is None
        again = await till.ask("Reversal", reversing, service)
        assert again["Response"]["Result"] == "Success", (place, again["Response"])
        assert (await box.day()).paid == 0
        await another_card(box, service)
        paid = await till.ask("Payment", payment(10), f"P{number}")
        await box.becomes("held", 0)


async def another_card(box: TerminalBox, service: str) -> None:
    """At the till; one card alone may not pay so often."""
    number = f"62870199{int(service[1:]):08d}"
    await box.shop.grant(card_token(TOKEN_KEY, number), f"P{number}", "CNY", "value", 10_000)
    await box.show_card(number)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not done():
            await asyncio.sleep(0.01)
