"""`tillbeam-central ledger stop` and `resume`, as an operator meets them after a restore."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from central_server import migrations
from central_server.app import Centre
from central_server.db import Database
from central_server.ledger.leases.anchor import ANCHOR_FILE, Mark, slot_of
from central_server.ledger.leases.lease_alarms import open_alarms
from central_server.ledger.leases.stopping import stop_of
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from central_server.stores.models import Health
from config.central import CentralSettings
from sync.link.memory import MemoryBroker


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'centre.db'}"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Path:
    """Settings of a centre on SQLite with one store, which was heard long ago."""
    path = tmp_path / "central.yaml"
    path.write_text(json.dumps({"state_dir": str(tmp_path), "database": {"url": database_url}}))

    async def fill() -> None:
        await migrations.upgrade(database_url)
        database = Database(database_url)
        async with database.transaction() as session:
            await stores.add_store(session, COMMAND, stores.NewStore("hz-004", "Hangzhou 4"), now_ms=1)
            session.add(Health(store="hz-004", heard_ms=1, heartbeat_ms=1, oldest_s=0))
        await database.close()

    asyncio.run(fill())
    return path


def ledger(settings: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "central_server", "ledger", *words, "--config", str(settings)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        cwd=Path(__file__).parents[4],
    )


def test_a_stop_is_lifted_when_the_stores_have_told_all(settings: Path, database_url: str) -> None:
    refused = ledger(settings, "resume")
    assert (refused.returncode, refused.stderr) == (1, "tillbeam-central: grants are not stopped\n")
    assert ledger(settings, "stop").returncode == 0
    refused = ledger(settings, "resume")
    assert (refused.returncode, refused.stdout) == (1, "hz-004\n")
    assert refused.stderr == "tillbeam-central: 1 stores have not told all from before the stop\n"

    async def heartbeat() -> None:
        database = Database(database_url)
        async with database.transaction() as session:
            await session.execute(sa.update(Health).values(heartbeat_ms=time.time_ns() // 1_000_000))
        await database.close()

    asyncio.run(heartbeat())
    done = ledger(settings, "resume")
    assert (done.returncode, done.stdout) == (0, "Stores are granted things again.\n"), done.stderr
    assert ledger(settings, "stop").returncode == 0
    assert ledger(settings, "resume", "--anyway").returncode == 0


async def test_a_centre_that_starts_on_yesterdays_database_stops_at_once(
    database: Database, tmp_path: Path
) -> None:
    """Its anchor says 5 grants, and the database knows of none."""
    (tmp_path / ANCHOR_FILE).write_bytes(slot_of(Mark("0123456789abcdef", 5)))
    centre = Centre(
        CentralSettings(state_dir=tmp_path),
        dialler=MemoryBroker(random.Random(1)).dialler("centre"),
        database=database,
    )
    await centre.start()
    try:
        async with asyncio.timeout(10):
            while True:
                async with database.reading() as session:
                    stop = await stop_of(session)
                    alarms = [(alarm.store, alarm.name, alarm.detail) for alarm in await open_alarms(session)]
                if stop is not None:
                    break
                await asyncio.sleep(0.01)
    finally:
        await centre.stop()
    assert stop.why == "put_back"
    assert alarms == [("", "put_back", "anchor 0123456789abcdef: 5, database: 0")]
