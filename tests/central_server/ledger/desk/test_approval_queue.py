"""The queue of what waits: whoever cannot say yes is told why, and what helps; no page is bare."""

from __future__ import annotations

import re

import pytest

from central_server.staff.audit import Actor
from central_server.staff.service import record_change
from tests.central_server.ledger.desk.conftest import NOW_MS


@pytest.fixture
def one_made_both(database):
    """User 9 has just made the logins of 5 and 6."""

    async def made() -> None:
        async with database.transaction() as session:
            for user in ("5", "6"):
                await record_change(
                    session, Actor("Admin", 9), "created", "user", user, None, {"name": user}, NOW_MS
                )

    return made


async def test_what_the_law_forbids_is_refused_before_a_second_person_is_asked(
    ask, client, as_, purses
) -> None:
    (purse,) = await purses(0)
    over = await ask("/loads", {"purse": purse, "amount": 100_001, "tender": "cash", "why": "a gift"})
    assert over.status_code == 409, over.text
    assert "holds at most ¥1,000.00; this would make ¥1,000.01" in over.json()["detail"]
    assert (await client.get("/api/v1/approvals", headers=as_())).json() == []
    allowed = await ask(
        "/loads", {"purse": purse, "amount": 100_000 - 2_000, "tender": "cash", "why": "a gift"}
    )
    assert allowed.status_code == 202, allowed.text


async def test_a_card_without_a_face_value_is_sold_with_an_amount_or_with_0(client, ask, as_, gift) -> None:
    made = (await ask("/batches", {"batch": "B9", "programme": gift, "count": 2})).json()["cards"]
    await ask("/batches/B9/stock", {"place": "s1"})
    for number, (amount, status) in enumerate((("", 422), ("0", 303), ("1000.01", 409), ("999", 303))):
        card = made[0 if number < 2 else 1]["id"]
        await ask(f"/cards/{card}/issue", {})
        form = {
            "id": f"form-sell-{number}",
            "move": "activate",
            "amount": amount,
            "tender": "cash",
            "why": "a gift",
        }
        answer = await client.post(f"/cards/{card}/sell", data=form, headers=as_())
        assert answer.status_code == status, answer.text
        if status == 422:
            assert "no face value" in answer.text
            assert "Amount (0: nothing is on it)" in answer.text
    assert (await client.get(f"/api/v1/cards/{made[0]['id']}", headers=as_())).json()["state"] == "active"


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_who_may_be_the_same_person_sees_no_allow_but_why_and_what_helps(
    ask, client, as_, purses, one_made_both, lang
) -> None:
    (purse,) = await purses(100)
    await one_made_both()
    await ask("/corrections", {"purse": purse, "amount": 1, "why": "typed wrong"}, user=5)
    shown = (await client.get("/approvals", headers=as_(user=6, lang=lang))).text
    assert 'value="yes"' not in shown
    assert 'value="no"' in shown
    assert "tillbeam-central user create" in shown
    assert "second_person.login_days" in shown
    assert 'value="yes"' in (await client.get("/approvals", headers=as_(user=7, lang=lang))).text


async def test_a_yes_that_is_not_theirs_to_say_comes_back_to_the_queue_with_the_reason(
    ask, client, as_, purses, one_made_both
) -> None:
    (purse,) = await purses(100)
    await one_made_both()
    asked = await ask("/corrections", {"purse": purse, "amount": 1, "why": "typed wrong"}, user=5)
    for user, why in ((5, "whoever asked cannot"), (6, "one person has made")):
        answer = await client.post(
            f"/approvals/{asked.json()['id']}", data={"decision": "yes"}, headers=as_(user=user)
        )
        assert answer.status_code == 403
        assert why in answer.text
        assert re.search(r"<h1[^>]*>\s*Approvals", answer.text)
