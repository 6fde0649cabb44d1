"""Money through the API: once per key, within limits, with a second person above them."""

from __future__ import annotations

import pytest

from central_server.ledger.leases import stopping
from central_server.staff.service import COMMAND
from tests.central_server.ledger.desk.conftest import NOW_MS


async def balance(client, as_, purse: str) -> int:
    answer = await client.get(f"/api/v1/purses/{purse}", headers=as_())
    return answer.json()["balance"]


async def test_a_load_a_payment_and_a_refund(ask, purses) -> None:
    (purse,) = await purses(0)
    loaded = await ask("/loads", {"purse": purse, "amount": 20_000, "tender": "cash"})
    assert (loaded.status_code, loaded.json()) == (
        201,
        {"purse": purse, "unit": "CNY", "paid": 20_000, "bonus": 2_000, "balance": 22_000},
    ), loaded.text
    paid = await ask("/spends", {"purse": purse, "amount": 5_000, "store": "s1", "receipt": "R1"})
    assert (paid.status_code, paid.json()["balance"]) == (201, 17_000)
    back = {"purse": purse, "of": paid.json()["transfer"], "amount": 5_000, "store": "s1"}
    too_much = await ask("/refunds", back | {"amount": 5_001})
    assert "only ¥50.00 of" in too_much.text
    refunded = await ask("/refunds", back)
    assert (refunded.status_code, refunded.json()["balance"]) == (201, 22_000), refunded.text


async def test_the_same_key_and_body_have_the_same_answer_and_another_body_is_a_conflict(ask, purses) -> None:
    (purse,) = await purses(10_000)
    body = {"purse": purse, "amount": 4_000}
    first = await ask("/spends", body, key="sale-0001")
    again = await ask("/spends", body, key="sale-0001")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.json()["balance"] == 6_000
    assert (await ask("/spends", body | {"amount": 4_001}, key="sale-0001")).status_code == 409
    by_another = await ask("/spends", body, key="sale-0001", role="admin", user=9)
    assert by_another.content == first.content
    in_body = await ask("/spends", body | {"id": "sale-0001"}, key="sale-0001")
    assert in_body.content == first.content


async def test_a_payment_of_more_than_there_is_is_refused_again_or_taken_in_part(ask, purses) -> None:
    (purse,) = await purses(3_000)
    short = await ask("/spends", {"purse": purse, "amount": 3_001}, key="short-0001")
    assert short.status_code == 409
    partial = await ask("/spends", {"purse": purse, "amount": 5_000, "partial": True})
    assert (partial.json()["amount"], partial.json()["balance"]) == (3_000, 0)
    nothing = await ask("/spends", {"purse": purse, "amount": 5_000, "partial": True})
    assert nothing.status_code == 409
    again = await ask("/spends", {"purse": purse, "amount": 3_001}, key="short-0001")
    assert again.status_code == 409


async def test_a_hold_is_captured_in_part_and_only_once(ask, purses) -> None:
    (purse,) = await purses(10_000)
    held = (await ask("/holds", {"purse": purse, "amount": 8_000})).json()
    assert (await ask("/spends", {"purse": purse, "amount": 2_001})).status_code == 409
    taken = await ask(f"/holds/{held['hold']}/capture", {"amount": 5_000})
    assert (taken.status_code, taken.json()["balance"]) == (200, 5_000), taken.text
    assert (await ask(f"/holds/{held['hold']}/capture", {"amount": 3_000})).status_code == 409
    assert (await ask(f"/holds/{held['hold']}/void", {})).status_code == 409
    assert (await ask("/spends", {"purse": purse, "amount": 5_000})).status_code == 201


async def test_a_payment_refused_while_grants_are_stopped_is_paid_when_asked_again_later(
    ask, purses, database
) -> None:
    (purse,) = await purses(10_000)
    body = {"purse": purse, "amount": 4_000}
    async with database.transaction() as session:
        await stopping.order_stop(session, COMMAND, NOW_MS)
    stopped = await ask("/spends", body, key="stopped-0001")
    assert stopped.status_code == 503
    assert "somebody stopped the grants" in stopped.text
    async with database.transaction() as session:
        await stopping.resume(session, COMMAND, now_ms=NOW_MS)
    assert (await ask("/spends", body, key="stopped-0001")).status_code == 201


