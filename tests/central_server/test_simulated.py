"""The whole centre, but for its web, runs in a loop whose time jumps: no thread, no socket, no waiting."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from central_server.app import Centre
from central_server.db import Database
from central_server.keys import Keys
from central_server.modules import load_models
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from config.central import CentralSettings
from sync.contract.clock import Stamp
from sync.contract.events import Passed, encode_event
from sync.contract.ids import Lane
from sync.contract.message import Received, decode_down, encode_batch, envelope
from sync.contract.topics import down, up
from sync.link.memory import MemoryBroker
from tests.corridor.simloop import SimClock, inline_sqlite, run_simulated


def test_the_centre_runs_in_a_simulated_loop(tmp_path: Path) -> None:
    load_models()

    async def main() -> Received:
        path = tmp_path / "centre.db"
        clock = SimClock(asyncio.get_running_loop())
        database = Database(f"sqlite:///{path}", async_creator=lambda: inline_sqlite(path))
        await database.create_all()
        async with database.transaction() as session:
            await stores.add_store(session, COMMAND, stores.NewStore("shop", "Shop"), now_ms=1)
        broker = MemoryBroker(random.Random(1))
        centre = Centre(
            CentralSettings(state_dir=tmp_path),
            dialler=broker.dialler("centre"),
            clock=clock,
            chance=random.Random(2),
            database=database,
            keys=Keys.fresh(random.Random(3).randbytes),
        )
        await centre.start()
        await asyncio.sleep(3600)
        edge = await broker.dialler("shop").dial([down("shop")])
        body = envelope(encode_event(Passed(inward=1)), Stamp("0badcafe", 1, clock.wall_ms(), True))
        await edge.publish(up("shop", Lane.COUNT), encode_batch("f" * 16, Lane.COUNT, 1, [body]))
        received = decode_down((await edge.receive()).payload)
        await centre.stop()
        assert isinstance(received, Received)
        return received

    assert run_simulated(main) == Received("f" * 16, Lane.COUNT, 1)
