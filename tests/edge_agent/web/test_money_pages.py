"""Money at the till's page: forms, questions, answers in words. The rules behind it are simple ones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, get_args

import httpx
import pytest

from edge_agent.app import Edge
from edge_agent.web.app import build
from edge_agent.web.events import till_events
from edge_agent.web.reasons import declined
from edge_agent.wedge import wedge_decoder
from sync.contract.questions import CardShown, Declined, Pay, Reason, TopUp, Undone
from tests.edge_agent.web.till_money import PIN, SimplePayments

TOKEN = "page-token"
CARD = "6287019900000010"
TXN = "AAAA-BBBB-CCCC"


@pytest.fixture
def rules() -> SimplePayments:
    return SimplePayments()


@pytest.fixture
async def counter(edge: Edge, rules: SimplePayments) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the till's page, whose till asks the simple rules."""
    edge.till._payments = rules
    app = build(
        till=edge.till,
        status=edge.status,
        metrics=None,
        wedge=lambda: wedge_decoder(edge.settings),
        lang="en",
        token=TOKEN,
        history=rules,
        shifts=edge.shifts,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://127.0.0.1",
        headers={"x-tillbeam-token": TOKEN},
    ) as client:
        yield client


async def shown(edge: Edge) -> int:
    """A card is at the till: the moment the page knows it by."""
    await edge.till.present("1", CardShown(number=CARD, technology="magstripe"))
    return edge.till.recent("1")[0].wall_ms


def question(at: int, amount: str = "30.00", **more: Any) -> dict[str, Any]:
    return {"till": "1", "txn": TXN, "amount": amount, "at": at} | more


