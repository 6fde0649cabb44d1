"""A cashier waits for a screen: from the last byte of a card to the event at an HTTP client.

The real agent reads a magnetic stripe from a real pseudo-terminal, finds the member among 100,000 in the
store's replica and says so on `/till/events`, where a client of ours listens as a browser does. The clock
starts before the card is written to the line, whole, and stops when the client has read `event: swipe`. First
with nothing else to do; then the same while a backlog of sales drains to the centre, whose programs run on
this machine too. With `--cameras`, the agent also counts people in as many films, over and over, 10 pictures
a second each, for a whole film at least; `camera_cores` is how much of a core one of their workers took.
Backlogs begin while nobody walks in them yet.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

from bench import rig
from bench.camera import written
from bench.drain import LANES, MARK, fill, sales
from bench.report import options, percentile, report
from drivers.cardreader.magstripe.protocol import encode_text, track1, track2
from drivers.counter.camera import simulator
from drivers.ports.pseudo import PtyPort
from edge_agent.store.database import open_database
from edge_agent.store.lines import connect_inline
from edge_agent.store.replica import Replica
from sync.contract.message import Words
from sync.contract.tokens import card_token
from sync.contract.told import EVERYONE, MemberTold, Told

TILL = "1"
SEEN_MAX_S = 5.0
BETWEEN_S = (0.002, 0.012)  # from one card to the next
WORDS_AT_ONCE = 2_000
FILM_S = 12.0  # long enough for many who walk
EMPTY_S = 5.0  # longer than nobody does at first


def main() -> int:
    asked = options(
        "Last byte of a card on a pty to the event at an HTTP client.",
        swipes=(300, "cards shown without and at least as many with a backlog"),
        members=(100_000, "members in the store's replica"),
        backlog=(100_000, "sales of five lines that drain meanwhile"),
        cameras=(0, "cameras in which the same agent counts people all the while"),
        folder=("", "where to measure; var/bench if empty"),
    )
    with rig.folder(asked.folder) as where:
        found = asyncio.run(measure(where, asked.swipes, asked.members, asked.backlog, asked.cameras))
    report(found, asked.json)
    return 0


async def measure(where: Path, swipes: int, members: int, backlog: int, cameras: int) -> dict[str, Any]:
    chance = random.Random(4)
    watching = await asyncio.to_thread(_cameras, where, cameras)
    async with rig.centre(where) as stands:
        await _know(stands, members)
        reader = PtyPort(where / "reader")
        stands.devices = [
            {
                "name": "reader",
                "driver": "cardreader.magstripe",
                "port": f"serial://{where / 'reader'}?baud=9600",
                "till": TILL,
            },
            *watching,
        ]
        try:
            async with rig.edge(stands), Screen(stands.places.edge_port) as screen:
                await screen.ready(stands)
                await asyncio.sleep(EMPTY_S if cameras else 0)
                began_s, used_s = time.perf_counter(), _workers_s(stands)
                quiet: list[float] = []
                while len(quiet) < swipes or (cameras and time.perf_counter() - began_s < FILM_S):
                    quiet.append(await _swipe(reader, screen, chance, members))
                cores = (_workers_s(stands) - used_s) / (time.perf_counter() - began_s)
            busy: list[float] = []
            while len(busy) < swipes:
                busy += await _under_backlog(stands, reader, chance, members, backlog)
        finally:
            await reader.close()
    return {
        "p50_ms": round(percentile(quiet, 50), 2),
        "p99_ms": round(percentile(quiet, 99), 2),
        "under_backlog_p50_ms": round(percentile(busy, 50), 2),
        "under_backlog_p99_ms": round(percentile(busy, 99), 2),
        "swipes": len(quiet),
        "swipes_under_backlog": len(busy),
        "members": members,
        "backlog": backlog,
        "cameras": cameras,
        "camera_cores": round(cores / cameras, 3) if cameras else 0.0,
    }


async def _under_backlog(
    stands: rig.Rig, reader: PtyPort, chance: random.Random, members: int, backlog: int
) -> list[float]:
    """Swipes for as long as one backlog drains."""
    assert stands.central is not None
    lane = LANES["sales"]
    await fill(stands.edge_database, lane, sales(backlog))
    # The centre holds its breath until the till's page is open.
    os.kill(stands.central.pid, signal.SIGSTOP)
    took_ms = []
    try:
        async with rig.edge(stands), Screen(stands.places.edge_port) as screen:
            await screen.ready(stands)
            status = await asyncio.to_thread(rig.edge_status, stands)
            last = next(each["last"] for each in status["lanes"] if each["name"] == lane.label)
            os.kill(stands.central.pid, signal.SIGCONT)
            sql = sqlite3.connect(stands.database_url.removeprefix("sqlite:///"), timeout=30)
            try:
                while sql.execute(f"{MARK} {int(lane)}").fetchone()[0] < last:
                    took_ms.append(await _swipe(reader, screen, chance, members))
            finally:
                sql.close()
    finally:
        os.kill(stands.central.pid, signal.SIGCONT)
    return took_ms


async def _swipe(reader: PtyPort, screen: Screen, chance: random.Random, members: int) -> float:
    """One card; how many ms until it was seen."""
    await asyncio.sleep(chance.uniform(*BETWEEN_S))
    number = _card(chance.randrange(members))
    card = encode_text(track1(number), track2(number))
    screen.seen.clear()
    began_s = time.perf_counter()
    reader.say(card)
    async with asyncio.timeout(SEEN_MAX_S):
        await screen.seen.wait()
    return (screen.seen_s - began_s) * 1000


class Screen:
    """An open till page: knows when it last heard of a card."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.seen = asyncio.Event()
        self.seen_s = 0.0

    async def __aenter__(self) -> Screen:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(
            f"GET /till/events?till={TILL} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Accept: text/event-stream\r\n\r\n".encode()
        )
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        self._writer.close()

    async def ready(self, stands: rig.Rig) -> None:
        """Wait until every device is up."""
        async with asyncio.timeout(SEEN_MAX_S * 2):
            while True:
                status = await asyncio.to_thread(rig.edge_status, stands)
                if all(device["state"] == "up" for device in status["devices"]):
                    return
                await asyncio.sleep(0.05)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        async for line in reader:
            if line == b"event: swipe\n":
                self.seen_s = time.perf_counter()
                self.seen.set()


