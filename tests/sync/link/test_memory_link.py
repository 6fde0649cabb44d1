"""The wire in memory: what it promises, what goes wrong on demand, and that one seed gives one history."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from sync.contract import topics
from sync.contract.ids import Lane
from sync.link.base import MESSAGES_WAITING_MAX, PUBLISHES_UNACKED_MAX, LinkDown, LinkRefused
from sync.link.memory import Faults, MemoryBroker
from tests.corridor.simloop import run_simulated

UP = topics.up("s1", Lane.TILL)


async def joined(broker: MemoryBroker) -> tuple[Any, Any]:
    centre = await broker.dialler("centre").dial([topics.CENTRE_READS])
    store = await broker.dialler("s1").dial([topics.down("s1")])
    return centre, store


async def taken(connection: Any, for_s: float = 60.0) -> list[bytes]:
    """All that arrives in `for_s` seconds, or until the connection is lost."""
    got: list[bytes] = []
    try:
        async with asyncio.timeout(for_s):
            while True:
                got.append((await connection.receive()).payload)
    except (TimeoutError, LinkDown):
        return got


def test_messages_arrive_once_and_in_order() -> None:
    async def world() -> None:
        centre, store = await joined(MemoryBroker(random.Random(1)))
        for number in range(500):
            await store.publish(UP, b"%d" % number)
            if number % 10 == 9:
                for _ in range(10):
                    await centre.receive()
        await centre.publish(topics.down("s1"), b"word")
        assert (await store.receive()).payload == b"word"
        assert await taken(centre) == []

    run_simulated(world)


def test_one_seed_gives_one_history() -> None:
    def history(seed: int) -> list[bytes]:
        async def world() -> list[bytes]:
            faults = Faults(lose=0.1, repeat=0.1, reorder=True)
            centre, store = await joined(MemoryBroker(random.Random(seed), faults))
            for number in range(200):
                await store.publish(UP, b"%d" % number)
            return await taken(centre)

        return run_simulated(world)

    assert history(7) == history(7)
    assert history(7) != history(8)
    assert len(set(history(7))) < 200  # some were lost
    assert len(history(7)) > len(set(history(7)))  # some came twice
    assert history(7) != sorted(history(7), key=int)  # some overtook others


def test_a_cut_line_is_known_at_once_and_dialling_fails_until_it_heals() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1))
        _, store = await joined(broker)
        broker.partition("s1")
        with pytest.raises(LinkDown, match="cut"):
            await store.receive()
        with pytest.raises(LinkDown):
            await broker.dialler("s1").dial([])
        broker.heal("s1")
        await broker.dialler("s1").dial([topics.down("s1")])

    run_simulated(world)


def test_a_silent_line_is_noticed_only_after_the_keepalive() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1), Faults(keepalive_s=20, dial_timeout_s=5))
        centre, store = await joined(broker)
        broker.partition("s1", silent=True)
        began_s = asyncio.get_running_loop().time()
        for _ in range(PUBLISHES_UNACKED_MAX):
            await store.publish(UP, b"into the silence")
        with pytest.raises(LinkDown, match="does not answer"):
            await store.publish(UP, b"one too many")
        assert asyncio.get_running_loop().time() == pytest.approx(began_s + 20)
        with pytest.raises(LinkDown, match="5 s"):
            await broker.dialler("s1").dial([])
        broker.heal("s1")
        assert await taken(centre) == []

    run_simulated(world)


def test_a_silence_that_ends_in_time_held_everything_back_and_lost_nothing() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1), Faults(keepalive_s=20))
        centre, store = await joined(broker)
        broker.partition("s1", silent=True)
        await store.publish(UP, b"later")
        await asyncio.sleep(19)
        broker.heal("s1")
        assert await taken(centre) == [b"later"]
        await store.publish(UP, b"and on")

    run_simulated(world)


def test_a_crashed_broker_takes_connections_and_messages_with_it() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1))
        centre, store = await joined(broker)
        await store.publish(UP, b"lost")
        broker.crash()
        assert await taken(centre) == []
        with pytest.raises(LinkDown, match="gone"):
            await store.publish(UP, b"nobody there")
        with pytest.raises(LinkDown):
            await broker.dialler("centre").dial([])
        broker.restart()
        centre, store = await joined(broker)
        assert await taken(centre) == []

    run_simulated(world)


def test_what_has_arrived_can_be_taken_after_the_loss() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1))
        centre, store = await joined(broker)
        await store.publish(UP, b"here")
        await asyncio.sleep(1)
        broker.crash()
        assert (await centre.receive()).payload == b"here"
        with pytest.raises(LinkDown):
            await centre.receive()

    run_simulated(world)


def test_the_broker_waits_for_who_does_not_take_and_drops_past_the_queue() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1), Faults(queue_max=10))
        centre, store = await joined(broker)
        for number in range(MESSAGES_WAITING_MAX + 50):
            await store.publish(UP, b"%d" % number)
            await asyncio.sleep(0.1)
        assert await taken(centre) == [b"%d" % number for number in range(MESSAGES_WAITING_MAX + 10)]

    run_simulated(world)


def test_a_line_that_is_cut_while_sending_loses_that_message_only_for_the_sender_to_send_again() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1))
        centre, store = await joined(broker)
        broker.faults.cut = 1.0
        await store.publish(UP, b"cut off")
        with pytest.raises(LinkDown):
            await store.receive()
        assert await taken(centre) == []

    run_simulated(world)


def test_rights_are_those_of_the_contract() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1))
        centre, store = await joined(broker)
        await store.publish(topics.up("s2", Lane.TILL), b"not mine")
        await store.publish(topics.down("s1"), b"to myself")
        assert await taken(centre) == []
        assert await taken(store) == []
        for wanted in ("#", "tb/1/+/down", topics.down("s2"), "$SYS/#", "$share/x/tb/1/s1/down", UP):
            with pytest.raises(LinkRefused):
                await broker.dialler("s1").dial([wanted])

    run_simulated(world)


def test_a_revoked_login_is_cut_off_and_refused_until_it_is_admitted() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1))
        _, store = await joined(broker)
        broker.revoke("s1")
        with pytest.raises(LinkDown):
            await store.receive()
        with pytest.raises(LinkRefused):
            await broker.dialler("s1").dial([])
        broker.admit("s1")
        await broker.dialler("s1").dial([])

    run_simulated(world)


def test_a_second_connection_with_the_same_client_id_ends_the_first() -> None:
    async def world() -> None:
        broker = MemoryBroker(random.Random(1))
        _, store = await joined(broker)
        again = await broker.dialler("s1").dial([])
        with pytest.raises(LinkDown, match="client id"):
            await store.receive()
        await again.close()
        await again.close()

    run_simulated(world)
