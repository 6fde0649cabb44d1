"""How fast a store's full outbox reaches the centre: committed there and receipted here.

Real programs: the agent, the broker, the centre, SQLite with `synchronous=FULL` at both ends. The outbox is
filled while the agent does not run, in its own format; then the agent is started and greets. The time runs
from the first batch that the centre has read to the last receipt at the agent, once with counts and once with
sales of five lines. Both times all of it must have arrived once: the centre's sums are compared.

    counts_per_s, sales_per_s      events from outbox to receipt
    bare_insert_per_s              bare sqlite3, one process: the same count events as rows, FULL, 10,000 a
                                   transaction
    bare_sales_insert_per_s        … and the same sales as rows of the centre's own tables, with their indexes
    edge_peak_rss_mib              the agent's peak over both runs
    *_cpu_s                        processor seconds of each process during the sales' drain
    counts_*_cpu_s                 … and during the counts'
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from bench import rig
from bench.report import options, report
from edge_agent.store.database import open_database
from edge_agent.store.lines import connect_inline
from sync.clock import SystemClock
from sync.contract.events import Event, Passed, SaleCompleted, SaleLine, Tender, encode_event
from sync.contract.ids import Lane

AT_ONCE = 10_000  # rows in one transaction of the prefill and of the bare insert
BOOT = "0bench00"  # an earlier run of the box, whose clock was right
STALLED_S = 60.0  # nothing new at the centre for so long: it will never arrive
DAY_MS = 86_400_000
_LAST = "SELECT coalesce(max(number), 0) FROM row WHERE lane = ?"
MARK = "SELECT coalesce(max(mark), 0) FROM mark WHERE lane ="
_FIRST = "SELECT min(received_ms) FROM batch JOIN mark ON mark.id = mark_id WHERE lane ="
_INSERT_ROW = "INSERT INTO row (lane, number, boot, mono_ms, body) VALUES (?, ?, ?, ?, ?)"

GOODS = [
    (f"{kind} {name} {size}", f"69{code:011d}", price)
    for code, (kind, name, size, price) in enumerate(
        (kind, name, size, 150 + 37 * len(kind + name) + int(size[:-1]))
        for kind in ("有机", "鲜", "Classic", "Organic", "冰镇", "家庭装")
        for name in ("牛奶", "面包", "Coffee", "苹果汁", "Noodles", "矿泉水", "Chocolate", "茶叶")
        for size in ("250g", "500g", "330g", "1000g")
    )
]
_AT_CENTRE = {"counts": "SELECT coalesce(sum(inward + outward), 0) FROM traffic_quarter",
              "sales": "SELECT count(*) FROM sale"}  # fmt: skip
LANES = {"counts": Lane.COUNT, "sales": Lane.TILL}

Row = tuple[int, int, str, int, bytes]


def main() -> int:
    asked = options(
        "A full outbox to committed and receipted at the centre, through real processes.",
        events=(1_000_000, "events in each run"),
        db=("sqlite", "sqlite or postgresql"),
        broker=("embedded", "embedded or mosquitto"),
        only=("", "counts or sales; both if empty"),
        folder=("", "where to measure; var/bench if empty"),
    )
    found: dict[str, Any] = {"events": asked.events, "db": asked.db, "broker": asked.broker}
    peak = 0.0
    for what in ("counts", "sales"):
        if asked.only in ("", what):
            with rig.folder(asked.folder) as where:
                run = asyncio.run(drain(where, what, asked.events, asked.db, asked.broker))
            peak = max(peak, run.pop("edge_peak_rss_mib"))
            found[f"{what}_per_s"] = run.pop("per_s")
            found |= {name if what == "sales" else f"counts_{name}": value for name, value in run.items()}
    with rig.folder(asked.folder) as where:
        found |= bare_inserts(where, min(asked.events, 200_000))
    found["edge_peak_rss_mib"] = peak
    report(found, asked.json)
    return 0


async def drain(where: Path, what: str, events: int, db: str, broker: str) -> dict[str, Any]:
    """One run: events a second, and what each process used. Raises RuntimeError when some are lost."""
    async with rig.centre(where, db=db, broker=broker) as stands:
        happened = counts(events) if what == "counts" else sales(events)
        people = await fill(stands.edge_database, LANES[what], happened)
        assert stands.central is not None
        async with rig.edge(stands, wait=False) as agent:
            pids = {"edge": agent.pid, "broker": stands.broker_pid, "centre": stands.central.pid}
            first_ms = await _arrived(stands, LANES[what], 1)
            used = {name: rig.cpu_s(pid) for name, pid in pids.items()}
            await _arrived(stands, LANES[what], events)
            last_ms = await _receipted(stands, LANES[what], events)
            run = {f"{name}_cpu_s": round(rig.cpu_s(pid) - used[name], 2) for name, pid in pids.items()}
            peak = rig.memory_mib(agent.pid, "VmHWM")
        here = (await _ask(stands, _AT_CENTRE[what]))[0]
        if here != (people if what == "counts" else events):
            raise RuntimeError(f"{here} {what} are at the centre, not {people}")
    took_s = (last_ms - first_ms) / 1000
    return {"per_s": round(events / took_s), "s": round(took_s, 2), "edge_peak_rss_mib": peak, **run}


# ── what happened in the store ──────────────────────────────────────────────────────────────────────────────


def counts(number: int) -> Iterator[tuple[int, Event]]:
    """(mono_ms, event): three doors of a busy station, mostly one person at a time."""
    chance, mono_ms = random.Random(1), 100_000
    for _ in range(number):
        mono_ms += chance.randint(20, 900)
        people = 1 if chance.random() < 0.93 else chance.randint(2, 4)
        inward = chance.random() < 0.5
        yield (
            mono_ms,
            Passed(
                device=chance.choice(("door", "door-north", "gate-2")),
                inward=people if inward else 0,
                outward=0 if inward else people,
                unsure=chance.random() < 0.02,
            ),
        )


def sales(number: int, lines: int = 5) -> Iterator[tuple[int, Event]]:
    """(mono_ms, event): receipts of `lines` lines of 192 articles, paid in cash or by telephone."""
    chance, mono_ms = random.Random(2), 100_000
    for receipt in range(number):
        mono_ms += chance.randint(200, 3_000)
        bought = []
        for _ in range(lines):
            name, sku, price_minor = chance.choice(GOODS)
            pieces = 1 if chance.random() < 0.8 else chance.randint(2, 6)
            bought.append(
                SaleLine(
                    name=name,
                    sku=sku,
                    quantity_milli=pieces * 1000,
                    unit_price_minor=price_minor,
                    amount_minor=pieces * price_minor,
                )
            )
        total_minor = sum(line.amount_minor for line in bought)
        given_minor = total_minor + chance.randint(0, 5_000) if chance.random() < 0.3 else total_minor
        yield (
            mono_ms,
            SaleCompleted(
                device="receipts",
                till=str(1 + receipt % 4),
                receipt=f"{20260000 + receipt // 9_000}-{receipt % 9_000:04d}",
                currency="CNY",
                total_minor=total_minor,
                lines=tuple(bought),
                tenders=(Tender("cash" if given_minor > total_minor else "mobile", given_minor),),
                tax_minor=total_minor * 13 // 113,
                change_minor=given_minor - total_minor,
                cashier=f"{7 + receipt % 5:03d}",
            ),
        )


async def fill(path: Path, lane: Lane, happened: Iterable[tuple[int, Event]]) -> int:
    """The outbox as the agent would have left it, on numbers without a gap; gives how many people passed."""
    chance = random.Random(3)
    people, mono_ms = 0, 0
    database = await open_database(path, connect_inline, chance.randbytes, 16_384)
    events = iter(happened)
    try:
        start = await database.write(lambda sql: int(sql.execute(_LAST, (lane,)).fetchone()[0]))
        while some := list(islice(events, AT_ONCE)):
            rows = [
                (lane, number, BOOT, mono_ms, encode_event(event))
                for number, (mono_ms, event) in enumerate(some, start + 1)
            ]
            mono_ms = some[-1][0]
            people += sum(event.inward + event.outward for _, event in some if isinstance(event, Passed))
            start += len(rows)
            await database.write(lambda sql, rows=rows: sql.executemany(_INSERT_ROW, rows))
        offset = (BOOT, SystemClock().wall_ms() - mono_ms, 1)  # the last of them happened just now
        await database.write(lambda sql: sql.execute("INSERT OR REPLACE INTO boot VALUES (?, ?, ?)", offset))
    finally:
        await database.close()
    return people


# ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _arrived(stands: rig.Rig, lane: Lane, number: int) -> int:
    """Wait until the centre has the lane up to `number`; when it had read the first batch (wall ms)."""
    seen, seen_s = -1, time.monotonic()
    while True:
        row = await _ask(stands, f"{MARK} {int(lane)}")
        if row[0] >= number:
            break
        if row[0] > seen:
            seen, seen_s = row[0], time.monotonic()
        if time.monotonic() - seen_s > STALLED_S:
            raise RuntimeError(f"nothing new at the centre for {STALLED_S:.0f} s: {seen} of {number}")
        await asyncio.sleep(0.02)
    return int((await _ask(stands, f"{_FIRST} {int(lane)}"))[0])


async def _receipted(stands: rig.Rig, lane: Lane, number: int) -> int:
    """Wait until the agent has the receipt for `number`; when that was (wall ms)."""
    end = time.monotonic() + STALLED_S
    while time.monotonic() < end:
        status = await asyncio.to_thread(rig.edge_status, stands)
        if any(each["name"] == lane.label and each["confirmed"] >= number for each in status["lanes"]):
            return SystemClock().wall_ms()
        await asyncio.sleep(0.005)
    raise RuntimeError("the agent has no receipt for what the centre has")


async def _ask(stands: rig.Rig, query: str) -> tuple[Any, ...]:
    """One row of the centre's database, read beside it."""
    if stands.database_url.startswith("sqlite"):
        with sqlite3.connect(stands.database_url.removeprefix("sqlite:///"), timeout=30) as sql:
            row: tuple[Any, ...] = sql.execute(query).fetchone()
        sql.close()
        return row
    import asyncpg

    connection = await asyncpg.connect(stands.database_url)
    try:
        return tuple(await connection.fetchrow(query))
    finally:
        await connection.close()


