"""How many transfers a second go into the books for good: accounts read and guarded, chain written, on disk.

    single      one transfer a transaction; `single8` by eight connections at once
    set100/1000 a set in one transaction, as the inbox posts what a message brought
    hot         sets of 100 that all pay into one account
    …x8         the same by eight connections at once

Each pays between `accounts` accounts drawn at random: the worst case for a disk, as in a set of 100 hardly a
page is touched twice. Beside it stands `bare`: the same tables with the same indexes, by raw sqlite3 or
asyncpg, and for each transfer what any ledger must do: INSERT it, UPDATE one account, UPDATE the other
(`executemany`, 100 of them a transaction). It reads nothing, guards nothing, knows no id again and writes no
chain.

Those that are compared take turns, so that a disk that is slow for a second is slow for all, in tables about
as long: an index on more transfers has more pages to write. Then come the others. Medians over the turns.
PostgreSQL is one of our own, as it comes: fsync and synchronous_commit on. At the end the books are verified.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from bench import rig
from bench.report import median, options, report
from central_server.db import Database
from central_server.ledger.books.accounts import AccountName, accounts_of
from central_server.ledger.books.findings import Found
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.books.verify import check_accounts, check_balances, check_units
from central_server.ledger.books.verify_chain import check_chains

WRITERS = 8
FUNDS = 10**12
_FIRST_SEQ = 10**9  # of what is written beside our ledger

Turn = Callable[[float], Awaitable[int]]  # until when (perf_counter) → how many transfers were posted


def main() -> int:
    asked = options(
        "Durable transfers a second, chain included, against bare INSERT and two UPDATEs.",
        turns=(5, "turns of each measurement"),
        turn_s=(0.5, "seconds of one turn"),
        accounts=(10_000, "accounts between which money moves"),
        db=("both", "sqlite, postgresql or both"),
        folder=("", "where to measure; var/bench if empty"),
    )
    with rig.folder(asked.folder) as where:
        found: dict[str, Any] = {}
        for kind, name in (("sqlite", "sqlite"), ("postgresql", "pg")):
            if asked.db in (kind, "both"):
                with rig.database(where, kind) as url:
                    found |= asyncio.run(measure(url, name, asked.turns, asked.turn_s, asked.accounts))
    report(found, asked.json)
    return 0


async def measure(url: str, name: str, turns: int, turn_s: float, accounts: int) -> dict[str, Any]:
    """Every kind of posting in its turn; medians, and what share of the bare figure they are."""
    ours, beside = Database(url), await _database_beside(url)
    try:
        ids = await _filled(ours, accounts)
        await _filled(beside, accounts)
        bare = BareSqlite(str(beside.url.database)) if ours.is_sqlite else await BarePostgres.connect(beside)
        await beside.close()
        kinds = _kinds(ours, bare, ids)
        gc.collect()
        gc.freeze()
        rates: dict[str, list[float]] = {}
        for together in kinds:
            for _ in range(turns):
                for kind, (sets, turn) in together.items():
                    sets.prepare()
                    began_s = time.perf_counter()
                    number = await turn(began_s + turn_s)
                    rates.setdefault(kind, []).append(number / (time.perf_counter() - began_s))
        await bare.close()
        await _check(ours)
    finally:
        await ours.close()
    found: dict[str, Any] = {f"{name}_{kind}_per_s": round(median(each)) for kind, each in rates.items()}

    def share(one: str, other: str) -> float:
        return round(median([a / b for a, b in zip(rates[one], rates[other], strict=True)]), 2)

    found[f"{name}_set100_share"] = share("set100", "bare_set100")
    if not ours.is_sqlite:
        found[f"{name}_hot_share"] = share("hot_set100", "set100")
        found[f"{name}_hotx8_share"] = share("hot_set100x8", "set100x8")
    return found


def _kinds(
    ours: Database, bare: BareSqlite | BarePostgres, ids: list[int]
) -> list[dict[str, tuple[Sets, Turn]]]:
    """Those that are compared with bare, which take turns while both tables are about as long; the others."""
    chance = random.Random(1)

    def posting(size: int, writers: int = 1, *, hot: bool = False) -> tuple[Sets, Turn]:
        sets = Sets(chance, ids, size, hot=hot)
        return sets, partial(_post, ours, sets, writers)

    beside = Sets(chance, ids, 100)
    compared: dict[str, tuple[Sets, Turn]] = {
        "set100": posting(100),
        "bare_set100": (beside, partial(bare.turn, beside)),
    }
    others: dict[str, tuple[Sets, Turn]] = {"single": posting(1), "set1000": posting(1_000)}
    if not ours.is_sqlite:
        compared |= {"hot_set100": posting(100, hot=True)}
        others |= {"single8": posting(1, WRITERS)}
        others |= {"set100x8": posting(100, WRITERS), "hot_set100x8": posting(100, WRITERS, hot=True)}
    return [compared, others]


async def _post(database: Database, sets: Sets, writers: int, until_s: float) -> int:
    async def write() -> int:
        number = 0
        while time.perf_counter() < until_s:
            transfers = sets.take()
            await database.run(partial(post, transfers=transfers, strict=False))
            number += len(transfers)
        return number

    return sum(await asyncio.gather(*(write() for _ in range(writers))))


class Sets:
    """Sets of transfers that were never posted before, made ahead of the turn in which they are posted."""

    def __init__(self, chance: random.Random, ids: list[int], size: int, *, hot: bool = False) -> None:
        self._chance, self._ids, self._size, self._hot = chance, ids, size, hot
        self._ready: deque[list[NewTransfer]] = deque()
        self._used = 20
        self._clock_ms = 1_790_000_000_000

    def prepare(self) -> None:
        """As many as the last turn used, and half as many again."""
        while len(self._ready) < self._used * 3 // 2:
            self._ready.append(self._make())
        self._used = 0

    def take(self) -> list[NewTransfer]:
        self._used += 1
        return self._ready.popleft() if self._ready else self._make()

    def _make(self) -> list[NewTransfer]:
        hot, *others = self._ids
        self._clock_ms += 100  # as facts come, about in the order in which they happened
        made = []
        for n in range(self._size):
            debit, credit = self._chance.sample(others, 2)
            made.append(
                NewTransfer(
                    self._chance.randbytes(16), debit, hot if self._hot else credit, "CNY",
                    self._chance.randint(1, 99), "spend", f"LABCDEFGHIJKLMNOP/{n}", self._clock_ms + n,
                )
            )  # fmt: skip
        return made


class BareSqlite:
    """sqlite3 on a file with our tables, and nothing around it."""

    def __init__(self, path: str) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None)
        for pragma in ("synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000"):
            self._sql.execute(f"PRAGMA {pragma}")
        self._seq = _FIRST_SEQ

    async def turn(self, sets: Sets, until_s: float) -> int:
        sql, first = self._sql, self._seq
        while time.perf_counter() < until_s:
            transfers = sets.take()
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany(
                "INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
                [(seq, *each) for seq, each in enumerate(transfers, self._seq + 1)],
            )
            sql.executemany(
                "UPDATE account SET balance = balance - ? WHERE id = ?",
                [(t.amount, t.debit) for t in transfers],
            )
            sql.executemany(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [(t.amount, t.credit) for t in transfers],
            )
            sql.execute("COMMIT")
            self._seq += len(transfers)
        return self._seq - first

    async def close(self) -> None:
        self._sql.close()


class BarePostgres:
    """asyncpg on a database with our tables, and nothing around it."""

    def __init__(self, connection: Any) -> None:
        self._sql = connection
        self._seq = _FIRST_SEQ

    @classmethod
    async def connect(cls, database: Database) -> BarePostgres:
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return cls(await asyncpg.connect(url))

    async def turn(self, sets: Sets, until_s: float) -> int:
        sql, first = self._sql, self._seq
        while time.perf_counter() < until_s:
            transfers = sets.take()
            async with sql.transaction():
                await sql.executemany(
                    "INSERT INTO transfer VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0)",
                    [(seq, *each) for seq, each in enumerate(transfers, self._seq + 1)],
                )
                await sql.executemany(
                    "UPDATE account SET balance = balance - $1 WHERE id = $2",
                    [(t.amount, t.debit) for t in transfers],
                )
                await sql.executemany(
                    "UPDATE account SET balance = balance + $1 WHERE id = $2",
                    [(t.amount, t.credit) for t in transfers],
                )
            self._seq += len(transfers)
        return self._seq - first

    async def close(self) -> None:
        await self._sql.close()


async def _check(database: Database) -> None:
    """What was posted is in the books; there are no purses, as there are behind real accounts."""
    async with database.reading() as session:
        for check in (check_accounts, check_chains, check_balances, check_units):
            wrong = await check(session, Found())
            if wrong is not None:
                sys.exit(f"the books are wrong: {wrong}")


async def _database_beside(url: str) -> Database:
    """Another database on the same disk, or of the same server."""
    database = Database(url)
    if database.is_sqlite:
        path = Path(str(database.url.database))
        return Database(f"sqlite:///{path.with_name('bare.sqlite3')}")
    plain = database.url.set(drivername="postgresql")
    connection = await asyncpg.connect(plain.render_as_string(hide_password=False))
    await connection.execute("CREATE DATABASE bare")
    await connection.close()
    return Database(plain.set(database="bare"))


async def _filled(database: Database, number: int) -> list[int]:
    """Our tables, and accounts with money in them; the numbers of the accounts."""
    await database.create_all()
    cash = AccountName("cash", "bench", "CNY")
    names = [AccountName("available", f"P{n:016}", "CNY") for n in range(number)]
    async with database.transaction() as session:
        ids = await accounts_of(session, [cash, *names])
        await post(
            session,
            [
                NewTransfer(posting_id("fund", each.owner), ids[cash], ids[each], "CNY", FUNDS, "top", "", 1)
                for each in names
            ],
        )
    if not database.is_sqlite:  # its planner shall know how many accounts there are
        async with database.engine.connect() as connection:
            await connection.exec_driver_sql("ANALYZE")
            await connection.commit()
    return [ids[each] for each in names]
