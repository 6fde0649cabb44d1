"""A second person: never the one who asked, once, and with its effect in the same transaction."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from central_server.errors import CentreError, Conflict, Invalid, NotFound, Refused
from central_server.ledger.desk import approvals
from central_server.ledger.desk.approvals import About, ask, decide
from central_server.ledger.models.approvals import Approval
from central_server.staff import models as staff_models
from central_server.staff.audit import COMMAND, Actor, record_change

NOW_MS = 1_795_000_000_000


class Deeds:
    """Deeds that only note what they were asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, dict[str, Any], str]] = []
        self.fails: CentreError | None = None

    async def do(self, session, row, by, now_ms):  # type: ignore[no-untyped-def]
        if self.fails is not None:
            raise self.fails
        self.done.append((row.kind, row.body, by.name))
        return {"transfer": "t1"}

    def __getitem__(self, kind: str) -> Any:
        return self.do


@pytest.fixture
def deeds() -> Any:
    return Deeds()


@pytest.fixture
def asked(database, li):
    """Asks for a load of 2,000.00 for the card C1 in the name of Li."""

    async def ask_for(key: str = "request-1", amount: int = 200_000, **how: Any) -> Approval:
        async with database.transaction() as session:
            return await ask(
                session,
                "load",
                {"card": "C1", "amount": amount},
                key=key,
                about=About("C1", amount, "CNY", "s1"),
                by=how.get("by", li),
                why=how.get("why", "company gift"),
                now_ms=how.get("now_ms", NOW_MS),
            )

    return ask_for


@pytest.fixture
def decided(database, deeds):
    async def decide_it(id_: str, by: Any, approve: bool = True, now_ms: int = NOW_MS + 5) -> Approval:
        async with database.transaction() as session:
            return await decide(session, id_, by=by, approve=approve, now_ms=now_ms, deeds=deeds, note="seen")

    return decide_it


async def test_a_second_person_says_yes_and_the_deed_is_done(asked, decided, deeds, wang) -> None:
    row = await asked()
    assert row.state == approvals.WAITING
    done = await decided(row.id, wang)
    assert (done.state, done.decided_name, done.result) == ("done", "Wang", {"transfer": "t1"})
    assert deeds.done == [("load", {"card": "C1", "amount": 200_000}, "Wang")]


async def test_a_no_moves_nothing(asked, decided, deeds, wang) -> None:
    done = await decided((await asked()).id, wang, approve=False)
    assert (done.state, deeds.done) == ("refused", [])


async def test_whoever_asked_cannot_decide_neither_yes_nor_no(asked, decided, deeds, li) -> None:
    row = await asked()
    for approve in (True, False):
        with pytest.raises(Refused, match="somebody else"):
            await decided(row.id, li, approve)
    assert deeds.done == []


SOON_MS, DAY_MS = NOW_MS - 3_600_000, 24 * 3_600_000
ROLES = {"roles": ["admin"]}


@pytest.mark.parametrize(
    ("changes", "days_ago", "is_one_person"),
    [
        ([("Li", "created", "Wang", {"login": "wang"})], 0, True),
        ([("Li", "set password", "Wang", None)], 0, True),
        ([("Li", "changed", "Wang", ROLES)], 0, True),
        ([("Li", "changed", "Wang", {"active": True})], 0, True),
        ([("Li", "changed", "Wang", {"name": "Wang Wei", "stores": None})], 0, False),
        ([("Wang", "created", "Li", {})], 0, True),  # whoever decides made whoever asks
        ([("Zhao", "created", "Li", {}), ("Zhao", "set password", "Wang", None)], 0, True),
        ([("Li", "created", "Zhao", {}), ("Zhao", "created", "Wang", {})], 0, True),
        ([("Zhao", "created", "Li", {}), ("Chen", "created", "Wang", {})], 0, False),
        ([("command line", "created", "Wang", {}), ("command line", "created", "Li", {})], 0, False),
        ([("Li", "created", "Wang", {})], 8, False),
        ([("Wang", "changed password", "Wang", None)], 0, False),
    ],
)
async def test_a_login_that_one_person_had_in_hand_is_no_second_person(
    asked, decided, deeds, database, li, wang, zhao, changes, days_ago, is_one_person
) -> None:
    people = {who.name: who for who in (li, wang, zhao, Actor("Chen", 4), COMMAND)}
    async with database.transaction() as session:
        for who, action, whom, new in changes:
            at_ms = SOON_MS - days_ago * DAY_MS
            await record_change(session, people[who], action, "user", people[whom].user_id, None, new, at_ms)
    row = await asked()
    if not is_one_person:
        assert (await decided(row.id, wang)).state == approvals.DONE
        return
    with pytest.raises(Refused, match="could be both"):
        await decided(row.id, wang)
    assert deeds.done == []
    assert (
        await decided(row.id, wang, approve=False)
    ).state == approvals.REFUSED  # a no needs no second person