# ── the limits ──────────────────────────────────────────────────────────────────────────────────────────────


def bare_inserts(where: Path, number: int) -> dict[str, int]:
    """What sqlite3 alone does with the same events in one process, rows already made."""
    count_rows = [
        (1, n, BOOT, mono_ms, encode_event(event)) for n, (mono_ms, event) in enumerate(counts(number), 1)
    ]
    wall_ms = SystemClock().wall_ms() - number * 2_000
    sale_rows, line_rows = _sale_rows(number // 4, wall_ms)
    sql = sqlite3.connect(where / "bare.db", isolation_level=None)
    for each in ("journal_mode=WAL", "synchronous=FULL"):
        sql.execute(f"PRAGMA {each}").fetchall()
    sql.execute(
        "CREATE TABLE row (lane INTEGER, number INTEGER, boot TEXT, mono_ms INTEGER, body BLOB,"
        " PRIMARY KEY (lane, number)) STRICT, WITHOUT ROWID"
    )
    for statement in _centre_tables():
        sql.execute(statement)
    counts_s = _timed(sql, [(_INSERT_ROW, count_rows, AT_ONCE)])
    sale = (_insert("sale", len(sale_rows[0])), sale_rows, AT_ONCE)
    line = (_insert("sale_line", len(line_rows[0])), line_rows, 5 * AT_ONCE)
    sales_s = _timed(sql, [sale, line])
    sql.close()
    return {
        "bare_insert_per_s": round(len(count_rows) / counts_s),
        "bare_sales_insert_per_s": round(len(sale_rows) / sales_s),
    }


def _insert(table: str, width: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * width)})"  # noqa: S608  two names of our own


