"""Everything of the demo standing, quiet until somebody acts: for pictures and for tests in a browser."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from central_server import migrations
from central_server.db import Database
from central_server.keys import Keys
from central_server.staff.passwords import Passwords
from central_server.staff.service import COMMAND, NewUser, create_first_admin, create_user
from central_server.stores import service as stores
from config.central import CentralSettings
from config.load import load
from demo import history, money
from demo.counts import STORE
from demo.line import Line
from demo.programs import SETTINGS, Places, devices_up, enrol_edge, free_port, start_central, start_edge
from demo.shop import Shop
from sync.clock import SystemClock

LOGIN = "admin"
# Their logins were in nobody's hand, so what one asks another may allow; the password is LOGIN's.
OTHERS = {  # login: name and role
    "finance": ("Chen Fang", "finance"),
    "boss": ("Zhou Min", "manager"),
    "service": ("Wu Jie", "service"),
    "auditor": ("Zheng Qiang", "auditor"),
}


@dataclass(frozen=True)
class Stage:
    """The two programs, the line between them, the store's devices, and the way into head office."""

    places: Places
    database: Database
    keys: Keys
    line: Line
    shop: Shop
    password: str  # of LOGIN


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    days: int,
    people: int,
    language: str = "zh_CN",
    seed: int = 1,
    speed: float = 1.0,
    ports: tuple[int, int, int] = (0, 0, 0),
) -> AsyncIterator[Stage]:
    """Put everything up in `folder` with `days` of history; take it down at the end. Raises NotReady.

    `ports` are those wished for head office, the store's pages and the broker; taken ones are replaced.
    """
    central_port, edge_port, broker_port = (free_port(wish) for wish in ports)
    places = Places(folder, central_port, edge_port, broker_port, free_port(), language)
    line = Line(broker_port, places.line_port)
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    settings = load(SETTINGS / "central.yaml", CentralSettings, environ=places.environ).settings
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    await migrations.upgrade(settings.database_url())
    async with AsyncExitStack() as down:
        database = Database(settings.database_url())
        down.push_async_callback(database.close)
        keys = Keys.open(settings.state_dir)
        now_ms = SystemClock().wall_ms()
        await create_first_admin(
            database, Passwords(), LOGIN, "Admin", password, now_ms=now_ms, lang=language
        )
        for login, (name, role) in OTHERS.items():
            new = NewUser(login, name, [role], lang=language)
            await create_user(database, Passwords(), new, password, now_ms=now_ms, must_change=False)
        await history.fill(
            database, keys, chance=random.Random(seed), now_ms=now_ms, days=days, people=people
        )
        await money.open_wallets(database, keys, now_ms=now_ms)
        async with database.transaction() as session:
            code = await stores.new_code(session, keys, COMMAND, STORE, now_ms=now_ms)
        await line.lay()
        down.push_async_callback(line.take_up)
        central = start_central(places)
        down.push_async_callback(central.stop)
        await central.ready(f"{places.central_url}/readyz")
        await asyncio.to_thread(enrol_edge, places, code)
        shop = Shop(folder, seed=seed, speed=speed)
        down.push_async_callback(shop.close)
        shop.open()
        edge = start_edge(places)
        down.push_async_callback(edge.stop)
        await edge.ready(f"{places.edge_url}/healthz")
        await devices_up(f"{places.edge_url}/edge/status")
        yield Stage(places, database, keys, line, shop, password)
