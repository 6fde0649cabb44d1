"""What went wrong with stored value elsewhere, each tried here through the API."""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest
import sqlalchemy as sa

from central_server.ledger.models.books import Account


@pytest.fixture
def sums(database):
    """Balances by kind of account, over all owners."""

    async def found() -> dict[str, int]:
        query = sa.select(Account.kind, sa.func.sum(Account.balance)).group_by(Account.kind)
        async with database.reading() as session:
            return {kind: int(total) for kind, total in await session.execute(query)}

    return found


async def test_ten_thousand_parallel_spends_on_a_hundred_cards(
    client, as_, purses, sums, database, record_property
) -> None:
    """Each card holds 50.00 and is asked for a hundred payments of 0.01 to 2.00: about twice what it holds.

    TILLBEAM_SPENDS says how many; a tenth of them unless asked, for the machines that run every test.
    """
    spends = int(os.environ.get("TILLBEAM_SPENDS", "1000"))
    cards = await purses(*[5_000] * 100)
    chance = random.Random(7)
    wanted = [(chance.choice(cards), chance.randint(1, 200 * 10_000 // spends)) for _ in range(spends)]
    turns = asyncio.Semaphore(64)

    async def pay(number: int, purse: str, amount: int) -> int:
        headers = as_("cashier") | {"Idempotency-Key": f"parallel-{number:06}"}
        async with turns:
            answer = await client.post(
                "/api/v1/spends", json={"purse": purse, "amount": amount}, headers=headers
            )
        assert answer.status_code in (201, 409), answer.text
        return amount if answer.status_code == 201 else 0

    began = time.monotonic()
    paid = await asyncio.gather(*(pay(number, *each) for number, each in enumerate(wanted)))
    record_property("spends_per_s", round(spends / (time.monotonic() - began)))
    assert 0 < sum(1 for each in paid if not each) < spends
    async with database.reading() as session:
        rows = list(await session.execute(sa.select(Account.kind, Account.owner, Account.balance)))
    left = {owner: balance for kind, owner, balance in rows if kind == "available"}
    for purse in cards:
        took = sum(amount for (who, _), amount in zip(wanted, paid, strict=True) if who == purse)
        assert left[purse] == 5_000 - took >= 0
    assert (await sums())["captured"] == sum(paid)
    assert sum(balance for _, _, balance in rows) == 0


async def test_two_open_orders_cannot_both_have_the_last_money(ask, purses) -> None:
    (purse,) = await purses(10_000)
    body = {"purse": purse, "amount": 6_000}
    first, second = await asyncio.gather(ask("/holds", body), ask("/holds", body))
    assert sorted((first.status_code, second.status_code)) == [201, 409]
    held = next(each.json()["hold"] for each in (first, second) if each.status_code == 201)
    assert (await ask(f"/holds/{held}/capture", {"amount": 6_000})).status_code == 200
    assert (await ask("/holds", body)).status_code == 409


async def test_two_cards_on_one_order_pay_their_parts_and_have_them_back(ask, purses, sums) -> None:
    one, other = await purses(3_000, 10_000)
    sale = {"store": "s1", "till": "t1", "receipt": "R1"}
    first = (await ask("/spends", sale | {"purse": one, "amount": 5_000, "partial": True})).json()
    assert first["amount"] == 3_000
    second = (await ask("/spends", sale | {"purse": other, "amount": 2_000})).json()
    assert (first["balance"], second["balance"]) == (0, 8_000)
    crossed = {"purse": one, "of": second["transfer"], "amount": 2_000}
    assert (await ask("/refunds", crossed)).status_code == 404
    for purse, paid in ((one, first), (other, second)):
        back = {"purse": purse, "of": paid["transfer"], "amount": paid["amount"], "store": "s1"}
        assert (await ask("/refunds", back)).status_code == 201
    assert (await sums())["available"] == 13_000
    assert (await sums())["captured"] == 0


async def test_a_payment_is_given_back_once_however_often_it_is_asked(ask, purses, sums) -> None:
    (purse,) = await purses(10_000)
    paid = (await ask("/spends", {"purse": purse, "amount": 4_000})).json()
    back = {"purse": purse, "of": paid["transfer"], "amount": 4_000}
    answers = await asyncio.gather(*(ask("/refunds", back) for _ in range(8)))
    assert sorted(each.status_code for each in answers) == [201] + [409] * 7
    assert (await sums())["available"] == 10_000


async def test_no_more_comes_back_than_was_captured(ask, purses, sums) -> None:
    (purse,) = await purses(10_000)
    held = (await ask("/holds", {"purse": purse, "amount": 8_000})).json()["hold"]
    taken = (await ask(f"/holds/{held}/capture", {"amount": 5_000})).json()
    back = {"purse": purse, "of": taken["transfer"]}
    assert (await ask("/refunds", back | {"amount": 5_001})).status_code == 409
    assert (await ask("/refunds", back | {"amount": 3_000})).status_code == 201
    assert (await ask("/refunds", back | {"amount": 2_001})).status_code == 409
    assert (await ask("/refunds", back | {"amount": 2_000})).status_code == 201
    assert (await sums())["available"] == 10_000
    held = (await ask("/holds", {"purse": purse, "amount": 8_000})).json()["hold"]
    assert (await ask(f"/holds/{held}/capture", {"amount": 8_001})).status_code == 422


async def test_one_id_redeems_once_whatever_kind_of_document_it_comes_with(ask, purses, sums) -> None:
    (purse,) = await purses(10_000)
    body = {"purse": purse, "amount": 1_000}
    assert (await ask("/spends", body, key="order-0001")).status_code == 201
    for path in ("/holds", "/loads", "/corrections"):
        more = {"/loads": {"tender": "cash"}, "/corrections": {"why": "order"}}.get(path, {})
        assert (await ask(path, body | more, key="order-0001")).status_code == 409, path
    of = {"purse": purse, "amount": 1_000, "of": "0" * 32}
    assert (await ask("/refunds", of, key="order-0001")).status_code == 409
    assert (await sums())["captured"] == 1_000


async def test_a_retry_redeems_once_also_at_the_same_moment_and_by_another_cashier(ask, purses, sums) -> None:
    (purse,) = await purses(10_000)
    body = {"purse": purse, "amount": 1_000, "store": "s1", "receipt": "R1"}
    answers = await asyncio.gather(
        *(ask("/spends", body, key="retry-0001", role="cashier", user=user) for user in range(1, 21))
    )
    assert {each.status_code for each in answers} == {201}
    assert len({each.content for each in answers}) == 1
    assert (await sums())["captured"] == 1_000


async def test_a_refund_never_goes_to_another_card(ask, purses) -> None:
    one, other = await purses(10_000, 0)
    paid = (await ask("/spends", {"purse": one, "amount": 4_000})).json()
    stolen = {"purse": other, "of": paid["transfer"], "amount": 4_000}
    assert (await ask("/refunds", stolen)).status_code == 404


async def test_what_came_back_is_bonus_where_bonus_was_spent(ask, purses) -> None:
    (purse,) = await purses(0)
    await ask("/loads", {"purse": purse, "amount": 20_000, "tender": "cash"})
    paid = (await ask("/spends", {"purse": purse, "amount": 2_000})).json()  # all of it bonus
    await ask("/refunds", {"purse": purse, "of": paid["transfer"], "amount": 2_000})
    payee = {"name": "王小明", "number": "110101199003078515", "account": "6222"}
    out = {"purse": purse, "amount": 20_001, "tender": "transfer", "payee": payee, "why": "moved away"}
    waiting = await ask("/cash-outs", out, user=3)
    assert waiting.status_code == 202, waiting.text
    decided = await ask(f"/approvals/{waiting.json()['id']}/decide", {"approve": True}, user=4)
    assert decided.status_code == 409  # 20,000 were paid in, bonus is never paid out
    waiting = await ask("/cash-outs", out | {"amount": 20_000}, user=3)
    decided = await ask(f"/approvals/{waiting.json()['id']}/decide", {"approve": True}, user=4)
    assert decided.status_code == 200, decided.text
