from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from central_server.db import Database
from central_server.downlink.feed import (
    WORD_MAX_BYTES,
    FeedWord,
    after,
    forget,
    last_numbers,
    tell,
    tell_many,
)
from central_server.errors import Invalid
from sync.contract.told import EVERYONE, MemberGone, MemberTold


def told(member: str, points: int = 0) -> MemberTold:
    return MemberTold(member=member, name="王**", points=points)


async def words(
    database: Database, feed: str, number: int = 0, limit: int = 1000
) -> list[tuple[int, object]]:
    async with database.reading() as session:
        return [(each.number, each.word) for each in await after(session, feed, number, limit)]


async def test_words_are_numbered_from_one_in_each_feed(database: Database) -> None:
    async with database.transaction() as session:
        assert await tell(session, EVERYONE, told("a")) == 1
        assert await tell(session, EVERYONE, told("b")) == 2
        assert await tell(session, "shop-1", told("c")) == 1
    assert await words(database, EVERYONE) == [(1, told("a")), (2, told("b"))]
    assert await words(database, "shop-1") == [(1, told("c"))]
    async with database.reading() as session:
        assert await last_numbers(session, [EVERYONE, "shop-1", "shop-2"]) == {
            "*": 2,
            "shop-1": 1,
            "shop-2": 0,
        }


async def test_a_newer_word_takes_the_place_of_the_older_and_leaves_a_hole(database: Database) -> None:
    for word in (told("a"), told("b"), told("a", 5), MemberGone(member="b")):
        async with database.transaction() as session:
            await tell(session, EVERYONE, word)
    assert await words(database, EVERYONE) == [(3, told("a", 5)), (4, MemberGone(member="b"))]
    assert await words(database, EVERYONE, 3) == [(4, MemberGone(member="b"))]
    assert await words(database, EVERYONE, 0, limit=1) == [(3, told("a", 5))]


async def test_many_words_are_told_at_once(database: Database) -> None:
    async with database.transaction() as session:
        assert await tell_many(session, EVERYONE, [told(f"m{n % 1200}", n) for n in range(2000)]) == 1200
        assert await tell_many(session, EVERYONE, []) == 0
    found = await words(database, EVERYONE, limit=5000)
    assert len(found) == 1200
    assert found[-1] == (1200, told("m799", 1999))


async def test_what_is_not_committed_was_never_told(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as session:
            await tell(session, EVERYONE, told("a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.transaction() as session:
        assert await tell(session, EVERYONE, told("b")) == 1


async def test_numbers_rise_in_the_order_of_the_commits(database: Database) -> None:
    seen: list[int] = []

    async def one(n: int) -> None:
        async with database.transaction() as session:
            number = await tell(session, EVERYONE, told(f"m{n}"))
            await asyncio.sleep(0.001 * (n % 3))
        seen.append(number)

    await asyncio.gather(*(one(n) for n in range(12)))
    assert sorted(seen) == list(range(1, 13))
    async with database.reading() as session:
        assert (await session.execute(sa.select(sa.func.count()).select_from(FeedWord))).scalar_one() == 12


async def test_a_word_too_large_for_any_message_is_refused_and_nothing_is_told(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(Invalid):
            await tell_many(session, EVERYONE, [told("a"), MemberTold(member="b", name="x" * WORD_MAX_BYTES)])
        assert await tell(session, EVERYONE, told("a")) == 1


async def test_a_word_that_is_over_is_told_nobody_any_more(database: Database) -> None:
    async with database.transaction() as session:
        await tell_many(session, EVERYONE, [told("a"), told("b"), told("c")])
        await tell(session, "shop-1", told("a"))
        await forget(session, EVERYONE, "member/a", "member/c", "member/nobody")
    assert await words(database, EVERYONE) == [(2, told("b"))]
    assert await words(database, "shop-1") == [(1, told("a"))]
    async with database.transaction() as session:
        assert await tell(session, EVERYONE, told("a")) == 4