def _cameras(where: Path, count: int) -> list[dict[str, Any]]:
    """Devices that count people in films of their own, over and over."""
    devices = []
    for number in range(count):
        (folder := where / f"camera-{number}").mkdir()
        film = simulator.film(number, "busy", lasts_s=FILM_S)
        devices.append(
            {
                "name": folder.name,
                "driver": "counter.camera",
                "port": f"camera:file:{written(film, folder, 'mpeg4')}?loop=1",
                "options": film.options.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            }
        )
    return devices


def _workers_s(stands: rig.Rig) -> float:
    """Processor seconds of the agent's cameras so far: they are forked from a child of its own."""
    assert stands.edge is not None
    return sum(rig.cpu_s(each) for child in rig.children(stands.edge.pid) for each in rig.children(child))


def _card(number: int) -> str:
    return f"62870199{number:08d}"


async def _know(stands: rig.Rig, members: int) -> None:
    """Members as the centre would have told them, each with a card."""
    assert stands.identity is not None
    key = stands.identity.token_key
    database = await open_database(stands.edge_database, connect_inline, random.Random(5).randbytes)
    try:
        replica = await Replica.open(database, rig.STORE, stands.identity.store_key)
        for at in range(0, members, WORDS_AT_ONCE):
            words: list[tuple[int, Told]] = [
                (
                    number + 1,
                    MemberTold(
                        member=f"M{number:012d}",
                        name="王**",
                        tier=("", "silver", "gold")[number % 3],
                        points=number * 7 % 5_000,
                        cards=(card_token(key, _card(number)),),
                    ),
                )
                for number in range(at, min(members, at + WORDS_AT_ONCE))
            ]
            await replica.apply(Words(EVERYONE, at, words))
        # Our centre has told nothing, so the agent must not say that it has heard it.
        await database.write(lambda sql: sql.execute("DELETE FROM feed"))
    finally:
        await database.close()