def _timed(sql: sqlite3.Connection, work: list[tuple[str, list[Any], int]]) -> float:
    began_s = time.perf_counter()
    for at in range(-(-len(work[0][1]) // work[0][2])):
        sql.execute("BEGIN IMMEDIATE")
        for statement, rows, step in work:
            sql.executemany(statement, rows[at * step : (at + 1) * step])
        sql.execute("COMMIT")
    return time.perf_counter() - began_s


def _sale_rows(number: int, wall_ms: int) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    from central_server.calendar import calendar_of
    from central_server.facts import Fact
    from central_server.sales.receipts import rows_of
    from sync.contract.clock import Stamp
    from sync.contract.ids import EventId

    facts: list[Fact[SaleCompleted]] = []
    for n, (mono_ms, event) in enumerate(sales(number), 1):
        assert isinstance(event, SaleCompleted)
        stamp = Stamp("boot", mono_ms, wall_ms + mono_ms, True)
        facts.append(Fact(1 << 40 | n, EventId(rig.STORE, "0" * 16, Lane.TILL, n), stamp, event))
    rows = rows_of(rig.STORE, facts, calendar_of("Asia/Shanghai"), {}, {}, wall_ms + DAY_MS)
    return _by_row(rows.sales, number), _by_row(rows.lines, number * 5)


def _by_row(values: list[Any], rows: int) -> list[tuple[Any, ...]]:
    width = len(values) // rows
    return list(zip(*[iter(values)] * width, strict=True))


def _centre_tables() -> list[str]:
    """The centre's tables of sales with their indexes, as SQL."""
    import sqlalchemy as sa
    from sqlalchemy.schema import CreateIndex, CreateTable

    from central_server.db import Database
    from central_server.sales.models import Sale, SaleLine

    dialect = Database("sqlite://").engine.dialect
    statements: list[Any] = []
    for model in (Sale, SaleLine):
        table = model.__table__
        assert isinstance(table, sa.Table)
        statements += [CreateTable(table), *(CreateIndex(each) for each in table.indexes)]
    return [str(each.compile(dialect=dialect)) for each in statements]