async def test_nothing_set_aside_is_taken_while_grants_are_stopped_and_it_is_later(
    ask, purses, database
) -> None:
    (purse,) = await purses(10_000)
    capture = f"/holds/{(await ask('/holds', {'purse': purse, 'amount': 8_000})).json()['hold']}/capture"
    async with database.transaction() as session:
        await stopping.order_stop(session, COMMAND, NOW_MS)
    assert (await ask(capture, {"amount": 5_000}, key="capture-0001")).status_code == 503
    async with database.transaction() as session:
        await stopping.resume(session, COMMAND, now_ms=NOW_MS)
    assert (await ask(capture, {"amount": 5_000}, key="capture-0001")).status_code == 200


async def test_a_void_gives_all_of_it_back(ask, purses) -> None:
    (purse,) = await purses(10_000)
    held = (await ask("/holds", {"purse": purse, "amount": 8_000})).json()["hold"]
    assert (await ask(f"/holds/{held}/void", {})).json()["state"] == "voided"
    assert (await ask(f"/holds/{held}/capture", {"amount": 1})).status_code == 409
    assert (await ask("/spends", {"purse": purse, "amount": 10_000})).status_code == 201


@pytest.mark.parametrize(
    ("amount", "status"), [(49_999, 201), (50_000, 201), (50_001, 202)], ids=["below", "at", "above"]
)
async def test_a_large_load_waits_for_a_second_person(ask, purses, amount, status) -> None:
    (purse,) = await purses(0)
    answer = await ask("/loads", {"purse": purse, "amount": amount, "tender": "cash", "why": "company gift"})
    assert answer.status_code == status, answer.text


async def test_a_second_person_allows_a_large_load_and_nobody_else_can(ask, purses, client, as_) -> None:
    (purse,) = await purses(0)
    body = {"purse": purse, "amount": 60_000, "tender": "cash", "why": "company gift"}
    waiting = (await ask("/loads", body, key="large-0001", user=5)).json()
    decide = f"/approvals/{waiting['id']}/decide"
    assert (await ask(decide, {"approve": True}, user=5)).status_code == 403
    assert (await ask(decide, {"approve": True}, role="cashier", user=6)).status_code == 403
    assert await balance(client, as_, purse) == 0
    done = await ask(decide, {"approve": True, "note": "seen the contract"}, role="finance", user=7)
    assert (done.status_code, done.json()["state"], done.json()["decided_name"]) == (200, "done", "finance 7")
    assert await balance(client, as_, purse) == 62_000
    again = await ask(decide, {"approve": True}, role="finance", user=7)
    assert again.status_code == 200
    assert await balance(client, as_, purse) == 62_000
    assert (await ask("/loads", body, key="large-0001", user=5)).json() == waiting


async def test_much_moved_to_another_card_needs_a_second_person_of_head_office(
    ask, purses, client, as_
) -> None:
    mine, theirs = await purses(90_000, 0)
    body = {"purse": mine, "to": theirs, "amount": 50_001, "why": "the card is worn"}
    small = await ask("/moves", body | {"amount": 100}, role="store_manager", store="s1", user=5)
    assert (small.status_code, small.json()["other_balance"]) == (201, 100), small.text
    waiting = await ask("/moves", body, role="store_manager", store="s1", user=5)
    assert waiting.status_code == 202, waiting.text
    assert await balance(client, as_, theirs) == 100
    decide = f"/approvals/{waiting.json()['id']}/decide"
    assert (await ask(decide, {"approve": True}, role="store_manager", store="s1", user=6)).status_code == 404
    assert (await ask(decide, {"approve": True}, role="finance", user=7)).status_code == 200
    assert await balance(client, as_, theirs) == 50_101


async def test_a_correction_always_needs_a_second_person(ask, purses, client, as_) -> None:
    (purse,) = await purses(1_000)
    waiting = await ask(
        "/corrections", {"purse": purse, "amount": -300, "why": "typed twice"}, role="finance"
    )
    assert waiting.status_code == 202, waiting.text
    assert await balance(client, as_, purse) == 1_000
    id_ = waiting.json()["id"]
    await ask(f"/approvals/{id_}/decide", {"approve": True}, role="finance", user=2)
    assert await balance(client, as_, purse) == 700
    too_much = await ask("/corrections", {"purse": purse, "amount": -800, "why": "again"}, role="finance")
    id_ = too_much.json()["id"]
    failed = await ask(f"/approvals/{id_}/decide", {"approve": True}, role="finance", user=2)
    assert failed.status_code == 409
    assert await balance(client, as_, purse) == 700


