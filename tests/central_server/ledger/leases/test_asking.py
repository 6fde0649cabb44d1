"""Asks are answered after the commit, together with others, and lost without harm."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from central_server.keys import Keys
from central_server.ledger.leases import asking as module
from central_server.ledger.leases.anchor import Anchor
from central_server.ledger.leases.asking import Asking
from central_server.ledger.models.leases import Lease
from sync.contract.message import Answered, Ask, Down, Here, decode_down
from sync.link.base import LinkDown
from tests.central_server.ledger.leases.lease_world import NOW_MS, TOKEN, LeaseWorld, MemorySlots, Shop


class Clock:
    now_ms = NOW_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


class Desk:
    """An `Asking` with its wire in hand: whatever is sent finds its lease on disk."""

    def __init__(self, world: LeaseWorld) -> None:
        self.world = world
        self.clock = Clock()
        self.sent: list[tuple[str, Down]] = []
        self.down = False
        self.asking = Asking(
            world.database,
            send=self.send,
            keys=world.keys,
            settings=lambda: world.settings,
            anchor=Anchor(MemorySlots()),
            clock=self.clock,
        )

    async def send(self, topic: str, payload: bytes) -> None:
        if self.down:
            raise LinkDown("cut")
        message = decode_down(payload)
        assert isinstance(message, Answered)
        async with self.world.database.reading() as session:
            for lease in message.leases:
                assert await session.get(Lease, lease) is not None
        self.sent.append((topic, message))

    def ask(self, request: str, shop: Shop, **wants: int) -> None:
        self.asking.put(shop.store, Ask(request, shop.epoch, TOKEN, wants))


@pytest.fixture
def desk(world: LeaseWorld) -> Desk:
    return Desk(world)


async def test_asks_that_wait_are_granted_together_and_each_is_answered(
    world: LeaseWorld, desk: Desk, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 10_000)
    desk.asking.put("s1", Here(shop.epoch))  # a new disk's first words, and its first ask behind them
    desk.ask("q1", shop, CNY=1_000)
    desk.asking.put("s2", Here(other.epoch))
    desk.ask("q2", other, CNY=2_000)
    desk.ask("q3", shop, CNY=1_000)
    waiting = desk.asking._waiting
    await desk.asking.answer([waiting.get_nowait() for _ in range(waiting.qsize())])
    assert [
        (topic, each.request, each.refused) for topic, each in desk.sent if isinstance(each, Answered)
    ] == [
        ("tb/1/s1/down", "q1", ""),
        ("tb/1/s1/down", "q3", ""),
        ("tb/1/s2/down", "q2", ""),
    ]
    assert await world.books() == {"cash": -10_000, "available": 6_000, "escrow": 4_000}


async def test_a_store_that_says_nothing_new_costs_nothing(world: LeaseWorld, desk: Desk, shop: Shop) -> None:
    desk.asking.put("s1", Here(shop.epoch))
    await desk.asking.answer_waiting()
    desk.asking.put("s1", Here(shop.epoch, greet=False))
    assert desk.asking._waiting.empty()
    desk.asking.put("s1", Here("f" * 16))
    assert not desk.asking._waiting.empty()


async def test_an_answer_that_is_lost_is_given_again(
    world: LeaseWorld, desk: Desk, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    desk.down = True
    desk.ask("q", shop, CNY=1_000)
    await desk.asking.answer_waiting()
    desk.down = False
    desk.ask("q", shop, CNY=1_000)
    await desk.asking.answer_waiting()
    [(_, answered)] = desk.sent
    assert isinstance(answered, Answered)
    assert len(answered.leases) == 1
    assert (await world.books())["escrow"] == 1_000


async def test_an_ask_that_has_waited_too_long_is_not_granted(
    world: LeaseWorld, desk: Desk, shop: Shop, new_purse: Any
) -> None:
    await world.begin(new_purse, 10_000, shop)
    desk.ask("q", shop)
    desk.clock.now_ms += module.TOO_OLD_MS + 1
    await desk.asking.answer_waiting()
    assert desk.sent == []
    assert "escrow" not in await world.books()


async def test_too_many_asks_are_dropped_and_do_no_harm(
    desk: Desk, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 50)
    desk.asking._waiting = asyncio.Queue(module.WAITING_MAX)
    for n in range(module.WAITING_MAX + 10):
        desk.ask(f"q{n}", shop)
    assert desk.asking._waiting.qsize() == module.WAITING_MAX
    assert len(caplog.records) == 1


async def test_one_ask_that_fails_does_not_take_the_others_with_it(
    world: LeaseWorld, desk: Desk, shop: Shop, new_purse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.begin(new_purse, 10_000, shop)
    real = module.grant

    async def grant(session: Any, *, ask: Ask, **more: Any) -> Answered:
        if ask.request == "bad":
            await session.execute(sa.text("SELECT * FROM no_such_table"))
        return await real(session, ask=ask, **more)

    monkeypatch.setattr(module, "grant", grant)
    for request in ("q1", "bad", "q2"):
        desk.ask(request, shop, CNY=100)
    waiting = desk.asking._waiting
    await desk.asking.answer([waiting.get_nowait() for _ in range(waiting.qsize())])
    assert [each.request for _, each in desk.sent if isinstance(each, Answered)] == ["q1", "q2"]


async def test_what_another_store_holds_is_waited_for_a_moment(
    world: LeaseWorld, desk: Desk, shop: Shop, keys: Keys, new_purse: Any
) -> None:
    """A card whose whole value is at another store pays as soon as that has given it back."""
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 10_000, shop, other)
    there, opened = await world.granted(other, 10_000)
    running = asyncio.create_task(desk.asking.run())
    try:
        desk.ask("q", shop, CNY=4_000)
        async with asyncio.timeout(10):
            while not (await world.words("s2"))[there].recalled:
                await asyncio.sleep(0.01)
            await world.hear(other, [opened, other.write(there, "close", 10_000)])
            while not desk.sent:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
    [(_, answered)] = desk.sent
    assert isinstance(answered, Answered)
    assert (answered.refused, len(answered.leases)) == ("", 1)


async def test_what_does_not_come_back_is_answered_all_the_same(
    world: LeaseWorld, desk: Desk, shop: Shop, keys: Keys, new_purse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECALL_WAIT_S", 0.01)
    other = Shop(keys, "s2", "a2" * 8)
    await world.begin(new_purse, 10_000, shop, other)
    await world.granted(other, 10_000)
    running = asyncio.create_task(desk.asking.run())
    try:
        desk.ask("q", shop, CNY=4_000)
        async with asyncio.timeout(10):
            while not desk.sent:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
    [(_, answered)] = desk.sent
    assert isinstance(answered, Answered)
    assert answered.refused == "empty"


async def test_two_boxes_that_speak_for_one_store_are_noticed(
    world: LeaseWorld, desk: Desk, shop: Shop, new_purse: Any
) -> None:
    """A copied disk goes on in an epoch that is over: it is granted nothing, and somebody looks."""
    await world.begin(new_purse, 10_000, shop)
    for _ in range(3):
        for epoch in ("f" * 16, shop.epoch):
            desk.asking.put("s1", Here(epoch))
            await desk.asking.answer_waiting()
        assert (await world.ask(shop)).refused == "epoch"
    assert await world.alarms() == {"two_boxes"}
    assert (await world.ask(shop, epoch="f" * 16, CNY=100)).leases