async def test_a_login_made_while_the_request_waits_is_no_second_person_either(
    asked, decided, database, li, wang
) -> None:
    row = await asked()
    async with database.transaction() as session:
        await record_change(session, li, "set password", "user", wang.user_id, None, None, NOW_MS + DAY_MS)
    with pytest.raises(Refused, match="could be both"):
        await decided(row.id, wang, now_ms=NOW_MS + 6 * DAY_MS)


async def test_a_chain_may_do_without_the_days(asked, database, deeds, li, wang) -> None:
    row = await asked()
    async with database.transaction() as session:
        await record_change(session, li, "created", "user", wang.user_id, None, {}, SOON_MS)
        how = {"approve": True, "now_ms": NOW_MS, "deeds": deeds, "login_days": 0}
        assert (await decide(session, row.id, by=wang, **how)).state == approvals.DONE


async def test_a_program_without_a_person_can_neither_ask_nor_decide(asked, decided) -> None:
    with pytest.raises(Refused):
        await asked(by=COMMAND)
    row = await asked()
    with pytest.raises(Refused):
        await decided(row.id, COMMAND)


async def test_the_same_decision_again_changes_nothing_and_another_is_a_conflict(
    asked, decided, deeds, wang, zhao
) -> None:
    row = await asked()
    await decided(row.id, wang)
    assert (await decided(row.id, wang)).state == "done"
    for by, approve in ((wang, False), (zhao, True), (zhao, False)):
        with pytest.raises(Conflict, match="Wang"):
            await decided(row.id, by, approve)
    assert len(deeds.done) == 1


async def test_asking_twice_with_one_key_is_asking_once(asked, database) -> None:
    first, again = await asked(), await asked()
    assert first.id == again.id
    with pytest.raises(Conflict):
        await asked(amount=300_000)
    async with database.reading() as session:
        assert await approvals.waiting(session, now_ms=NOW_MS) == 1


async def test_a_request_needs_a_reason(asked) -> None:
    with pytest.raises(Invalid):
        await asked(why="  ")


async def test_what_waited_too_long_expires(asked, decided, deeds, wang, database) -> None:
    row = await asked()
    week_ms = approvals.DAYS * approvals.DAY_MS
    with pytest.raises(Conflict, match="too long"):
        await decided(row.id, wang, now_ms=NOW_MS + week_ms)
    async with database.reading() as session:
        assert await approvals.approvals(session, now_ms=NOW_MS + week_ms) == []
        (old,) = await approvals.approvals(session, state="expired", now_ms=NOW_MS + week_ms)
    assert approvals.state_of(old, NOW_MS + week_ms) == "expired"
    assert deeds.done == []
    assert (await decided(row.id, wang, now_ms=NOW_MS + week_ms - 1)).state == "done"


async def test_when_the_deed_fails_nothing_is_decided(asked, decided, deeds, wang) -> None:
    row = await asked()
    deeds.fails = Conflict("the card is frozen")
    with pytest.raises(Conflict, match="frozen"):
        await decided(row.id, wang)
    deeds.fails = None
    assert (await decided(row.id, wang)).state == "done"


async def test_nobody_decides_what_nobody_asked_for(decided, wang) -> None:
    with pytest.raises(NotFound):
        await decided("A0", wang)


async def test_people_of_one_store_see_what_concerns_it(asked, database) -> None:
    await asked()
    async with database.reading() as session:
        for stores, seen in ((None, 1), (frozenset({"s1"}), 1), (frozenset({"s2"}), 0)):
            assert len(await approvals.approvals(session, stores=stores, now_ms=NOW_MS)) == seen
            assert await approvals.waiting(session, stores=stores, now_ms=NOW_MS) == seen


async def test_asking_and_deciding_are_in_the_audit_trail(asked, decided, wang, database) -> None:
    await decided((await asked()).id, wang)
    async with database.reading() as session:
        lines = list(await session.scalars(sa.select(staff_models.Change).order_by(staff_models.Change.id)))
    assert [(line.actor, line.action, line.new["amount"]) for line in lines] == [
        ("Li", "asked for", 200_000),
        ("Wang", "approved", 200_000),
    ]
