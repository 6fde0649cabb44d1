"""What the till's pages say of money: whose it was, what paid, why not, and what to do then."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from edge_agent.app import Edge
from edge_agent.web.app import build
from edge_agent.web.events import till_events
from edge_agent.web.reasons import declined
from edge_agent.wedge import wedge_decoder
from sync.contract.events import SaleCompleted, Tender
from sync.contract.message import Words
from sync.contract.questions import Balance, CardShown, Declined, PurseNow
from sync.contract.told import EVERYONE, ProgrammeTold
from tests.edge_agent.web.till_money import PIN, SimplePayments

CARD, BEARER = "6287019900000010", "6287019900000036"
TXN = "AAAA-BBBB-CCCC"


@pytest.fixture
def rules() -> SimplePayments:
    return SimplePayments()


@pytest.fixture
async def counter(edge: Edge, rules: SimplePayments) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the till's page, with two programmes told."""
    edge.till._payments = rules
    assert edge.replica is not None
    told = [
        ProgrammeTold(programme="value", kind="coupon", unit="CNY", zh="返券", en="Return coupon"),
        ProgrammeTold(programme="points", kind="points", unit="PTS", zh="积分", en="Stars", pay_per_unit=5),
    ]
    await edge.replica.apply(Words(EVERYONE, 1, list(enumerate(told, 2))))
    app = build(
        till=edge.till,
        status=edge.status,
        metrics=None,
        wedge=lambda: wedge_decoder(edge.settings),
        lang="en",
        token="token",
        history=rules,
        shifts=edge.shifts,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://127.0.0.1",
        headers={"x-tillbeam-token": "token"},
    ) as client:
        yield client


async def shown(edge: Edge, number: str = CARD) -> int:
    await edge.till.present("1", CardShown(number=number, technology="magstripe"))
    return edge.till.recent("1")[0].wall_ms


def asked(at: int, amount: str, **more: object) -> dict[str, object]:
    return {"till": "1", "txn": TXN, "amount": amount, "at": at} | more


async def test_a_payment_says_whose_it_was_by_what_names_and_what_points_were_worth(
    counter: httpx.AsyncClient, edge: Edge
) -> None:
    answer = await counter.post("/till/pay", json=asked(await shown(edge), "102", pin=PIN, points=True))
    assert "<b>王**</b>" in answer.text
    assert "Return coupon <b>¥100.00</b></li>" in answer.text
    assert "Stars <b>200</b> = ¥2.00" in answer.text


async def test_why_only_a_part_was_paid_is_said(counter: httpx.AsyncClient, edge: Edge) -> None:
    at = await shown(edge)
    part = await counter.post("/till/pay", json=asked(at, "120", pin=PIN))
    whole = await counter.post("/till/pay", json=asked(at, "120", pin=PIN) | {"txn": TXN})
    assert "The line is down: no more is set aside here" in part.text  # there is no line in this test
    assert part.text == whole.text


@pytest.mark.parametrize("reason", ["pin_needed", "pin_wrong", "pin_offline"])
def test_the_limit_of_a_pin_is_no_amount_that_is_possible(reason: str) -> None:
    said = declined(Declined(reason, 20_000), "en", "CNY")  # type: ignore[arg-type]
    assert said.endswith("Above ¥200.00 the PIN is asked for.")
    assert "Possible" not in said


async def test_payments_to_be_given_back_name_their_holder_and_too_much_leads_back_to_the_amount(
    counter: httpx.AsyncClient, edge: Edge
) -> None:
    await counter.post("/till/pay", json=asked(await shown(edge), "30"))
    listed = await counter.get("/till/money/payments?till=1")
    assert "王**" in listed.text
    wanted = {"till": "1", "txn": "DDDD-EEEE", "of_txn": TXN, "of_till": "1", "amount": "30.01"}
    answer = await counter.post("/till/refund", json=wanted)
    link = re.search(r'data-refund="([^"]+)"', answer.text)
    assert link
    form = await counter.get("/till/money/refund?" + html.unescape(link[1]))
    assert 'value="30.00"' in form.text
    assert "王**" in form.text


