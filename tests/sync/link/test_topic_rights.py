"""A store cannot publish or read another's topics: on our broker and on mosquitto, by what is delivered."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from sync.contract import topics
from sync.contract.ids import Lane
from sync.link.base import LinkDown
from sync.link.mqtt import MqttConnection
from tests.sync.link.brokers import Ground

STORES = ("s1", "s2")
READS = (
    "tb/1/s1/down",
    "tb/1/s2/down",
    "tb/1/s1/up/till",
    "tb/1/s2/up/till",
    "tb/1/+/down",
    "tb/1/+/up/#",
    "tb/1/s1/#",
    "tb/1/s2/#",
    "tb/#",
    "+/+/+/+",
    "+/+/+/+/+",
    "#",
    "$SYS/#",
    "$share/g/tb/1/s1/down",
    "$share/g/tb/1/s2/down",
    "$share/g/tb/1/+/up/#",
)
WRITES = (
    *(topics.up(store, lane) for store in STORES for lane in Lane),
    *(topics.here(store) for store in STORES),
    *(topics.down(store) for store in STORES),
    "tb/1/s1/up",
    "tb/1/s1/up/till/x",
    "tb/2/s1/up/till",
    "tb/1/centre/down",
    "$SYS/broker/x",
    "elsewhere",
)
EVERYTHING = ("tb/1/s1/down", "tb/1/s2/down", "tb/1/s1/up/till", "tb/1/s2/up/till", "tb/1/s2/up/here")


@pytest.mark.parametrize("wanted", READS)
async def test_a_store_reads_nothing_but_its_own_down(broker: Ground, wanted: str) -> None:
    for store in STORES:
        mine = topics.down(store)
        heard: list[str] = []
        with contextlib.suppress(LinkDown):  # refused at once is as good as hearing nothing
            ears = await broker.dial(store, wanted)
            listening = asyncio.create_task(_listen(ears, heard))
            # Whoever uses the same login ends the ears on mosquitto, so only others speak here.
            speakers = [await broker.dial(login) for login in sorted({"centre", *STORES} - {store})]
            for speaker, login in zip(speakers, sorted({"centre", *STORES} - {store}), strict=True):
                for topic in EVERYTHING:
                    if topics.may_publish(login, topic):
                        await speaker.publish(topic, b"x")
            if wanted == mine:
                async with asyncio.timeout(5):
                    while not heard:
                        await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)  # nothing tells that nothing comes
            for speaker in speakers:
                await speaker.close()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await ears.close()
        assert set(heard) <= {mine}
        if wanted == mine:
            assert heard == [mine]


async def _listen(ears: MqttConnection, heard: list[str]) -> None:
    with contextlib.suppress(LinkDown):
        while True:
            heard.append((await ears.receive()).topic)


@pytest.mark.parametrize("login", STORES)
async def test_a_store_publishes_nothing_but_its_own_up(broker: Ground, login: str) -> None:
    other = "s2" if login == "s1" else "s1"
    centre = await broker.dial("centre", topics.CENTRE_READS)
    victim = await broker.dial(other, topics.down(other))
    heard: list[str] = []
    listening = [asyncio.create_task(_listen(ears, heard)) for ears in (centre, victim)]
    for topic in WRITES:  # a forbidden one may cost the connection, so each has its own
        store = await broker.dial(login)
        with contextlib.suppress(LinkDown):
            await store.publish(topic, b"x")
            await store.publish(topics.here(login), b"end")
        allowed = len(heard)
        async with asyncio.timeout(5):
            while len(heard) == allowed and not topic.startswith("$") and topic not in ("tb/1/s1/up",):
                await asyncio.sleep(0.01)
        await store.close()
    await asyncio.sleep(0.1)
    for each in listening:
        each.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    await centre.close()
    await victim.close()
    assert heard
    assert all(topics.may_publish(login, topic) for topic in heard)
    assert {each for each in WRITES if topics.may_publish(login, each)} <= set(heard)


async def test_a_store_cannot_end_anothers_session_with_its_client_id(broker: Ground) -> None:
    victim = await broker.dial("s2", topics.down("s2"))
    with contextlib.suppress(LinkDown):  # our broker refuses; mosquitto goes by the login instead
        thief = await broker.dial("s1", client_id="s2")
        await thief.close()
    with pytest.raises(LinkDown):
        await broker.dial("nobody", client_id="s2")
    centre = await broker.dial("centre")
    await centre.publish(topics.down("s2"), b"still there")
    async with asyncio.timeout(5):
        assert (await victim.receive()).payload == b"still there"
    await victim.close()
    await centre.close()
