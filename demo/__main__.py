"""`./run demo`: all of Tillbeam on this machine until interrupted; `--once --json` for a counted 20 s."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.report import percentile
from central_server import migrations
from central_server.db import Database
from central_server.keys import Keys
from central_server.staff.passwords import Passwords
from central_server.staff.service import COMMAND, create_first_admin
from central_server.stores import service as stores
from config.central import CentralSettings
from config.load import load
from config.text import language_of
from demo import history
from demo.counts import STORE, arrived
from demo.line import Line
from demo.programs import (
    SETTINGS,
    NotReady,
    Places,
    devices_up,
    enrol_edge,
    free_port,
    start_central,
    start_edge,
)
from demo.screen import Screen
from demo.shop import CARD, Shop
from sync.clock import SystemClock

HOME = Path(__file__).resolve().parent.parent / "var" / "demo"
ONCE_S = 20.0  # of activity
CUT_AFTER_S, CUT_FOR_S = 6.0, 6.0
DRAIN_MAX_S = 40.0
QUICK = {"days": 3, "people": 200}
FULL = {"days": 28, "people": 2_000}


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="about 20 s, the line cut in the middle, then a count"
    )
    parser.add_argument("--json", action="store_true", help="the last line is JSON, and nothing else is said")
    parser.add_argument("--seed", type=int, default=1, help="what the simulated devices do (1)")
    asked = parser.parse_args()
    say: Callable[[str], object] = (lambda text: None) if asked.json else print
    with tempfile.TemporaryDirectory(prefix="tillbeam-demo-") as scratch:
        folder = Path(scratch) if asked.once else HOME
        if not asked.once:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        try:
            return asyncio.run(Demo(folder, asked.seed, once=asked.once, say=say).run())
        except KeyboardInterrupt:
            return 0
        except NotReady as error:
            print(error, file=sys.stderr)
            return 1


class Demo:
    """One run, from empty folder to count."""

    def __init__(self, folder: Path, seed: int, *, once: bool, say: Callable[[str], object]) -> None:
        self._once, self._say, self._seed = once, say, seed
        broker = free_port(0 if once else 1883)
        self._places = Places(
            folder=folder,
            central_port=free_port(0 if once else 8400),
            edge_port=free_port(0 if once else 8480),
            broker_port=broker,
            line_port=free_port(),
            language=language_of(os.environ),
        )
        self._line = Line(broker, self._places.line_port)
        self._password = "-".join(secrets.token_hex(2) for _ in range(3))

    async def run(self) -> int:
        started_s = time.perf_counter()
        self._say("Setting up head office and a few weeks of history …")
        database, code = await self._set_up()
        before = await arrived(database)
        await self._line.lay()
        central = start_central(self._places)
        await central.ready(f"{self._places.central_url}/readyz")
        enrol_edge(self._places, code)
        shop = Shop(self._places.folder, seed=self._seed, speed=25.0 if self._once else 2.0)
        edge = None
        try:
            shop.open()
            edge = start_edge(self._places)
            await edge.ready(f"{self._places.edge_url}/healthz")
            await devices_up(f"{self._places.edge_url}/edge/status")
            self._say(f"Ready after {time.perf_counter() - started_s:.0f} s.\n")
            if self._once:
                return await self._counted(database, before, shop)
            shop.begin()
            return await self._attended()
        finally:
            await shop.close()
            if edge:
                await edge.stop()
            await central.stop()
            await self._line.take_up()
            await database.close()

    async def _set_up(self) -> tuple[Database, str]:
        settings = load(SETTINGS / "central.yaml", CentralSettings, environ=self._places.environ).settings
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        await migrations.upgrade(settings.database_url())
        database = Database(settings.database_url())
        keys = Keys.open(settings.state_dir)
        now_ms = SystemClock().wall_ms()
        await create_first_admin(
            database,
            Passwords(),
            "admin",
            "Admin",
            self._password,
            now_ms=now_ms,
            lang=self._places.language,
        )
        scale = QUICK if self._once else FULL
        await history.fill(database, keys, chance=random.Random(self._seed), now_ms=now_ms, **scale)
        async with database.transaction() as session:
            code = await stores.new_code(session, keys, COMMAND, STORE, now_ms=now_ms)
        return database, code

    # Counted

    async def _counted(self, database: Database, before: Counter[str], shop: Shop) -> int:
        screens = {till: Screen(self._places.edge_port, till) for till in ("1", "2")}
        watching = [asyncio.create_task(screen.watch()) for screen in screens.values()]
        for screen in screens.values():
            await screen.open.wait()
        shop.begin()
        await asyncio.sleep(CUT_AFTER_S)
        self._line.cut()
        await asyncio.sleep(CUT_FOR_S)
        self._line.mend()
        await asyncio.sleep(ONCE_S - CUT_AFTER_S - CUT_FOR_S)
        await shop.stop_selling()
        here, drained = await self._drained(database, before, shop)
        for task in watching:
            task.cancel()
        said = {tag: shop.truth.said[tag] for tag in here.keys() | shop.truth.said.keys() if tag in before}
        lost = sum(max(0, count - here[tag]) for tag, count in said.items())
        doubled = sum(max(0, here[tag] - count) for tag, count in said.items())
        waits_ms = [
            (shown - swiped) * 1000
            for till, screen in screens.items()
            for swiped, shown in zip(shop.truth.swiped_s.get(till, ()), screen.shown_s, strict=False)
        ]
        found = {
            "captured": shop.truth.captured,
            "at_centre": sum(here.values()),
            "lost": lost,
            "duplicated": doubled,
            "swipes": shop.truth.said[CARD],
            "swipe_to_screen_ms_p95": round(percentile(waits_ms, 95), 2) if waits_ms else None,
            "offline_s": CUT_FOR_S,
            "drained": drained,
            "by_type": {tag: [said[tag], here[tag]] for tag in sorted(said)},
        }
        self._say(
            "captured, at the centre: "
            + ", ".join(f"{tag} {a}/{b}" for tag, (a, b) in found["by_type"].items())
        )
        print(json.dumps(found), flush=True)
        return 0 if not lost and not doubled and drained and found["captured"] else 1

    async def _drained(
        self, database: Database, before: Counter[str], shop: Shop
    ) -> tuple[Counter[str], bool]:
        end = time.monotonic() + DRAIN_MAX_S
        while True:
            here = Counter({tag: count - before[tag] for tag, count in (await arrived(database)).items()})
            if sum(here.values()) >= shop.truth.captured:
                await asyncio.sleep(1.0)  # long enough for a second delivery to show itself
                now = await arrived(database)
                return Counter({tag: now[tag] - before[tag] for tag in now}), True
            if time.monotonic() > end:
                return here, False
            await asyncio.sleep(0.2)

    # Attended

    async def _attended(self) -> int:
        places = self._places
        print(f"""  Head office   {places.central_url}/        login: admin   password: {self._password}
  Till          {places.edge_url}/till      customer display: {places.edge_url}/till/display
  This box      {places.edge_url}/edge
  Logs, data    {places.folder}

  c + Enter     cut the line, or mend it
  Ctrl-C        end
""")
        loop = asyncio.get_running_loop()
        keys: asyncio.Queue[str] = asyncio.Queue()
        if sys.stdin.isatty():
            loop.add_reader(sys.stdin, lambda: keys.put_nowait(sys.stdin.readline()))
        while True:
            if (await keys.get()).strip().lower() == "c":
                (self._line.cut if self._line.whole else self._line.mend)()
                print("The line is whole again." if self._line.whole else "The line is cut.")


if __name__ == "__main__":
    sys.exit(main())
