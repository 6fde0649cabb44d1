"""The same request twice is one request, and its first answer is its answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from central_server.errors import Busy, Conflict, Invalid
from central_server.ledger.purses.answered import Answer, claim, forget_answers, forget_claims, once, said

NOW_MS = 1_795_000_000_000
KEY = "till1-000123"
SAID = said("POST", "/api/v1/spends", {"amount": 5})


class Works:
    """Counts how often it was done, and says so."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.count = 0
        self.fails = fails

    async def __call__(self, _session: Any) -> Answer:
        self.count += 1
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        return Answer(201, {"count": self.count, "b": 1, "a": "二"})


async def test_the_second_time_gets_the_first_answer_and_does_nothing(database) -> None:
    work = Works()
    first = await once(database, KEY, SAID, work, now_ms=NOW_MS)
    again = await once(database, KEY, SAID, work, now_ms=NOW_MS + 1)
    assert first == again == Answer(201, {"count": 1, "b": 1, "a": "二"})
    assert list(again.body) == ["count", "b", "a"]
    assert work.count == 1


async def test_a_hundred_at_the_same_moment_are_one(database) -> None:
    work = Works()
    answers = await asyncio.gather(*(once(database, KEY, SAID, work, now_ms=NOW_MS) for _ in range(100)))
    assert {answer.body["count"] for answer in answers} == {1}
    assert work.count == 1


@pytest.mark.parametrize(
    "other",
    [
        said("POST", "/api/v1/spends", {"amount": 6}),
        said("POST", "/api/v1/refunds", {"amount": 5}),
        said("POST", "/api/v1/spends", {}),
    ],
)
async def test_the_same_key_for_another_request_is_a_conflict(database, other) -> None:
    work = Works()
    await once(database, KEY, SAID, work, now_ms=NOW_MS)
    with pytest.raises(Conflict, match="another request"):
        await once(database, KEY, other, work, now_ms=NOW_MS)
    assert work.count == 1


async def test_a_refusal_is_an_answer_too(database) -> None:
    work = Works(Conflict("there are only {left} left", left=3))
    for _ in range(2):
        with pytest.raises(Conflict, match="there are only 3 left"):
            await once(database, KEY, SAID, work, now_ms=NOW_MS)
    assert work.count == 1


async def test_what_is_wrong_with_a_field_is_said_again(database) -> None:
    work = Works(Invalid({"amount": "is too much"}))
    for _ in range(2):
        with pytest.raises(Invalid) as wrong:
            await once(database, KEY, SAID, work, now_ms=NOW_MS)
        assert wrong.value.fields == {"amount": "is too much"}
    assert work.count == 1


async def test_being_busy_is_no_answer(database) -> None:
    work = Works(Busy("busy"))
    with pytest.raises(Busy):
        await once(database, KEY, SAID, work, now_ms=NOW_MS)
    work.fails = None
    assert (await once(database, KEY, SAID, work, now_ms=NOW_MS)).status == 201


@pytest.mark.parametrize("key", ["", "short", "has a space in it", "x" * 81, "nul\x00nul\x00"])
async def test_a_key_must_be_one(database, key) -> None:
    with pytest.raises(Invalid):
        await once(database, key, SAID, Works(), now_ms=NOW_MS)


async def test_old_answers_are_let_go(database) -> None:
    work = Works()
    await once(database, KEY, SAID, work, now_ms=NOW_MS)
    await once(database, KEY + "b", SAID, work, now_ms=NOW_MS + 10)
    async with database.transaction() as session:
        assert await forget_answers(session, before_ms=NOW_MS + 10) == 1
    await once(database, KEY + "b", SAID, work, now_ms=NOW_MS)
    assert work.count == 2


async def test_old_claims_are_let_go_apart_from_answers(database) -> None:
    await once(database, KEY, SAID, Works(), now_ms=NOW_MS)
    async with database.transaction() as session:
        assert await claim(session, "load/s1/t1/R1", "key-1", NOW_MS)
        assert not await claim(session, "load/s1/t1/R1", "key-2", NOW_MS)
        assert await forget_claims(session, before_ms=NOW_MS) == 0
        assert await forget_claims(session, before_ms=NOW_MS + 1) == 1
        assert await claim(session, "load/s1/t1/R1", "key-2", NOW_MS)
        assert await forget_answers(session, before_ms=NOW_MS + 1) == 1