async def test_one_top_up_for_one_receipt_of_a_till(ask, purses) -> None:
    one, other = await purses(0, 0)
    sale = {"amount": 1_000, "tender": "cash", "store": "s1", "till": "t1"}
    assert (await ask("/loads", sale | {"purse": one})).status_code == 422
    assert (await ask("/loads", sale | {"purse": one, "receipt": "R7"})).status_code == 201
    assert (await ask("/loads", sale | {"purse": one, "receipt": "R7"})).status_code == 409
    assert (await ask("/loads", sale | {"purse": other, "receipt": "R7"})).status_code == 409
    assert (await ask("/loads", sale | {"purse": one, "receipt": "R7", "till": "t2"})).status_code == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/loads", {"amount": 100, "tender": "cash", "receipt": "R1"}),
        ("/spends", {"amount": 100}),
        ("/holds", {"amount": 100}),
        ("/refunds", {"amount": 100, "of": "0" * 32}),
    ],
)
async def test_people_of_one_store_act_for_it_only(ask, purses, path, body) -> None:
    (purse,) = await purses(1_000)
    for store, refused in (("s1", False), ("s2", True), ("", True)):
        answer = await ask(path, body | {"purse": purse, "store": store}, role="store_manager", store="s1")
        assert (answer.status_code == 403) == refused, answer.text


async def test_a_hold_of_another_store_is_nobodys(ask, purses) -> None:
    (purse,) = await purses(1_000)
    held = (await ask("/holds", {"purse": purse, "amount": 100, "store": "s2"})).json()["hold"]
    mine = {"role": "store_manager", "store": "s1"}
    assert (await ask(f"/holds/{held}/void", {}, **mine)).status_code == 404
    assert (await ask(f"/holds/{held}/capture", {"amount": 1, "store": "s1"}, **mine)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 0}, {"amount": -1}, {"amount": 1.5}, {"amount": "1"}, {"amount": 2**53 + 1}, {},
        {"amount": 5, "colour": "red"}, {"amount": 5, "card": "C1"}, {"amount": 5, "purse": ""},
    ],
    ids=str,
)  # fmt: skip
async def test_a_body_that_is_not_right_moves_nothing(ask, purses, client, as_, body) -> None:
    (purse,) = await purses(1_000)
    answer = await ask("/spends", {"purse": purse} | body)
    assert answer.status_code == 422, answer.text
    assert await balance(client, as_, purse) == 1_000


async def test_a_request_without_a_key_is_refused(client, as_, purses) -> None:
    (purse,) = await purses(1_000)
    answer = await client.post("/api/v1/spends", json={"purse": purse, "amount": 1}, headers=as_())
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["fields"]


async def test_every_role_does_what_it_may(ask, purses) -> None:
    (purse,) = await purses(10_000)
    asked = {
        "/loads": {"purse": purse, "amount": 1, "tender": "cash"},
        "/spends": {"purse": purse, "amount": 1},
        "/corrections": {"purse": purse, "amount": 1, "why": "why not"},
    }
    may = {
        "cashier": {"/loads", "/spends"},
        "store_manager": {"/loads", "/spends"},
        "service": {"/corrections"},
        "finance": {"/corrections"},
        "auditor": set(),
        "manager": set(),
        "analyst": set(),
        "admin": set(asked),
    }
    for role, paths in may.items():
        for path, body in asked.items():
            answer = await ask(path, body, role=role)
            assert (answer.status_code in (201, 202)) == (path in paths), f"{role} {path}: {answer.text}"
            assert answer.status_code in (201, 202, 403)


async def test_a_refused_top_up_leaves_its_receipt_free(ask, purses, client, as_) -> None:
    (purse,) = await purses(0)
    sale = {"purse": purse, "tender": "cash", "store": "s1", "till": "t1", "receipt": "R7", "why": "gift"}
    waiting = [(await ask("/loads", sale | {"amount": 60_000}, user=5)).json() for _ in range(2)]
    decide = "/approvals/{}/decide"
    assert (await ask(decide.format(waiting[0]["id"]), {"approve": False}, user=6)).status_code == 200
    assert (await ask("/loads", sale | {"amount": 1_000})).status_code == 201
    assert (await ask(decide.format(waiting[1]["id"]), {"approve": True}, user=6)).status_code == 409
    assert await balance(client, as_, purse) == 1_000
