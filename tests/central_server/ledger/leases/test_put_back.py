"""A centre that was put back in time grants nothing before it has heard what it forgot."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from central_server.db import Database
from central_server.errors import Busy, Conflict
from central_server.keys import Keys
from central_server.ledger.leases import stopping
from central_server.ledger.leases.anchor import Anchor
from central_server.ledger.leases.asking import Asking
from central_server.ledger.models.leases import THE_STOP, LeaseAnchor, LeaseStop
from central_server.ledger.purses import spending
from central_server.staff.models import Change
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from central_server.stores.models import Health
from sync.contract.message import Answered, Ask, decode_down
from sync.slots import SLOT_BYTES
from tests.central_server.ledger.leases.lease_world import NOW_MS, TOKEN, LeaseWorld, MemorySlots, Shop

Copied = Callable[[], Awaitable[Callable[[], Awaitable[None]]]]


class Office:
    """The centre's asking, started anew at will; its anchor lies beside whatever database there is."""

    def __init__(self, world: LeaseWorld) -> None:
        self.world = world
        self.slots = MemorySlots()
        self.answers: dict[str, Answered] = {}
        self.requests = 0
        self.start()

    def start(self) -> None:
        self.asking = Asking(
            self.world.database,
            send=self.send,
            keys=self.world.keys,
            settings=lambda: self.world.settings,
            anchor=Anchor(self.slots),
            clock=self,
        )

    def wall_ms(self) -> int:
        return self.world.now_ms

    def mono_ms(self) -> int:
        return self.world.now_ms

    async def send(self, _topic: str, payload: bytes) -> None:
        answered = decode_down(payload)
        assert isinstance(answered, Answered)
        self.answers[answered.request] = answered

    async def ask(self, shop: Shop, request: str = "", **wants: int) -> Answered | None:
        self.requests += 1
        request = request or f"r{self.requests}"
        self.asking.put(shop.store, Ask(request, shop.epoch, TOKEN, wants))
        await self.asking.answer_waiting()
        return self.answers.pop(request, None)

    async def refused(self, shop: Shop) -> str:
        answered = await self.ask(shop, CNY=100)
        assert answered is not None
        return answered.refused

    async def resume(self, *, anyway: bool = False) -> None:
        async with self.world.database.transaction() as session:
            await stopping.resume(session, COMMAND, anyway=anyway, now_ms=self.world.now_ms)


@pytest.fixture
def office(world: LeaseWorld) -> Office:
    return Office(world)


@pytest.fixture
def other(keys: Keys) -> Shop:
    return Shop(keys, "s2", "a2" * 8)


@pytest.fixture
def copied(database: Database, request: pytest.FixtureRequest) -> Copied:
    """Copies the database as it is now; what it gives puts the copy in its place."""
    name = str(database.url.database)

    async def copy() -> Callable[[], Awaitable[None]]:
        await database.close()
        if database.is_sqlite:
            kept = Path(name).with_suffix(".yesterday")
            shutil.copyfile(name, kept)

            async def put_back() -> None:
                await database.close()
                shutil.copyfile(kept, name)

            return put_back
        server = await asyncpg.connect(request.getfixturevalue("postgresql_url"))
        request.addfinalizer(server.terminate)
        await server.execute(f"CREATE DATABASE {name}_kept TEMPLATE {name} STRATEGY file_copy")

        async def put_back_on_server() -> None:
            await database.close()
            await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await server.execute(f"ALTER DATABASE {name}_kept RENAME TO {name}")

        return put_back_on_server

    return copy


@pytest.mark.parametrize("restarted", [True, False])
async def test_money_of_a_forgotten_grant_is_not_granted_again(
    world: LeaseWorld,
    office: Office,
    shop: Shop,
    other: Shop,
    new_purse: Any,
    copied: Copied,
    check_lots: Any,
    restarted: bool,
) -> None:
    """I6: 70 of 100 are at a store when yesterday's database is put back; nobody else may pay with them."""
    await world.begin(new_purse, 10_000, shop, other)
    assert await office.ask(shop, CNY=1_000)
    put_back = await copied()
    answered = await office.ask(shop, CNY=7_000)
    assert answered is not None
    told = await world.words(shop.store)
    [lease] = [id_ for id_ in answered.leases if told[id_].granted == 7_000]
    written = [shop.install(told[lease]), shop.write(lease, "spend", 6_000)]
    await world.hear(shop, written)  # it may or may not have been told: the copy knows nothing of it

    await put_back()
    if restarted:
        office.start()
    assert (await world.books())["available"] == 9_000
    assert await office.refused(other) == "stopped"
    assert await office.refused(shop) == "stopped"
    assert await world.alarms() == {"put_back"}
    assert (await world.books())["available"] == 9_000

    written.append(shop.write(lease, "spend", 500))  # what stores hold they may still spend
    await world.hear(shop, written)
    books = await world.books()
    assert (books["captured"], books["available"]) == (6_500, 2_000)

    await office.resume()
    assert await world.alarms() == {"regranted"}
    office.start()
    answered = await office.ask(other, CNY=9_000)
    assert answered is not None
    [theirs] = answered.leases
    opened = other.install((await world.words(other.store))[theirs])
    await world.hear(other, [opened, other.write(theirs, "spend", 2_000)])
    await world.hear(shop, [shop.write(lease, "close", 500)])
    books = await world.books()
    assert (books["captured"], books["available"]) == (8_500, 500)
    assert books["escrow"] == 1_000
    async with world.database.transaction() as session:
        await check_lots(session)


