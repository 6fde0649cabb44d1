from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from central_server.app import Centre, build_app
from central_server.db import Database
from central_server.modules import load_models
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from config.central import CentralSettings
from sync.contract.clock import Stamp
from sync.contract.events import Passed, encode_event
from sync.contract.ids import Lane
from sync.contract.message import Hello, Here, Received, decode_down, encode, encode_batch, envelope
from sync.contract.topics import down, here, up
from sync.link.memory import MemoryBroker

EPOCH = "0123456789abcdef"
load_models()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(random.Random(1))


@pytest.fixture
async def centre(database: Database, broker: MemoryBroker, tmp_path: Path) -> AsyncIterator[Centre]:
    settings = CentralSettings(state_dir=tmp_path)
    made = Centre(settings, dialler=broker.dialler("centre"), database=database)
    async with database.transaction() as session:
        await stores.add_store(session, COMMAND, stores.NewStore("shop", "Shop"), now_ms=1)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def until_up(centre: Centre) -> None:
    async with asyncio.timeout(10):
        while not centre.line.up:
            await asyncio.sleep(0.01)


async def test_an_edge_greets_sends_and_is_receipted(centre: Centre, broker: MemoryBroker) -> None:
    await until_up(centre)
    edge = await broker.dialler("shop").dial([down("shop")])
    await edge.publish(here("shop"), encode(Here(EPOCH)))
    async with asyncio.timeout(10):
        hello = decode_down((await edge.receive()).payload)
        assert isinstance(hello, Hello)
        assert hello.marks == {}
        stamp = Stamp("0badcafe", 1, centre.clock.wall_ms(), True)
        body = envelope(encode_event(Passed(device="door", inward=1)), stamp)
        await edge.publish(up("shop", Lane.COUNT), encode_batch(EPOCH, Lane.COUNT, 1, [body]))
        assert decode_down((await edge.receive()).payload) == Received(EPOCH, Lane.COUNT, 1)
        await edge.publish(here("shop"), encode(Here(EPOCH)))
        hello = decode_down((await edge.receive()).payload)
        assert isinstance(hello, Hello)
        assert hello.marks == {"count": 1}


async def test_the_line_is_dialled_again(centre: Centre, broker: MemoryBroker) -> None:
    await until_up(centre)
    broker.crash()
    broker.restart()
    await until_up(centre)


async def test_probes_say_what_works(centre: Centre) -> None:
    await until_up(centre)
    app = build_app(centre.settings, centre=centre)
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/healthz")).text == "ok\n"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"database": True, "broker": True})
        assert "tillbeam_uplink_messages_total" in (await client.get("/metrics")).text
        forwarded = await client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"})
        assert forwarded.status_code in (303, 401)


async def test_a_part_that_fails_is_not_kept_from_its_starter(centre: Centre) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    centre._run("a mistake", fail())
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(centre.failed(), 5)


async def test_every_event_has_a_handler(centre: Centre) -> None:
    from sync.contract.events import LANES, Dropped

    assert set(centre.handlers) == {*LANES, Dropped}
