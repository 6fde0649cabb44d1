"""How many events a second a store accepts for good: on disk, `synchronous=FULL`, before `accept` returns.

`single` is one producer that waits for each event; `concurrent32` is 32 producers, each waiting for its own.
Beside each stands bare sqlite3 in the same turn on the same disk: the same rows into the same table, WAL,
FULL, without asyncio and without the outbox.

    bare_single_per_s         a plain loop: INSERT, COMMIT, and the next
    bare_concurrent32_per_s   a plain loop of 32 INSERTs and a COMMIT, counted in rows: what 32 producers
                              could get if meeting in a transaction cost nothing. The harder fair reading.
    bare_threads32_per_s      32 threads, each waiting until its own row is on disk; whoever finds the
                              connection free commits for all who wait. Threads that wake each other are slow.

Both take turns, so that a disk that is slow for a second is slow for both; medians over the turns.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from itertools import islice
from os import urandom
from pathlib import Path
from typing import Any

from bench import rig
from bench.drain import counts
from bench.report import median, options, report
from edge_agent.clocks import Calendar
from edge_agent.store.database import open_database
from edge_agent.store.lines import connect_in_thread
from edge_agent.store.outbox import Outbox
from sync.clock import SystemClock
from sync.contract.events import Event, encode_event

PRODUCERS = 32
_INSERT = "INSERT INTO row (lane, number, boot, mono_ms, body) VALUES (1, ?, 'boot', ?, ?)"


def main() -> int:
    asked = options(
        "Durable events a second into the outbox, against bare sqlite3.",
        turns=(7, "turns of each measurement"),
        turn_s=(0.5, "seconds of one turn"),
        folder=("", "where to measure; var/bench if empty"),
    )
    with rig.folder(asked.folder) as where:
        found = asyncio.run(measure(where, asked.turns, asked.turn_s))
    report(found, asked.json)
    return 0


async def measure(where: Path, turns: int, turn_s: float) -> dict[str, Any]:
    """Each kind of producer in its turn; medians, and what share of the bare figures they are."""
    gc.collect()
    gc.freeze()  # the agent has not loaded what this bench has
    clock = SystemClock()
    database = await open_database(where / "edge.db", connect_in_thread, urandom)
    calendar = await Calendar.open(database, clock, "boot", lambda: True)
    outbox = await Outbox.open(database, clock, calendar)
    bare = Bare(where / "bare.db")
    events = [event for _, event in islice(counts(1_000), 1_000)]
    running = asyncio.ensure_future(outbox.run())
    tending = asyncio.ensure_future(outbox.tend())
    rates: dict[str, list[float]] = {}
    try:
        for _ in range(turns):
            for name, turn in (
                ("single_per_s", _producers(outbox, events, 1)),
                ("bare_single_per_s", bare.turn(events, 1)),
                ("concurrent32_per_s", _producers(outbox, events, PRODUCERS)),
                ("bare_threads32_per_s", bare.threads(events, PRODUCERS)),
                ("bare_concurrent32_per_s", bare.turn(events, PRODUCERS)),
            ):
                began_s = time.perf_counter()
                number = await turn(began_s + turn_s)
                rates.setdefault(name, []).append(number / (time.perf_counter() - began_s))
    finally:
        running.cancel()
        tending.cancel()
        await asyncio.gather(running, tending, return_exceptions=True)
        await database.close()
        bare.close()
    found: dict[str, Any] = {name: round(median(each)) for name, each in rates.items()}
    for name in ("single", "concurrent32"):
        pairs = zip(rates[f"{name}_per_s"], rates[f"bare_{name}_per_s"], strict=True)
        found[f"{name}_share"] = round(median([ours / bare for ours, bare in pairs]), 2)
    return found


Turn = Callable[[float], Awaitable[int]]  # until when (perf_counter) → how many events were accepted


def _producers(outbox: Outbox, events: list[Event], producers: int) -> Turn:
    async def produce(until_s: float) -> int:
        number = 0
        while time.perf_counter() < until_s:
            await outbox.accept([events[number % len(events)]])
            number += 1
        return number

    async def turn(until_s: float) -> int:
        return sum(await asyncio.gather(*(produce(until_s) for _ in range(producers))))

    return turn


class Bare:
    """sqlite3 with the outbox's table and nothing around it."""

    def __init__(self, path: Path) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._sql.execute(f"PRAGMA {pragma}").fetchall()
        self._sql.execute(
            "CREATE TABLE row (lane INTEGER, number INTEGER, boot TEXT, mono_ms INTEGER, body BLOB,"
            " PRIMARY KEY (lane, number)) STRICT, WITHOUT ROWID"
        )
        self._number = 0

    def turn(self, events: list[Event], rows: int) -> Turn:
        """Transactions of `rows` rows until the time is over."""

        async def turn(until_s: float) -> int:
            sql, first, mono_ms = self._sql, self._number, SystemClock().mono_ms
            while time.perf_counter() < until_s:
                sql.execute("BEGIN IMMEDIATE")
                for _ in range(rows):
                    self._number += 1
                    body = encode_event(events[self._number % len(events)])
                    sql.execute(_INSERT, (self._number, mono_ms(), body))
                sql.execute("COMMIT")
            return self._number - first

        return turn

    def threads(self, events: list[Event], producers: int) -> Turn:
        """Threads that wait for their rows, and commit for each other."""

        async def turn(until_s: float) -> int:
            # On the caller's thread nothing else runs meanwhile, as nothing does beside the plain loop.
            return self._race(events, producers, until_s)

        return turn

    def _race(self, events: list[Event], producers: int, until_s: float) -> int:
        waiting: list[tuple[bytes, threading.Event]] = []
        free = threading.Lock()
        first = self._number

        def commit() -> None:
            group, waiting[:] = waiting[:], []
            mono_ms = SystemClock().mono_ms()
            self._sql.execute("BEGIN IMMEDIATE")
            for body, _ in group:
                self._number += 1
                self._sql.execute(_INSERT, (self._number, mono_ms, body))
            self._sql.execute("COMMIT")
            for _, done in group:
                done.set()

        def produce(at: int) -> None:
            done = threading.Event()
            while time.perf_counter() < until_s:
                at += 1
                done.clear()
                waiting.append((encode_event(events[at % len(events)]), done))
                with free:
                    if not done.is_set():
                        commit()
                done.wait()

        crowd = [threading.Thread(target=produce, args=(31 * n,)) for n in range(producers)]
        for each in crowd:
            each.start()
        for each in crowd:
            each.join()
        return self._number - first

    def close(self) -> None:
        self._sql.close()