async def test_a_top_up_says_that_a_bonus_may_follow(counter: httpx.AsyncClient, edge: Edge) -> None:
    answer = await counter.post("/till/top", json=asked(await shown(edge), "50"))
    assert "A bonus, if there is one, follows" in answer.text
    assert "<b>王**</b>" in answer.text


async def test_a_card_that_cannot_be_topped_up_says_so_before_an_amount_is_typed(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def points_only(card: str = "", member: str = "") -> Balance:
        return Balance(purses=(PurseNow(purse="P2", unit="PTS", programme="points", kind="points"),))

    monkeypatch.setattr(rules, "balance", points_only)
    await shown(edge)
    form = await counter.get("/till/money/top?till=1")
    assert "Nothing on this card can be topped up." in form.text
    assert re.search(r'class="primary" disabled', form.text)


async def test_a_card_known_by_its_purses_alone_is_no_unknown_one_among_the_last_cards(
    counter: httpx.AsyncClient, edge: Edge
) -> None:
    await shown(edge, BEARER)
    page = await counter.get("/till?till=1")
    assert re.search(r'<span class="known">王\*\*</span>', page.text)
    events = till_events(edge.till, "1", edge.status, "en", recent_shown=8)
    heard = b"".join([await anext(events) for _ in range(4)])
    await events.aclose()
    assert "王**" in heard.decode()


async def test_a_card_of_which_nothing_is_known_is_not_one_without_a_member(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(card: str = "", member: str = "") -> Declined:
        return Declined("unknown")

    monkeypatch.setattr(rules, "balance", nothing)
    await shown(edge, BEARER)
    form = await counter.get("/till/money/pay?till=1")
    assert "This card is not known here." in form.text
    assert "without a member" not in form.text
    assert '<span class="unknown">unknown</span>' in (await counter.get("/till?till=1")).text


@pytest.mark.parametrize("amount", ["1000000.01", "99999999999", "999999999999"])
async def test_an_amount_that_is_too_much_is_called_that(
    counter: httpx.AsyncClient, edge: Edge, rules: SimplePayments, amount: str
) -> None:
    at = await shown(edge)
    for path, body in (
        ("/till/pay", asked(at, amount)),
        ("/till/top", asked(at, amount)),
        ("/till/refund", {"till": "1", "txn": TXN, "amount": amount, "of_txn": TXN, "of_till": "1"}),
        ("/till/shift/close", {"till": "1", "number": 1, "counted": amount}),
    ):
        answer = await counter.post(path, json=body)
        assert (answer.status_code, answer.text.startswith("That is too much: at most ¥1000000.00")) == (
            422,
            True,
        )
    assert rules.asked == []


async def test_another_language_leads_back_to_the_same_closed_shift(
    counter: httpx.AsyncClient, edge: Edge
) -> None:
    await counter.post("/till/shift/close", json={"till": "1", "number": 1})
    page = await counter.get("/till/shift?till=1&number=1")
    link = re.search(r'href="(/language[^"]+)"', page.text)
    assert link
    to = parse_qs(urlsplit(html.unescape(link[1])).query)["to"][0]
    assert parse_qs(urlsplit(to).query) == {"till": ["1"], "number": ["1"]}


async def test_a_shift_names_the_tenders_of_its_receipts(counter: httpx.AsyncClient, edge: Edge) -> None:
    tenders = (Tender("card", 900), Tender("mobile", 100))
    sale = SaleCompleted(till="1", receipt="1", currency="CNY", total_minor=1_000, tenders=tenders)
    await edge.outbox.accept([sale])
    page = await counter.get("/till/shift?till=1")
    assert re.search(
        r'data-tender="card"><td>Bank cards on receipts</td><td></td><td class="n">¥9.00', page.text
    )
    assert 'data-tender="mobile"' in page.text
    assert 'data-tender="other"' not in page.text