async def test_paying_takes_the_amount_from_the_card_on_the_page(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    form = await counter.get("/till/money/pay?till=1")
    answer = await counter.post("/till/pay", json=question(at, cashier="张敏", receipt="0001"))
    assert "Value card" in form.text
    assert 'data-approved="3000"' in answer.text
    assert "¥30.00" in answer.text
    assert TXN in answer.text
    [asked] = rules.asked
    assert isinstance(asked, Pay)
    assert (asked.amount_minor, asked.currency, asked.cashier, asked.receipt) == (
        3_000,
        "CNY",
        "张敏",
        "0001",
    )
    assert asked.card == edge.till.recent("1")[0].card != ""


async def test_a_double_click_is_the_same_question(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    first = await counter.post("/till/pay", json=question(at))
    second = await counter.post("/till/pay", json=question(at))
    assert first.text == second.text
    assert rules.left == 7_000


async def test_what_the_card_cannot_pay_is_said_large(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    answer = await counter.post("/till/pay", json=question(at, "120", pin=PIN))
    assert 'data-rest="2000"' in answer.text
    assert "Rest by another tender: ¥20.00" in answer.text


async def test_points_pay_the_rest_when_they_may(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    answer = await counter.post("/till/pay", json=question(at, "102", pin=PIN, points=True))
    assert 'data-rest="0"' in answer.text
    assert "Points" in answer.text


async def test_the_pin_is_asked_for_and_then_stands_nowhere(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    asks = await counter.post("/till/pay", json=question(at, "60"))
    wrong = await counter.post("/till/pay", json=question(at, "60", pin="1111"))
    right = await counter.post("/till/pay", json=question(at, "60", pin=PIN))
    assert 'data-reason="pin_needed"' in asks.text
    assert 'data-reason="pin_wrong"' in wrong.text
    assert 'data-approved="6000"' in right.text
    for answer in (asks, wrong, right):
        assert PIN not in answer.text
        assert PIN not in str(answer.url)


async def test_a_question_about_another_card_than_the_one_on_the_page_is_refused(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    answer = await counter.post("/till/pay", json=question(at + 1))
    assert (answer.status_code, rules.asked) == (409, [])
    await counter.post("/till/pay", json=question(at))
    late = await counter.post("/till/pay", json=question(at + 1))
    assert (late.status_code, 'data-approved="3000"' in late.text) == (200, True)  # what it was told then


@pytest.mark.parametrize("by", ["receipt", "terminal"])
async def test_a_card_whose_receipt_is_printed_or_that_a_terminal_was_paid_with_pays_no_more(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments, by: str
) -> None:
    at = await shown(edge)
    if by == "receipt":
        edge.till.claim("1")
    else:
        edge.till.spent("1", "zvt:#1", edge.till.recent("1")[0].card)
    answer = await counter.post("/till/pay", json=question(at))
    form = await counter.get("/till/money/pay?till=1")
    assert (answer.status_code, rules.asked) == (409, [])
    assert "Show the card" in answer.text
    assert "disabled" in form.text


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.234", "zwölf"])
async def test_what_is_no_amount_gets_a_sentence(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments, amount: str
) -> None:
    at = await shown(edge)
    for path, body in (
        ("/till/pay", question(at, amount)),
        ("/till/top", question(at, amount)),
        ("/till/refund", {"till": "1", "txn": TXN, "amount": amount, "of_txn": TXN, "of_till": "1"}),
    ):
        answer = await counter.post(path, json=body)
        assert (answer.status_code, answer.text) == (422, "This is no amount. Type it as 12.50.")
    assert rules.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {"txn": "short"},
        {"txn": "lower-case-txn"},
        {"pin": "12"},
        {"pin": "abcd"},
        {"till": ""},
        {"till": "x" * 33},
        {"receipt": "x" * 49},
        {"cashier": "x" * 33},
        {"amount": 30},
        {"at": -1},
        {"more": 1},
    ],
)
async def test_a_body_of_another_shape_moves_nothing(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments, body: dict[str, Any]
) -> None:
    at = await shown(edge)
    answer = await counter.post("/till/pay", json=question(at) | body)
    assert (answer.status_code, rules.asked) == (422, [])


async def test_money_needs_the_pages_token(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    for path in ("/till/pay", "/till/top", "/till/refund", "/till/told", "/till/shift/close"):
        answer = await counter.post(path, json=question(at), headers={"x-tillbeam-token": "guess"})
        assert answer.status_code == 403
    assert rules.asked == []


async def test_cash_goes_onto_the_card_and_the_limit_is_said(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    form = await counter.get("/till/money/top?till=1&amount=50")
    answer = await counter.post("/till/top", json=question(at, "50", purse="P1"))
    refused = await counter.post("/till/top", json=question(at, "1000.01"))
    assert "At most ¥1000.00 at a till" in form.text
    assert 'value="50"' in form.text
    assert "Topped up ¥50.00" in answer.text
    assert "Possible: ¥1000.00" in refused.text
    assert isinstance(rules.asked[0], TopUp)
    assert rules.left == 15_000


async def test_a_payment_is_given_back_from_the_list_and_never_more_than_was_paid(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    await counter.post("/till/pay", json=question(at, receipt="R-7"))
    listed = await counter.get("/till/money/payments?till=1")
    found = await counter.get("/till/money/payments?till=2&receipt=R-7")
    assert TXN in listed.text
    assert "Till 1" in found.text
    link = re.search(r'data-refund="([^"]+)"', listed.text)
    assert link
    form = await counter.get("/till/money/refund?" + link[1].replace("&amp;", "&"))
    assert 'value="30.00"' in form.text
    refund = {"till": "1", "txn": "DDDD-EEEE", "of_txn": TXN, "of_till": "1"}
    part = await counter.post("/till/refund", json=refund | {"amount": "10"})
    more = await counter.post("/till/refund", json=refund | {"amount": "20.01", "txn": "FFFF-GGGG"})
    assert "Given back ¥10.00" in part.text
    assert 'data-outcome="too_much"' in more.text
    assert "Possible: ¥20.00" in more.text
    missing = await counter.get("/till/money/refund?till=1&of_till=1&of_txn=NONE")
    assert missing.status_code == 404


async def test_a_reloaded_page_learns_what_came_of_its_attempt(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    before = await counter.post("/till/told", json={"till": "1", "txn": TXN})
    await counter.post("/till/pay", json=question(at))
    after = await counter.post("/till/told", json={"till": "1", "txn": TXN})
    assert (before.status_code, after.status_code) == (204, 200)
    assert 'data-approved="3000"' in after.text
    rules._told["1", TXN] = Undone(amount_minor=3_000)
    undone = await counter.post("/till/told", json={"till": "1", "txn": TXN})
    assert "Taken back ¥30.00" in undone.text


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_each_reason_has_a_sentence(lang: str) -> None:
    said = {reason: declined(Declined(reason), lang, "CNY") for reason in get_args(Reason)}
    assert all(text != reason and text.endswith((".", "。")) for reason, text in said.items()), said
    assert len(set(said.values())) == len(said)


async def test_every_form_and_answer_speaks_chinese_too(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    counter.cookies.set("tillbeam_lang", "zh_CN")
    for path in ("/till/money/pay", "/till/money/top", "/till/money/payments"):
        assert (await counter.get(path)).status_code == 200
    answer = await counter.post("/till/pay", json=question(at))
    assert 'data-approved="3000"' in answer.text
    assert "储值卡" in (await counter.get("/till/money/pay")).text


async def test_the_customers_screen_shows_what_was_paid_and_what_is_left_to_pay(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments
) -> None:
    at = await shown(edge)
    events = till_events(edge.till, "1", edge.status, "en", recent_shown=8)
    assert (await anext(events)).startswith(b"retry:")
    assert b"event: badge" in await anext(events)
    await asyncio.sleep(0)  # now it watches
    await counter.post("/till/pay", json=question(at, "120", pin=PIN))
    card, face = await anext(events), await anext(events)
    await events.aclose()
    assert card.startswith(b"event: card")
    assert face.startswith(b"event: face")
    for text in ("王**", "Paid ¥100.00", "Still to pay: ¥20.00"):
        assert text in face.decode()
    assert PIN.encode() not in face


async def test_a_shift_is_shown_closed_once_and_kept(counter: httpx.AsyncClient, edge: Edge) -> None:
    page = await counter.get("/till/shift?till=1")
    close = {"till": "1", "number": 1, "cashier": "张敏", "counted": "0"}
    first = await counter.post("/till/shift/close", json=close)
    again = await counter.post("/till/shift/close", json=close)
    wrong = await counter.post("/till/shift/close", json=close | {"number": 9})
    odd = await counter.post("/till/shift/close", json=close | {"counted": "viel"})
    assert "Shift 1" in page.text
    assert (first.status_code, again.status_code, wrong.status_code, odd.status_code) == (204, 204, 409, 422)
    assert "张敏" in (await counter.get("/till/shift?till=1&number=1")).text
    assert "Shift 2" in (await counter.get("/till/shift?till=1")).text
    assert (await counter.get("/till/shift?till=1&number=0")).status_code == 404


async def test_without_rules_of_money_everything_is_declined(edge: Edge) -> None:
    edge.till._payments = None
    answer = await edge.till.ask(Pay(till="1", txn=TXN, amount_minor=1, currency="CNY"))
    assert answer == Declined("not_enrolled")
