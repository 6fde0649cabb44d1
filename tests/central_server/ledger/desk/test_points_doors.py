"""Points, catalogue and coupons through the API and the pages."""

from __future__ import annotations

import asyncio
import re

import pytest
import sqlalchemy as sa

from central_server.ledger.cards.programmes import make_programme, programme
from central_server.ledger.models.cards import Card
from central_server.ledger.purses.purses import open_purse
from central_server.membership import service as membership
from tests.central_server.ledger.desk.conftest import NOW_MS, POINTS

WANG, LI = "MWANG23456AAA", "MLIMING2345BB"


@pytest.fixture
async def people(database, keys, client, as_) -> None:
    async with database.transaction() as session:
        for member, name in ((WANG, "王小明"), (LI, "李明")):
            await membership.enrol(
                session, keys=keys, member=member, person={"name": name}, by="li", at_ms=NOW_MS
            )
    made = await client.post("/api/v1/programmes/samples", headers=as_())
    assert [each["id"] for each in made.json()] == ["points", "value", "gift", "bank", "coupons"], made.text


@pytest.fixture
def points(ask, people):
    """Gives Wang so many points; gives the purse."""

    async def given(amount: int) -> str:
        answer = await ask(
            "/points/earn", {"member": WANG, "programme": "points", "amount": amount, "why": "gift"}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["purse"]

    return given


async def test_points_are_given_and_burnt_and_large_gifts_need_two(ask, points) -> None:
    purse = await points(500)
    burnt = await ask("/points/burn", {"purse": purse, "amount": 200})
    assert (burnt.status_code, burnt.json()["balance"]) == (201, 300)
    assert (await ask("/points/burn", {"purse": purse, "amount": 301})).status_code == 409
    large = {"member": WANG, "programme": "points", "amount": 10_001, "why": "prize"}
    waiting = await ask("/points/earn", large, user=5)
    assert waiting.status_code == 202
    done = await ask(f"/approvals/{waiting.json()['id']}/decide", {"approve": True}, user=6)
    assert done.status_code == 200, done.text
    adjusted = await ask("/points/adjust", {"purse": purse, "amount": -1, "why": "typed wrong"})
    assert adjusted.status_code == 202


async def test_many_points_are_not_burnt_without_the_pin_that_a_payment_asks_for(
    ask, people, database
) -> None:
    async with database.transaction() as session:
        stars = await make_programme(session, "stars", POINTS | {"pin_above": 100}, by="li", at_ms=NOW_MS)
    given = {"member": WANG, "programme": stars.id, "amount": 500, "why": "gift"}
    purse = (await ask("/points/earn", given)).json()["purse"]
    for path in ("/spends", "/points/burn"):
        assert (await ask(path, {"purse": purse, "amount": 101})).status_code == 403
        assert (await ask(path, {"purse": purse, "amount": 100})).status_code == 201


async def test_points_are_exchanged_for_an_item_until_the_stock_is_gone(ask, points, client, as_) -> None:
    purse = await points(9_000)
    item = {"programme": "points", "zh": "杯", "en": "Cup", "points": 1_000, "stock": 3}
    assert (await client.put("/api/v1/catalogue/cup", json=item, headers=as_())).status_code == 200
    had = await asyncio.gather(*(ask("/redemptions", {"purse": purse, "item": "cup"}) for _ in range(5)))
    assert sorted(each.status_code for each in had) == [201, 201, 201, 409, 409]
    one = next(each.json() for each in had if each.status_code == 201)
    back = await ask("/redemptions/take-back", {"redemption": one["redemption"]})
    assert (back.status_code, back.json()) == (201, {"points": 1_000, "balance": 7_000}), back.text
    assert (await ask("/redemptions/take-back", {"redemption": one["redemption"]})).status_code == 409
    listed = (await client.get(f"/api/v1/purses/{purse}/redemptions", headers=as_())).json()
    assert len(listed) == 3
    (cup,) = [
        each for each in (await client.get("/api/v1/catalogue", headers=as_())).json() if each["id"] == "cup"
    ]
    assert cup["stock"] == 1


async def test_the_same_redemption_twice_is_one(ask, points) -> None:
    purse = await points(9_000)
    body = {"purse": purse, "item": "mug"}
    first, again = [await ask("/redemptions", body, key="redeem-0001") for _ in range(2)]
    assert first.content == again.content
    assert first.json()["balance"] == 7_500
    assert (await ask("/points/burn", {"purse": purse, "amount": 1}, key="redeem-0001")).status_code == 409


async def test_coupons_go_to_members_and_large_sums_through_a_second_person(ask, people, client, as_) -> None:
    given = await ask(
        "/coupons", {"programme": "coupons", "members": [WANG, LI], "amount": 500, "why": "May"}
    )
    assert given.json() == {"coupons": 2, "amount": 1_000}, given.text
    purses = (await client.get(f"/api/v1/purses?member={WANG}", headers=as_())).json()
    (purse,) = [each for each in purses if each["kind"] == "coupon"]
    (coupon,) = (await client.get(f"/api/v1/purses/{purse['id']}/coupons", headers=as_())).json()
    assert (coupon["state"], coupon["left"]) == ("open", 500)
    large = {"programme": "coupons", "members": [WANG, LI], "amount": 50_001, "why": "May"}
    waiting = await ask("/coupons", large, user=5)
    assert (waiting.status_code, waiting.json()["amount"]) == (202, 100_002)
    done = await ask(f"/approvals/{waiting.json()['id']}/decide", {"approve": True}, user=6)
    assert done.status_code == 200, done.text


async def test_points_become_value_for_whoever_has_them_and_nobody_else(ask, points, database) -> None:
    mine = await points(100)
    async with database.transaction() as session:
        session.add(
            Card(
                id="C1",
                token="c" * 32,
                last4="0001",
                programme="value",
                batch="B1",
                state="active",
                made_ms=NOW_MS,
                changed_ms=NOW_MS,
            )
        )
        card = await open_purse(session, "card:C1", await programme(session, "value"), at_ms=NOW_MS)
    wanted = {"purse": mine, "to": card, "points": 10}
    assert (await ask("/points/exchange", wanted)).status_code == 403
    async with database.transaction() as session:
        await session.execute(sa.update(Card).values(member=WANG))
    done = await ask("/points/exchange", wanted)
    assert (done.status_code, done.json().get("balance")) == (201, 90), done.text


async def test_points_are_no_money(ask, points) -> None:
    purse = await points(100)
    assert (await ask("/loads", {"purse": purse, "amount": 1, "tender": "cash"})).status_code == 409
    assert (await ask("/points/exchange", {"purse": purse, "to": purse, "points": 1})).status_code == 409


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_the_catalogue_and_the_member_have_pages(client, as_, points, lang) -> None:
    purse = await points(4_000)
    for path in (
        "/cards/catalogue",
        "/cards/catalogue?item=mug",
        f"/ledger/member/{WANG}",
        "/cards/programmes",
    ):
        answer = await client.get(path, headers=as_(lang=lang))
        assert answer.status_code == 200, f"{path} {answer.text[:300]}"
        ids = re.findall(r' id="(f-[^"]+)"', answer.text)
        assert len(ids) == len(set(ids))
        assert all(f'for="{name}"' in answer.text for name in ids)
    form = {"id": "form-redeem-1", "member": WANG.lower(), "which": "mug", "count": "2"}
    had = await client.post("/cards/catalogue/redeem", data=form, headers=as_())
    assert had.headers.get("location") == f"/cards/purses/{purse}", had.text
    again = await client.post("/cards/catalogue/redeem", data=form | {"id": "form-redeem-2"}, headers=as_())
    assert again.status_code == 409
    given = {"id": "form-give-1", "given": "coupons", "people": f"{WANG}\n{LI}", "amount": "5", "why": "May"}
    assert (await client.post("/cards/catalogue/give", data=given, headers=as_())).status_code == 303
    wrong = await client.post(
        "/cards/catalogue/give", data=given | {"given": "points", "id": "form-give-2"}, headers=as_()
    )
    assert wrong.status_code == 422


async def test_an_auditor_proves_the_ledger_and_a_cashier_does_not(client, as_, ask, points) -> None:
    await points(500)
    found = (await client.get("/api/v1/ledger/verify", headers=as_("auditor"))).json()
    assert (found["right"], found["wrong"]) == (True, ""), found
    assert found["transfers"] >= 1
    assert (await client.get("/api/v1/ledger/verify", headers=as_("cashier"))).status_code == 403
