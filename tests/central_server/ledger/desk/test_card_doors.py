"""Cards through the API: the whole life, by legal moves only, with numbers told once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from central_server.ledger.cards.programmes import make_programme
from central_server.ledger.models.approvals import Answered
from central_server.ledger.models.cards import Card, Pin
from central_server.ledger.models.lots import Lot, Purse
from central_server.membership import service as membership
from tests.central_server.ledger.desk.conftest import GIFT, NOW_MS

WANG = "MWANG23456AAA"
PAYEE = {"name": "王小明", "paper": "ID", "number": "110101199003078515", "account": "6222"}


@pytest.fixture
async def member(database, keys) -> str:
    async with database.transaction() as session:
        person = {"name": "王小明", "phone": "13800138000"}
        await membership.enrol(session, keys=keys, member=WANG, person=person, by="li", at_ms=NOW_MS)
    return WANG


@pytest.fixture
def batch(ask, gift):
    """Makes so many gift cards in stock; gives their ids and numbers."""

    async def made(count: int, name: str = "B1") -> list[dict[str, str]]:
        answer = await ask("/batches", {"batch": name, "programme": gift, "count": count})
        assert answer.status_code == 201, answer.text
        assert (await ask(f"/batches/{name}/stock", {"place": "s1"})).json() == {"cards": count}
        return answer.json()["cards"]

    return made


@pytest.fixture
def active(ask, batch):
    """Makes active cards of a bearer, with so much on each."""

    async def made(*amounts: int, name: str = "B1") -> list[dict[str, str]]:
        cards = await batch(len(amounts), name)
        for card, amount in zip(cards, amounts, strict=True):
            assert (await ask(f"/cards/{card['id']}/issue", {})).status_code == 200
            sold = await ask(f"/cards/{card['id']}/activate", {"amount": amount, "tender": "cash"})
            assert sold.status_code == 200, sold.text
            card["purse"] = sold.json()["purses"]["gift"]
        return cards

    return made


async def test_a_card_from_the_factory_to_its_end(ask, batch, client, as_) -> None:
    (card,) = await batch(1)
    path = f"/cards/{card['id']}"
    await ask(f"{path}/issue", {})
    sold = await ask(f"{path}/activate", {"amount": 10_000, "tender": "cash", "store": "s1"})
    assert sold.json()["balance"] == 10_000, sold.text
    paid = await ask("/spends", {"card": card["number"], "unit": "CNY", "amount": 1_000})
    assert paid.json()["balance"] == 9_000, paid.text
    for move, state in (("freeze", "frozen"), ("unfreeze", "active"), ("lose", "lost"), ("find", "active")):
        assert (await ask(f"{path}/{move}", {"why": "asked for"})).json()["state"] == state
    waiting = await ask(f"{path}/refund", {"tender": "cash", "payee": PAYEE, "why": "moved"}, user=5)
    assert (waiting.status_code, waiting.json()["amount"]) == (202, 9_000), waiting.text
    decide = f"/approvals/{waiting.json()['id']}/decide"
    lent = await ask(decide, {"approve": True}, role="finance", user="6/t")
    assert lent.status_code == 403, "a token can be lent to whoever asked"
    done = await ask(decide, {"approve": True}, role="finance", user=6)
    assert done.status_code == 200, done.text
    shown = (await client.get(f"/api/v1{path}", headers=as_())).json()
    assert (shown["state"], shown["last4"]) == ("refunded", card["number"][-4:])
    moves = (await client.get(f"/api/v1{path}/moves", headers=as_())).json()
    assert [move["move"] for move in reversed(moves)] == [
        "make", "stock", "issue", "activate", "freeze", "unfreeze", "lose", "find", "refund",
    ]  # fmt: skip
    assert moves[0]["by"] == "admin 5 + finance 6"


async def test_no_more_is_paid_back_than_the_second_person_was_shown(ask, active) -> None:
    (card,) = await active(5_000)
    path = f"/cards/{card['id']}"
    waiting = await ask(f"{path}/refund", {"tender": "cash", "payee": PAYEE, "why": "moved"}, user=5)
    assert waiting.json()["amount"] == 5_000, waiting.text
    await ask("/loads", {"purse": card["purse"], "amount": 1_000, "tender": "cash"})
    decide = f"/approvals/{waiting.json()['id']}/decide"
    assert (await ask(decide, {"approve": True}, role="finance", user=6)).status_code == 409
    await ask("/spends", {"purse": card["purse"], "amount": 1_500})
    assert (await ask(decide, {"approve": True}, role="finance", user=6)).status_code == 200


async def test_an_illegal_move_is_a_conflict(ask, batch) -> None:
    (card,) = await batch(1)
    for move, body in (
        ("activate", {"tender": "cash"}),
        ("freeze", {"why": "so"}),
        ("find", {"why": "so"}),
        ("revive", {"why": "so"}),
    ):
        answer = await ask(f"/cards/{card['id']}/{move}", body)
        assert answer.status_code == 409, f"{move}: {answer.text}"
    assert (await ask(f"/cards/{card['id']}/cancel", {"why": "bent"})).json()["state"] == "cancelled"


@pytest.mark.parametrize("move", ["freeze", "lose"])
async def test_a_dead_card_pays_nothing(ask, active, move) -> None:
    (card,) = await active(1_000)
    await ask(f"/cards/{card['id']}/{move}", {"why": "phoned"})
    for body in ({"card": card["number"], "unit": "CNY"}, {"purse": card["purse"]}):
        for path in ("/spends", "/holds"):
            assert (await ask(path, body | {"amount": 1})).status_code == 409
        load = body | {"amount": 1, "tender": "cash"}
        assert (await ask("/loads", load)).status_code == 409


async def test_a_lost_card_is_replaced_with_all_that_is_on_it(ask, active, batch, client, as_) -> None:
    (old,) = await active(5_000)
    (new,) = await batch(1, "B2")
    await ask(f"/cards/{old['id']}/lose", {"why": "phoned"})
    done = await ask(f"/cards/{old['id']}/replace", {"new": new["number"], "why": "phoned"})
    assert done.json() == {"new": new["id"], "purses": [old["purse"]]}, done.text
    grave = (await client.get(f"/api/v1/cards/{old['id']}", headers=as_())).json()
    assert (grave["state"], grave["replaced_by"]) == ("replaced", new["id"])
    assert (await ask("/spends", {"card": old["number"], "amount": 1})).status_code == 409
    assert (await ask("/spends", {"card": new["number"], "amount": 5_000})).status_code == 201


async def test_two_cards_become_one(ask, active) -> None:
    one, other = await active(5_000, 7_000)
    done = await ask(f"/cards/{one['id']}/merge", {"into": other["id"], "why": "one is enough"})
    assert done.json()["balance"] == {other["purse"]: 12_000}, done.text
    assert (await ask("/spends", {"card": one["number"], "amount": 1})).status_code == 409


async def test_numbers_are_told_to_the_same_request_again_and_lie_nowhere_in_clear(
    ask, gift, database
) -> None:
    body = {"batch": "B9", "programme": gift, "count": 3}
    first = await ask("/batches", body, key="batch-0009")
    again = await ask("/batches", body, key="batch-0009")
    assert first.json() == again.json()
    async with database.reading() as session:
        kept = [str(row) for row in await session.scalars(sa.select(Answered.answer))]
    assert not [card for card in first.json()["cards"] if any(card["number"] in each for each in kept)]


async def test_a_pin_guards_large_payments_and_guessing_it_costs_time(ask, active, clock) -> None:
    (card,) = await active(50_000)
    spend = {"card": card["number"], "unit": "CNY", "amount": GIFT["pin_above"] + 1}
    assert (await ask(f"/cards/{card['id']}/pin", {"pin": "1234"})).status_code == 422
    assert (await ask(f"/cards/{card['id']}/pin", {"pin": "2580"}, key="set-pin-1")).status_code == 200
    assert (await ask(f"/cards/{card['id']}/pin", {"pin": "2581"}, key="set-pin-1")).status_code == 409
    assert (await ask("/spends", spend)).status_code == 403
    assert (await ask("/spends", spend | {"amount": 100})).status_code == 201
    tries = [(await ask("/spends", spend | {"pin": f"90{n}1"})).status_code for n in range(6)]
    assert tries[:3] == [403] * 3
    assert tries[-1] == 429
    assert (await ask("/spends", spend | {"pin": "2580"})).status_code == 429
    clock.now_ms += 20 * 60_000
    assert (await ask("/spends", spend | {"pin": "2580"})).status_code == 201


async def test_a_pin_guessed_at_in_stores_is_not_taken_until_the_desk_unlocks_it(
    ask, active, database, clock, client, as_
) -> None:
    (card,) = await active(50_000)
    spend = {"card": card["number"], "unit": "CNY", "amount": GIFT["pin_above"] + 1}
    await ask(f"/cards/{card['id']}/pin", {"pin": "2580"})
    unlock = f"/cards/{card['id']}/pin/unlock"
    assert (await ask(unlock, {})).status_code == 409
    async with database.transaction() as session:
        pin = await session.get_one(Pin, f"card:{card['id']}")
        pin.wrong, pin.wrong_since_ms, pin.wrong_ms = 10, clock.now_ms, clock.now_ms
    assert (await ask("/spends", spend | {"pin": "2580"})).status_code == 403
    assert (await ask(unlock, {}, role="auditor")).status_code == 403
    page = f"/cards/{card['id']}"
    assert f'action="{page}/pin/unlock"' in (await client.get(page, headers=as_())).text
    assert "/pin/unlock" not in (await client.get(page, headers=as_("auditor"))).text
    done = await client.post(f"{page}/pin/unlock", data={"id": "form-unlock-1"}, headers=as_())
    assert done.headers["location"] == page, done.text
    assert "/pin/unlock" not in (await client.get(page, headers=as_())).text
    assert (await ask("/spends", spend | {"pin": "2580"})).status_code == 201


async def test_a_card_is_found_by_number_id_and_member(ask, batch, member, client, as_) -> None:
    (card,) = await batch(1)
    given = await ask(f"/cards/{card['id']}/issue", {"member": member, "why": "joined"})
    assert given.json()["member"] == member, given.text
    for query in (card["number"], card["id"], member, "13800138000", "王小明"):
        found = (await client.get("/api/v1/cards", params={"q": query}, headers=as_("cashier"))).json()
        assert [each["id"] for each in found["items"]] == [card["id"]], query
    for query in ("8800000000000000", "Cnope", "nobody"):
        assert (await client.get("/api/v1/cards", params={"q": query}, headers=as_())).json()["items"] == []


async def test_a_large_batch_is_sold_by_two_people(ask, database, client, as_) -> None:
    rules = GIFT | {"face": 50_000, "numbers": {"prefix": "8801", "digits": 16}}
    await client.put("/api/v1/programmes/face", json={"rules": rules}, headers=as_())
    await ask("/batches", {"batch": "F1", "programme": "face", "count": 3})
    body = {"tender": "transfer", "buyer": PAYEE | {"kind": "unit"}, "why": "a company's order"}
    waiting = await ask("/batches/F1/activate", body, user=5)
    assert (waiting.status_code, waiting.json()["amount"]) == (202, 150_000), waiting.text
    done = await ask(f"/approvals/{waiting.json()['id']}/decide", {"approve": True}, user=6)
    assert done.status_code == 200, done.text
    (listed,) = (await client.get("/api/v1/batches", headers=as_())).json()
    assert listed["states"] == {"active": 3}


async def test_the_page_of_a_replaced_card_says_where_its_money_went(client, as_, purses, database) -> None:
    await purses(100, 200)
    old, new = f"C{1:012}", f"C{2:012}"
    async with database.transaction() as session:
        row = await session.get_one(Card, old)
        row.state, row.replaced_by = "replaced", new
        (purse,) = await session.scalars(sa.select(Purse).where(Purse.holder == f"card:{old}"))
        purse.holder = "card:C0"
    shown = (await client.get(f"/cards/{old}", headers=as_())).text
    assert "has moved to the card that it has become" in shown
    assert "No purse yet" not in shown


async def test_who_may_not_see_names_is_told_that_they_are_hidden(client, as_, member) -> None:
    shown = (await client.get(f"/ledger/member/{member}", headers=as_("finance"))).text
    assert "the name is hidden" in shown
    assert "(no name)" not in shown


async def test_a_member_without_a_purse_is_given_one_where_the_rules_allow_it(
    client, as_, member, gift, database
) -> None:
    page = f"/ledger/member/{member}"
    assert "Sell them a card of a stored value programme" in (await client.get(page, headers=as_())).text
    wallet = {"programme": "wallet"}
    assert (await client.post(f"{page}/purses", data={"programme": gift}, headers=as_())).status_code == 409
    async with database.transaction() as session:
        rules = {
            "kind": "value",
            "unit": "CNY",
            "zh": "钱包",
            "en": "Wallet",
            "holder": "member",
            "reload": True,
        }
        await make_programme(session, "wallet", rules, by="li", at_ms=NOW_MS)
    assert f'action="{page}/purses"' in (await client.get(page, headers=as_())).text
    assert f'action="{page}/purses"' not in (await client.get(page, headers=as_("auditor"))).text
    assert (await client.post(f"{page}/purses", data=wallet, headers=as_("auditor"))).status_code == 403
    opened = await client.post(f"{page}/purses", data=wallet, headers=as_())
    assert opened.status_code == 303, opened.text
    assert "Wallet" in (await client.get(opened.headers["location"], headers=as_())).text
    assert f'action="{page}/purses"' not in (await client.get(page, headers=as_())).text
    assert (await client.post(f"{page}/purses", data=wallet, headers=as_())).status_code == 409


async def test_a_lot_without_a_receipt_came_from_its_store_by_name(client, as_, purses, database) -> None:
    (purse,) = await purses(100)
    async with database.transaction() as session:
        (lot,) = await session.scalars(sa.select(Lot).where(Lot.purse == purse))
        lot.about = "centre/"
    shown = (await client.get(f"/cards/purses/{purse}", headers=as_())).text
    assert "centre/" not in shown
    assert "<td>Head office" in shown
