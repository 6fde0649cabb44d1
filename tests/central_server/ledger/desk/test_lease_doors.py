"""Leases at the desk: seen by whoever may, recalled, and declared lost by two people after their grace."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.books.accounts import accounts_of, available, escrow
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.leases.anchor import Mark
from central_server.ledger.leases.doubt import fence
from central_server.ledger.leases.epochs import new_epoch
from central_server.ledger.leases.leases import grant
from central_server.ledger.leases.stopping import stop_if_put_back
from central_server.ledger.models.cards import Card
from central_server.ledger.models.leases import CLOSED, Lease, LeaseEntry
from config.central import LeaseSettings
from sync.contract.message import Ask
from tests.central_server.ledger.desk.conftest import NOW_MS

GRACE_MS = LeaseSettings().grace_hours * 3_600_000


@pytest.fixture
async def lease(database, keys, purses) -> str:
    """A lease of 200.00 at s1."""
    await purses(50_000)
    async with database.transaction() as session:
        card = await session.get_one(Card, f"C{1:012}")
        await new_epoch(session, "s1", "e" * 16, NOW_MS)
        asked = Ask(request="r1", epoch="e" * 16, card=card.token, wants={"CNY": 20_000})
        answer = await grant(
            session, store="s1", ask=asked, keys=keys, settings=LeaseSettings(), now_ms=NOW_MS
        )
    assert answer.leases, answer
    return answer.leases[0]


@pytest.fixture
def in_doubt(database, lease):
    async def fenced() -> str:
        async with database.transaction() as session:
            assert await fence(session, "s1", NOW_MS) == 1
        return lease

    return fenced


async def test_a_lease_is_listed_recalled_and_has_its_page(ask, client, as_, lease) -> None:
    (listed,) = (await client.get("/api/v1/leases", headers=as_("auditor"))).json()
    assert (listed["id"], listed["escrow"], listed["recalled"]) == (lease, 20_000, False)
    recalled = await ask(f"/leases/{lease}/recall", {"why": "customer asks"}, role="finance")
    assert recalled.json() == {"leases": [lease]}, recalled.text
    assert (await ask(f"/leases/{lease}/recall", {}, role="finance")).json() == {"leases": []}
    for lang in ("en", "zh_CN"):
        for path in ("/cards/leases", f"/cards/leases/{lease}", "/cards/leases?state=doubt&store=s1"):
            answer = await client.get(path, headers=as_(lang=lang))
            assert answer.status_code == 200, answer.text[:300]
    assert (await client.get(f"/api/v1/leases/{lease}/records", headers=as_())).json() == []


async def test_head_office_sees_that_nothing_is_granted_and_why(client, as_, database) -> None:
    async with database.transaction() as session:
        await stop_if_put_back(session, Mark("a" * 16, 5), NOW_MS)
    page = (await client.get("/cards/leases", headers=as_())).text
    assert "Nothing is granted to any store since" in page
    assert "put back to a time before" in page
    assert f"anchor {'a' * 16}: 5, database: 0" in page
    assert "&lt;" not in page.partition("Nothing is granted")[2].partition("</p>")[0]


async def test_people_of_another_store_know_nothing_of_it(ask, client, as_, lease) -> None:
    theirs = {"role": "store_manager", "store": "s2"}
    assert (await client.get("/api/v1/leases", headers=as_(**theirs))).json() == []
    for path in (f"/api/v1/leases/{lease}", f"/api/v1/leases/{lease}/records", f"/cards/leases/{lease}"):
        assert (await client.get(path, headers=as_(**theirs))).status_code == 404
    assert (await ask(f"/leases/{lease}/recall", {}, **theirs)).status_code == 404
    assert (await ask(f"/leases/{lease}/loss", {"amount": 1, "why": "gone"}, **theirs)).status_code == 404


async def test_a_loss_needs_doubt_its_grace_and_two_people(ask, client, as_, in_doubt, lease, clock) -> None:
    body = {"amount": 20_000, "why": "the box burnt"}
    assert (await ask(f"/leases/{lease}/loss", body)).status_code == 409
    await in_doubt()
    assert (await ask(f"/leases/{lease}/loss", body | {"amount": 20_001})).status_code == 422
    waiting = await ask(f"/leases/{lease}/loss", body, role="finance", user=5)
    assert (waiting.status_code, waiting.json()["kind"], waiting.json()["store"]) == (202, "loss", "s1")
    decide = f"/approvals/{waiting.json()['id']}/decide"
    assert (await ask(decide, {"approve": True}, role="finance", user=5)).status_code == 403
    assert (
        await ask(decide, {"approve": True}, role="finance", user=6)
    ).status_code == 409  # within its grace
    clock.now_ms += GRACE_MS
    done = await ask(decide, {"approve": True}, role="finance", user=6)
    assert done.status_code == 200, done.text
    shown = (await client.get(f"/api/v1/leases/{lease}", headers=as_())).json()
    assert (shown["state"], shown["lost"], shown["escrow"]) == ("lost", 20_000, 20_000)
    (purse,) = (await client.get(f"/api/v1/purses?card=C{1:012}", headers=as_())).json()
    assert purse["available"] == 50_000
    assert (await ask(f"/leases/{lease}/loss", body)).status_code == 422


async def test_a_loss_is_asked_for_and_decided_by_forms(client, as_, in_doubt, clock) -> None:
    lease = await in_doubt()
    clock.now_ms += GRACE_MS
    form = {"id": "form-loss-1", "amount": "200.01", "why": "the box burnt"}
    wrong = await client.post(f"/cards/leases/{lease}/loss", data=form, headers=as_(user=5))
    assert (wrong.status_code, "more than is left" in wrong.text) == (422, True)
    form |= {"id": "form-loss-2", "amount": "200"}
    asked = await client.post(f"/cards/leases/{lease}/loss", data=form, headers=as_(user=5))
    assert asked.headers["location"] == "/approvals"
    (waiting,) = (await client.get("/api/v1/approvals", headers=as_())).json()
    said = {"decision": "yes"}
    done = await client.post(f"/approvals/{waiting['id']}", data=said, headers=as_(user=6))
    assert done.status_code == 303, done.text
    page = (await client.get(f"/cards/leases/{lease}", headers=as_())).text
    assert "Declared lost" in page


async def test_a_loss_is_asked_for_once_and_says_from_when_it_can_be_allowed(
    ask, client, as_, in_doubt, clock
) -> None:
    lease = await in_doubt()
    for lang in ("en", "zh_CN"):
        page = (await client.get(f"/cards/leases/{lease}", headers=as_(lang=lang))).text
        assert "2026-11-21 19:06" in page
        assert "72" in page
    path = f"/leases/{lease}/loss"
    first = await ask(path, {"amount": 15_000, "why": "the box burnt"}, key="loss-0001", user=5)
    assert first.status_code == 202
    again = await ask(path, {"amount": 15_000, "why": "the box burnt"}, user=5)
    assert again.status_code == 409
    assert "¥150.00 of this lease waits for a second person already; it holds ¥200.00" in again.text
    rest = await ask(path, {"amount": 5_000, "why": "the box burnt"}, user=5)
    assert rest.status_code == 202
    queue = (await client.get("/approvals", headers=as_(user=6))).text
    assert queue.count("It can be allowed from 2026-11-21 19:06") == 2
    assert 'value="yes"' not in queue
    clock.now_ms += GRACE_MS
    assert 'value="yes"' in (await client.get("/approvals", headers=as_(user=6))).text


async def test_the_opening_of_a_lease_is_no_opening_of_a_store(client, as_, lease, database) -> None:
    async with database.transaction() as session:
        row = await session.get_one(Lease, lease)
        told = {
            "lease": lease,
            "number": 1,
            "kind": "open",
            "amount": 20_000,
            "purse": row.purse,
            "unit": "CNY",
        }
        said = dict.fromkeys(("mac", "till", "txn", "receipt", "cashier", "refers_to"), "")
        times = {"at_ms": NOW_MS, "sure": 1, "applied_ms": NOW_MS, "key": 1}
        session.add(LeaseEntry(store="s1", **told, **said, **times))
    assert "Lease opened" in (await client.get(f"/cards/leases/{lease}", headers=as_())).text
    assert "开业日期" not in (await client.get(f"/cards/leases/{lease}", headers=as_(lang="zh_CN"))).text


async def test_a_frozen_lease_is_tried_again_by_two_people(ask, client, as_, lease, database) -> None:
    assert (await ask(f"/leases/{lease}/resolve", {"why": "nothing is wrong"})).status_code == 409
    async with database.transaction() as session:
        row = await session.get_one(Lease, lease)
        row.state, row.why, row.doubt_ms = "frozen", "mac", NOW_MS
    assert "Try again" in (await client.get(f"/cards/leases/{lease}", headers=as_())).text
    waiting = await ask(f"/leases/{lease}/resolve", {"why": "the box was mended"}, user=5)
    assert waiting.status_code == 202, waiting.text
    decide = f"/approvals/{waiting.json()['id']}/decide"
    assert (await ask(decide, {"approve": True}, user=5)).status_code == 403
    assert (await ask(decide, {"approve": True}, user=6)).status_code == 200
    shown = (await client.get(f"/api/v1/leases/{lease}", headers=as_())).json()
    assert (shown["state"], shown["why"]) == ("open", "")


async def test_a_store_whose_box_is_gone_is_fenced_and_one_that_is_not_trusted_gets_nothing(
    ask, client, as_, lease
) -> None:
    theirs = {"role": "store_manager", "store": "s2"}
    assert (await ask("/leases/stores/s1/fence", {"why": "burnt"}, **theirs)).status_code == 403
    page = await client.get("/cards/leases?store=s1", headers=as_())
    assert "Its box is gone for good" in page.text
    fenced = await ask("/leases/stores/s1/fence", {"why": "burnt"}, role="finance")
    assert fenced.json() == {"leases": 1}, fenced.text
    (shown,) = (await client.get("/api/v1/leases?state=doubt", headers=as_())).json()
    assert shown["id"] == lease
    form = {"id": "form-stop-1", "why": "it was stolen"}
    assert (await client.post("/cards/leases/stores/s1/stop", data=form, headers=as_())).status_code == 303
    assert "is granted nothing" in (await client.get("/cards/leases?store=s1", headers=as_())).text
    assert (await ask("/leases/stores/s1/stop", {"stopped": False})).json() == {"stopped": False}


async def test_a_request_for_what_a_store_holds_says_so_and_can_be_allowed_after_its_recall(
    ask, client, as_, lease, database
) -> None:
    async with database.reading() as session:
        purse = (await session.get_one(Lease, lease)).purse
    asked = await ask("/corrections", {"purse": purse, "amount": -40_000, "why": "typed twice"}, user=5)
    decide = f"/approvals/{asked.json()['id']}"
    refused = await client.post(decide, data={"decision": "yes"}, headers=as_(user=6))
    assert refused.status_code == 409
    row = refused.text.partition("<tbody>")[2]
    assert "there is not enough left" in refused.text
    assert "A store holds ¥200.00 of it" in row
    assert f'href="/cards/leases/{lease}"' in row
    recall = f"/cards/leases/{lease}/recall"
    assert f'action="{recall}"' in row
    assert f'action="{recall}"' not in (await client.get("/approvals", headers=as_("auditor"))).text
    back = await client.post(recall, data={"id": "form-recall", "back": "approvals"}, headers=as_(user=6))
    assert back.headers["location"] == "/approvals"
    assert "as soon as the store hears of it" in (await client.get("/approvals", headers=as_(user=6))).text
    async with database.transaction() as session:
        await given_back(session, lease)
    assert lease not in (await client.get("/approvals", headers=as_(user=6))).text
    assert (await client.post(decide, data={"decision": "yes"}, headers=as_(user=6))).status_code == 303


async def given_back(session: AsyncSession, id_: str) -> None:
    """As when the store's close arrives: all of it is available again."""
    row = await session.get_one(Lease, id_)
    names = [escrow(row.id, row.unit), available(row.purse, row.unit)]
    ids = await accounts_of(session, names)
    transfer = posting_id("test", id_)
    sides = ids[names[0]], ids[names[1]]
    await post(session, [NewTransfer(transfer, *sides, row.unit, row.escrow, "close", "", NOW_MS)])
    row.state, row.escrow = CLOSED, 0