async def test_a_restart_and_a_power_cut_before_the_anchor_stop_nothing(
    world: LeaseWorld, office: Office, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    for _ in range(3):
        before = office.slots.content
        assert (await office.ask(shop, CNY=100) or Answered("")).leases
        office.slots.content = before  # the power went after the commit
        office.start()
    for _ in range(3):
        assert (await office.ask(shop, CNY=100) or Answered("")).leases
        office.start()
    assert await world.alarms() == set()


async def test_a_copy_that_has_forgotten_no_grant_stops_nothing(
    world: LeaseWorld, office: Office, shop: Shop, new_purse: Any, copied: Copied
) -> None:
    await world.begin(new_purse, 10_000, shop)
    await office.ask(shop, CNY=100)
    put_back = await copied()
    async with world.database.transaction() as session:
        await world.load(session, 500)
    await put_back()
    office.start()
    assert await office.refused(shop) == ""
    assert await world.alarms() == set()


async def test_an_anchor_that_is_gone_is_made_anew_and_one_that_is_damaged_stops(
    world: LeaseWorld, office: Office, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    await office.ask(shop, CNY=100)
    office.slots.content = None
    office.start()
    assert await office.refused(shop) == ""
    office.slots.content = b"x" * SLOT_BYTES * 2
    office.start()
    assert await office.refused(shop) == "stopped"
    assert await world.alarms() == {"anchor_damaged"}
    await office.resume()
    assert await office.refused(shop) == ""
    async with world.database.reading() as session:
        grants = sorted(await session.scalars(sa.select(LeaseAnchor.grants)))
    assert grants == [1, 1, 1]


async def test_while_the_anchor_cannot_be_written_nothing_is_granted(
    world: LeaseWorld, office: Office, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    office.slots.full = True
    assert await office.ask(shop, "q", CNY=100) is None  # granted, and not told: the store asks again
    assert await office.refused(shop) == "stopped"
    assert await world.alarms() == {"anchor_broken"}
    office.slots.full = False
    again = await office.ask(shop, "q", CNY=100)
    assert again is not None
    assert len(again.leases) == 1
    assert (await world.books())["escrow"] == 100
    assert await world.alarms() == set()


async def test_a_stop_that_was_ordered_holds_until_it_is_lifted(
    world: LeaseWorld, office: Office, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    with pytest.raises(Conflict):
        await office.resume()
    async with world.database.transaction() as session:
        await stopping.order_stop(session, COMMAND, NOW_MS)
    assert await office.refused(shop) == "stopped"
    await office.resume()
    assert await office.refused(shop) == ""
    async with world.database.reading() as session:
        changes = [change.action for change in await session.scalars(sa.select(Change).order_by(Change.id))]
    assert changes == ["stopped", "resumed"]


async def test_head_office_pays_nothing_either_while_grants_are_stopped(
    world: LeaseWorld, office: Office, new_purse: Any
) -> None:
    """What seems available may be in a lease of a store; taking money in, and giving it back, goes on."""
    await world.begin(new_purse, 10_000)
    many = {"purse": world.purse, "amount": 100, "by": "anna", "now_ms": NOW_MS}
    async with world.database.transaction() as session:
        paid = await spending.spend(session, request="before", **many)
        await stopping.order_stop(session, COMMAND, NOW_MS)
    async with world.database.transaction() as session:
        assert await spending.spend(session, request="before", **many) == paid
    with pytest.raises(Busy, match="somebody stopped the grants"):
        async with world.database.transaction() as session:
            await spending.spend(session, request="s", **many)
    async with world.database.transaction() as session:
        (await session.get_one(LeaseStop, THE_STOP)).why = stopping.PUT_BACK
    with pytest.raises(Busy, match="put back in time"):
        async with world.database.transaction() as session:
            await spending.hold(session, request="h", for_s=60, **many)
    await office.resume()
    async with world.database.transaction() as session:
        assert (await spending.spend(session, request="s", **many))["balance"] == 9_800


@pytest.mark.parametrize(
    ("heartbeat_s", "oldest_s", "told"),
    [(None, None, False), (-1, 0, False), (60, 0, True), (60, 59, True), (60, 61, False), (60, None, True)],
)
async def test_grants_go_on_when_every_store_has_told_all_that_it_did_before(
    world: LeaseWorld,
    office: Office,
    new_purse: Any,
    heartbeat_s: int | None,
    oldest_s: int | None,
    told: bool,
) -> None:
    await world.begin(new_purse, 10_000)
    async with world.database.transaction() as session:
        await stores.add_store(session, COMMAND, stores.NewStore("s1", "One"), now_ms=1)
        await stores.add_store(session, COMMAND, stores.NewStore("planned", "No box yet"), now_ms=1)
        await stopping.order_stop(session, COMMAND, NOW_MS)
        beat_ms = None if heartbeat_s is None else NOW_MS + heartbeat_s * 1000
        session.add(Health(store="s1", heard_ms=NOW_MS + 90_000, heartbeat_ms=beat_ms, oldest_s=oldest_s))
    if not told:
        with pytest.raises(Conflict, match="1 stores"):
            await office.resume()
        async with world.database.reading() as session:
            assert await stores.untold(session, NOW_MS) == ["s1"]
    await office.resume(anyway=not told)
    async with world.database.reading() as session:
        assert await stopping.stop_of(session) is None
