"""How long the centre is behind a store: from a visitor on the wire to the row committed at head office.

Light-beam edges of one person go to a real pseudo-terminal; the agent, the broker and the centre are real
programs on this machine, both databases on its disk with FULL. The clock starts before the last edge is
written and stops when another reader of the centre's database sees the person. The beams' own debouncing,
20 ms by default, is switched off: that time belongs to the doorway, not to the way to the centre.

    p50_ms, p99_ms       wire to committed
    fsync_p50_ms         one row committed by bare sqlite3 on the same disk; the way has two of these
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

from bench import rig
from bench.report import options, percentile, report
from drivers.counter.beam.protocol import Edge, encode_edge
from drivers.ports.pseudo import PtyPort

SEEN_MAX_S = 10.0
LOOK_S = 0.0005
_PEOPLE = "SELECT coalesce(sum(inward + outward), 0) FROM traffic_quarter"


def main() -> int:
    asked = options(
        "Event on a wire to committed at the centre.",
        events=(200, "visitors"),
        folder=("", "where to measure; var/bench if empty"),
    )
    with rig.folder(asked.folder) as where:
        found = asyncio.run(measure(where, asked.events))
        found["fsync_p50_ms"] = round(percentile(bare_commits_ms(where), 50), 2)
    report(found, asked.json)
    return 0


async def measure(where: Path, events: int) -> dict[str, Any]:
    chance = random.Random(6)
    async with rig.centre(where) as stands:
        beams = PtyPort(where / "door")
        stands.devices = [
            {
                "name": "door",
                "driver": "counter.beam",
                "port": f"serial://{where / 'door'}?baud=115200",
                "options": {"debounce_ms": 0},
            }
        ]
        sql = sqlite3.connect(
            stands.database_url.removeprefix("sqlite:///"), timeout=30, isolation_level=None
        )
        try:
            async with rig.edge(stands):
                t_ms = await _first(sql, beams)
                took_ms = []
                for number in range(events):
                    await asyncio.sleep(chance.uniform(0.01, 0.05))
                    before = _people(sql)
                    t_ms, last = _walk(beams, t_ms, inward=number % 2 == 0)
                    began_s = time.perf_counter()
                    beams.say(last)
                    await _seen(sql, before, began_s)
                    took_ms.append((time.perf_counter() - began_s) * 1000)
        finally:
            sql.close()
            await beams.close()
    return {
        "p50_ms": round(percentile(took_ms, 50), 2),
        "p99_ms": round(percentile(took_ms, 99), 2),
        "events": events,
    }


async def _first(sql: sqlite3.Connection, beams: PtyPort) -> int:
    """Somebody walks through until the first one has arrived: then everything is connected."""
    t_ms, end_s = 0, time.perf_counter() + 3 * SEEN_MAX_S
    while _people(sql) == 0:
        if time.perf_counter() > end_s:
            raise TimeoutError("nobody who walks through arrives at the centre")
        t_ms, last = _walk(beams, t_ms, inward=True)
        beams.say(last)
        await asyncio.sleep(0.5)
    await asyncio.sleep(1.0)  # those behind the first
    return t_ms


def _walk(beams: PtyPort, t_ms: int, *, inward: bool) -> tuple[int, bytes]:
    """One person but for the last edge, on the device's clock; the time after it, and that edge."""
    first, last = "AB" if inward else "BA"
    edges = [Edge(t_ms + 100, first, True), Edge(t_ms + 200, last, True), Edge(t_ms + 300, first, False)]
    for edge in edges:
        beams.say(encode_edge(edge))
    return t_ms + 400, encode_edge(Edge(t_ms + 400, last, False))


async def _seen(sql: sqlite3.Connection, before: int, began_s: float) -> None:
    while _people(sql) == before:
        if time.perf_counter() - began_s > SEEN_MAX_S:
            raise TimeoutError("a visitor has not arrived at the centre")
        await asyncio.sleep(LOOK_S)


def _people(sql: sqlite3.Connection) -> int:
    return int(sql.execute(_PEOPLE).fetchone()[0])


def bare_commits_ms(where: Path, number: int = 50) -> list[float]:
    """How long sqlite3 alone takes to commit one row, each time."""
    sql = sqlite3.connect(where / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        sql.execute(f"PRAGMA {pragma}").fetchall()
    sql.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, body BLOB)")
    took_ms = []
    for n in range(number):
        began_s = time.perf_counter()
        sql.execute("INSERT INTO row VALUES (?, ?)", (n, b"x" * 100))
        took_ms.append((time.perf_counter() - began_s) * 1000)
    sql.close()
    return took_ms
