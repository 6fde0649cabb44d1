"""Members in stores: they join, show cards and buy; each fact has its effect once and nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from central_server.db import Database
from central_server.downlink.feed import tell
from central_server.keys import Keys
from central_server.membership import service
from central_server.membership.models import CardRefusal, CardSwipe, Member
from sync.contract.events import CardPresented, CardRefused, MemberJoined
from sync.contract.questions import Visit
from sync.contract.sealed import Joiner, seal
from sync.contract.tokens import card_token, phone_token
from sync.contract.told import EVERYONE, MemberGone, MemberTold

NEW, OTHER = "MNEW234567AAA", "MOTHER34567BB"


def join(
    keys: Keys, member: str = NEW, name: str = "王小明", phone: str = "13800138000", card: str = "GC001"
) -> MemberJoined:
    return MemberJoined(
        till="till1",
        member=member,
        sealed=seal(Joiner(name, phone, card, consent=True), keys.public_key),
        card=card_token(keys.token_key, card) if card else "",
        phone=phone_token(keys.token_key, phone) if phone else "",
    )


async def test_a_joiner_from_a_till_is_a_member_that_every_store_knows(
    database: Database, keys: Keys, now_ms: int, facts: Any, words: Any
) -> None:
    for first in (1, 2):  # the edge may say it again under another number: it is the same person
        async with database.transaction() as session:
            await service.joined(session, "s1", facts(join(keys), first=first), now_ms, keys=keys)
    async with database.reading() as session:
        profile = await service.profile(session, keys=keys, member=NEW)
        word = (await words(session))[f"member/{NEW}"]
        assert await session.scalar(sa.select(sa.func.count()).select_from(Member)) == 1
    assert (profile.fields["name"], profile.fields["phone"]) == ("王小明", "+8613800138000")
    assert (profile.store, profile.consent) == ("s1", True)
    assert word.cards == (card_token(keys.token_key, "GC001"),)
    assert word.phones == (phone_token(keys.token_key, "13800138000"),)


async def test_who_joins_again_is_who_they_were(
    database: Database, keys: Keys, now_ms: int, facts: Any, words: Any
) -> None:
    async with database.transaction() as session:
        await service.joined(session, "s1", facts(join(keys, card="")), now_ms, keys=keys)
        again = join(keys, OTHER, name="Wang Xiaoming", card="GC777")
        await service.joined(session, "s1", facts(again, first=2), now_ms, keys=keys)
    async with database.reading() as session:
        profile = await service.profile(session, keys=keys, member=NEW)
        told = await words(session)
        lines = await service.history(session, keys=keys, members=[NEW], personal=True)
        assert await service.members_of(session, [again.card], [OTHER]) == {again.card: NEW, OTHER: NEW}
    assert profile.fields["name"] == "王小明"
    assert [card.token for card in profile.cards] == [again.card]
    assert isinstance(told[f"member/{OTHER}"], MemberGone)
    assert told[f"member/{NEW}"].cards == (again.card,)
    assert ("joined_as", "Wang Xiaoming") in {(line.field, line.new) for line in lines}


async def test_a_card_of_somebody_else_stays_theirs(
    database: Database, keys: Keys, now_ms: int, facts: Any
) -> None:
    async with database.transaction() as session:
        await service.joined(
            session, "s1", facts(join(keys, phone="13800138000", card="GC001")), now_ms, keys=keys
        )
        await service.joined(
            session, "s1", facts(join(keys, OTHER, "Doe", "13900139000", ""), first=2), now_ms, keys=keys
        )
        third = join(keys, "MTHIRD34567CC", "D.", "13900139000", "GC001")
        await service.joined(session, "s1", facts(third, first=3), now_ms, keys=keys)
        assert (await service.members_of(session, [third.card, third.phone], []))[third.card] == NEW
        lines = await service.history(session, keys=keys, members=[OTHER], personal=True)
    assert ("card_refused", third.card) in {(line.field, line.new) for line in lines}


async def test_the_owner_of_a_card_may_join_with_a_second_number(
    database: Database, keys: Keys, now_ms: int, facts: Any, words: Any
) -> None:
    async with database.transaction() as session:
        await service.joined(session, "s1", facts(join(keys)), now_ms, keys=keys)
        second = join(keys, OTHER, phone="13900139000")
        await service.joined(session, "s1", facts(second, first=2), now_ms, keys=keys)
        word = (await words(session))[f"member/{NEW}"]
        found, _ = await service.find(session, keys=keys, query="13900139000")
    assert set(word.phones) == {phone_token(keys.token_key, "13800138000"), second.phone}
    assert [one.id for one in found] == [NEW]


async def test_a_joiner_nobody_can_open_is_still_a_member_with_a_card(
    database: Database, keys: Keys, now_ms: int, facts: Any
) -> None:
    odd = MemberJoined(till="t\x00", member="not an id", sealed="nonsense", card="zz", phone="a" * 32)
    async with database.transaction() as session:
        await service.joined(session, "s1", facts(odd), now_ms, keys=keys)
        found, _ = await service.find(session, keys=keys, query="")
    assert [one.fields["name"] for one in found] == [""]
    assert found[0].told == MemberTold(member=found[0].id, name="", phones=("a" * 32,))


async def test_an_archived_member_who_joins_again_is_active(
    database: Database, keys: Keys, now_ms: int, facts: Any
) -> None:
    async with database.transaction() as session:
        await service.joined(session, "s1", facts(join(keys)), now_ms, keys=keys)
        await service.set_archived(session, keys=keys, member=NEW, archived=True, by="li", at_ms=now_ms)
        await service.joined(session, "s1", facts(join(keys, OTHER), first=2), now_ms, keys=keys)
        assert (await service.profile(session, keys=keys, member=NEW)).is_active


async def test_swipes_are_kept_and_find_their_member_even_afterwards(
    database: Database, keys: Keys, now_ms: int, facts: Any
) -> None:
    token = card_token(keys.token_key, "GC001")
    swipe = CardPresented(till="till1", card=token, technology="magstripe")
    async with database.transaction() as session:
        await service.cards_presented(session, "s1", facts(swipe), now_ms)
        await service.joined(session, "s1", facts(join(keys), first=2), now_ms, keys=keys)
        await service.cards_presented(
            session, "s1", facts(swipe, swipe, first=3, at_ms=now_ms + 60_000), now_ms + 61_000
        )
        odd = facts(swipe, first=9, at_ms=5, sure=True)  # a clock that was never set
        await service.cards_presented(session, "s1", odd, now_ms)
        rows = (
            await session.execute(
                sa.select(CardSwipe.member, CardSwipe.at_ms, CardSwipe.sure).order_by(CardSwipe.id)
            )
        ).all()
        profile = await service.profile(session, keys=keys, member=NEW)
    assert [tuple(row) for row in rows] == [
        (NEW, now_ms, 1), (NEW, now_ms + 60_000, 1), (NEW, now_ms + 61_000, 1), (NEW, now_ms, 0),
    ]  # fmt: skip
    assert profile.seen_ms == now_ms + 61_000


async def test_refused_cards_are_counted_and_nothing_else(
    database: Database, now_ms: int, facts: Any
) -> None:
    refused = CardRefused(till="till1", reason="payment_card")
    async with database.transaction() as session:
        await service.cards_refused(session, "s1", facts(refused, refused), now_ms)
        assert await session.scalar(sa.select(sa.func.count()).select_from(CardRefusal)) == 2


async def test_tills_are_told_the_last_three_visits(
    database: Database, keys: Keys, now_ms: int, facts: Any, words: Any
) -> None:
    visits = [Visit(now_ms + n, "s1", 100 * n, "CNY") for n in range(5)]
    async with database.transaction() as session:
        await service.joined(session, "s1", facts(join(keys)), now_ms, keys=keys)
        await service.visited(session, {NEW: visits[:4], "MNOBODY": visits})
        await service.visited(session, {NEW: [visits[0], visits[4]]})
        assert (await words(session))[f"member/{NEW}"].visits == tuple(reversed(visits[2:]))
        await service.change(session, keys=keys, member=NEW, person={"tier": "gold"}, by="li", at_ms=now_ms)
        assert len((await words(session))[f"member/{NEW}"].visits) == 3
        await service.set_archived(session, keys=keys, member=NEW, archived=True, by="li", at_ms=now_ms)
        await service.visited(session, {NEW: [Visit(now_ms + 99, "s1", 1, "CNY")]})
        assert isinstance((await words(session))[f"member/{NEW}"], MemberGone)


async def test_a_purchase_waits_for_head_office_s_change_and_holds_up_no_feed_meanwhile(
    database: Database, keys: Keys, now_ms: int, facts: Any, words: Any
) -> None:
    people = [service.NewMember(one, {"name": one}, now_ms, []) for one in (NEW, OTHER)]
    async with database.transaction() as session:
        await service.create_many(session, keys=keys, people=people)
        await service.set_archived(session, keys=keys, member=OTHER, archived=True, by="li", at_ms=now_ms)
    visits = {NEW: [Visit(now_ms + 5, "s1", 100, "CNY")], OTHER: [Visit(now_ms + 5, "s1", 200, "CNY")]}

    async def purchase() -> None:
        async with database.transaction() as inbox:  # not run(), which would hide a deadlock by trying again
            await service.visited(inbox, visits)

    async with asyncio.timeout(10), asyncio.TaskGroup() as both, database.transaction() as office:
        await office.execute(sa.update(Member).where(Member.id == OTHER).values(tier="gold"))
        both.create_task(purchase())
        await until_it_waits(database)
        await tell(office, EVERYONE, MemberGone(member=OTHER))
    async with database.reading() as session:
        assert (await words(session))[f"member/{NEW}"].visits == tuple(visits[NEW])


async def until_it_waits(database: Database) -> None:
    """Until somebody waits for a lock of PostgreSQL's; on SQLite the second writer waits before its BEGIN."""
    waits = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not database.is_sqlite:
        async with database.reading() as session:
            if (await session.execute(waits)).scalar_one():
                return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("count", [1200])
async def test_many_are_looked_up_at_once(database: Database, keys: Keys, now_ms: int, count: int) -> None:
    people = [service.NewMember(f"M{n:012d}", {"name": f"G {n}"}, now_ms, [f"CARD{n}"]) for n in range(count)]
    async with database.transaction() as session:
        await service.create_many(session, keys=keys, people=people)
        tokens = [card_token(keys.token_key, f"CARD{n}") for n in range(count)]
        found = await service.members_of(session, tokens, [])
    assert [found[token] for token in tokens] == [person.id for person in people]
