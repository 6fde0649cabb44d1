"""A large sum in small pieces is a large sum: what one person may do without a second one."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from central_server.ledger.desk.alone import LOAD, REFUND, alone, forget_alone
from central_server.ledger.desk.doors import Desk
from central_server.ledger.models.approvals import Alone
from central_server.staff.rights import rights_of
from central_server.web.deps import Viewer
from config.central import SecondPersonSettings
from tests.central_server.ledger.desk.conftest import NOW_MS

HOUR_MS = 3_600_000
SECOND = SecondPersonSettings(load_above=100, load_day_above=250, points_above=10, points_day_above=15)


def desk(keys, user: int = 1, hours: float = 0) -> Desk:
    viewer = Viewer(user, f"user {user}", rights_of(["admin"]), "en", "x", None)
    return Desk(viewer, "key-00000001", NOW_MS + int(hours * HOUR_MS), keys, SECOND)


@pytest.fixture
def try_it(database, keys):
    """Whether that may be done by one person; it is counted if so."""

    async def tried(amount: int, purse: str = "P1", *, user: int = 1, hours: float = 0, **how) -> bool:
        kind, unit = how.pop("kind", LOAD), how.pop("unit", "CNY")
        async with database.transaction() as session:
            return await alone(session, desk(keys, user, hours), kind, unit, amount, purse, **how)

    return tried


async def test_what_is_done_with_one_purse_within_a_day_counts_together_whoever_does_it(try_it) -> None:
    assert [await try_it(60), await try_it(41, user=2), await try_it(40, user=2)] == [True, False, True]
    assert not await try_it(1, hours=23.5)
    assert await try_it(100, hours=25.5)


async def test_what_one_person_does_within_a_day_counts_together_whatever_the_purse(try_it) -> None:
    assert [await try_it(100, f"P{number}") for number in range(3)] == [True, True, False]
    assert await try_it(50, "P4")
    assert not await try_it(1, "P5")
    assert await try_it(100, "P6", user=2)
    assert await try_it(100, "P7", hours=25.5)


async def test_kinds_and_units_are_counted_apart_and_points_have_limits_of_their_own(try_it) -> None:
    assert await try_it(100)
    assert await try_it(100, unit="EUR")
    assert await try_it(100, kind=REFUND)
    points = [await try_it(8, purse, unit="PTS") for purse in ("P1", "P1", "P2", "P3")]
    assert points == [True, False, False, False]  # 8, then 16 with one purse, then 16 of one person
    assert await try_it(7, "P2", unit="PTS")


async def test_a_programme_may_allow_less_at_once(try_it) -> None:
    assert not await try_it(51, programme_max=50)
    assert [await try_it(30, programme_max=50), await try_it(30, programme_max=50)] == [True, False]


async def test_two_at_one_moment_are_not_both_the_last_that_fits(try_it) -> None:
    done = await asyncio.gather(*(try_it(30, f"P{number}") for number in range(12)))
    assert sum(done) == 8  # 240 of 250


async def test_what_is_no_longer_within_a_day_is_forgotten_a_few_at_a_time(try_it, database) -> None:
    for number in range(4):
        await try_it(10, f"P{number}")
    await try_it(10, "P9", hours=24)
    async with database.transaction() as session:
        assert await forget_alone(session, now_ms=NOW_MS + 30 * HOUR_MS, limit=3) == 3
        while await forget_alone(session, now_ms=NOW_MS + 30 * HOUR_MS, limit=3):
            pass
        kept = await session.scalars(sa.select(Alone.about).order_by(Alone.about))
        assert list(kept) == ["purse:P9", "user:1"]
    assert not await try_it(91, "P9", hours=25)


async def test_a_load_in_pieces_waits_for_a_second_person(ask, purses) -> None:
    one, other = await purses(0, 0)
    body = {"purse": one, "amount": 30_000, "tender": "cash", "why": "company gift"}
    assert (await ask("/loads", body, user=5)).status_code == 201
    assert (await ask("/loads", body, user=6)).status_code == 202  # 600.00 above the programme's 500.00
    assert (await ask("/loads", body | {"purse": other}, user=5)).status_code == 201


async def test_a_refund_in_pieces_waits_for_a_second_person(ask, purses) -> None:
    (purse,) = await purses(90_000)
    paid = [(await ask("/spends", {"purse": purse, "amount": 30_000})).json()["transfer"] for _ in range(2)]
    body = {"purse": purse, "amount": 26_000, "why": "brought back"}
    assert (await ask("/refunds", body | {"of": paid[0]})).status_code == 201
    assert (await ask("/refunds", body | {"of": paid[1]})).status_code == 202
    assert (await ask("/refunds", body | {"of": paid[1], "amount": 24_000})).status_code == 201


async def test_a_request_that_fails_is_not_counted(ask, purses, clock) -> None:
    (purse,) = await purses(60_000)
    body = {"purse": purse, "tender": "cash", "why": "company gift"}
    too_much_by_law = await ask("/loads", body | {"amount": 50_000})
    assert too_much_by_law.status_code == 409, too_much_by_law.text
    assert (await ask("/loads", body | {"amount": 35_000})).status_code == 201
