"""The database: SQLite by default, PostgreSQL past one machine, the same portable SQL on both.

    async with database.transaction() as session: …     commits at the end, rolls back on an exception
    async with database.reading() as session: …         never commits
    await database.run(work)                            a transaction, done again when the database says so

Whoever opens the session commits it; everything between only adds to it. On SQLite writers stand in one
row (a lock in this process, BEGIN IMMEDIATE between processes), because a deferred transaction that reads
and then writes fails at once when another has written between. No statement here or in any module may
need LISTEN, advisory locks or the order of a sequence.
"""

from __future__ import annotations

import asyncio
import operator
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import lru_cache
from itertools import chain
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import AsyncAdaptedQueuePool

from central_server.sqlite import BEGIN, BESIDE, Driver, in_one_hop, prepare_sqlite
from sync.link.base import full_jitter_s

TRIES_MAX = 8  # of one transaction, with jitter between 0 and 2 s: gives up after about half a minute
PING_EVERY_S = 1.0  # a connection to PostgreSQL that is in use
_PASSING_SQLSTATES = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03"}  # and class 08, connections
_SQLITE_BUSY, _SQLITE_LOCKED = 5, 6
_SQLITE_PARAMETERS_MAX = 32_766
_WAYS_MAX = 256  # tables and columns remembered

T = TypeVar("T")


class Base(DeclarativeBase):
    """The root of every table. An `int` is 64 bits wide, as money must be; SQLite tables are STRICT."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: sa.BigInteger(),
        str: sa.Text(),
        bytes: sa.LargeBinary(),
        dict[str, Any]: sa.JSON(),
        list[str]: sa.JSON(),
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        table = cls.__dict__.get("__table__")
        if table is not None:
            table.dialect_options["sqlite"]["strict"] = True


class Database:
    """One database and the ways into it.

    `url` is ``sqlite:///path`` or ``postgresql://user@host/name``. `async_creator` gives connections
    instead of the driver, so that a test can run SQLite inside a simulated loop. Only migrations turn
    `foreign_keys` off, to rebuild a table that others point at.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        chance: random.Random | None = None,
        async_creator: Callable[[], Awaitable[Any]] | None = None,
        foreign_keys: bool = True,
    ) -> None:
        self.url = with_driver(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._chance = chance or random.Random()
        self._writing = asyncio.Lock()
        self.committed: list[Callable[[Mapping[str, Any]], None]] = []  # given `session.info` after a commit
        more: dict[str, Any] = {} if async_creator is None else {"async_creator": async_creator}
        dialect: Any = self.url.get_dialect()
        if dialect.get_pool_class(self.url) is AsyncAdaptedQueuePool:
            more["poolclass"] = _Pool
        if self.is_sqlite:
            more["module"] = Driver()
        else:
            more |= {"pool_pre_ping": True, "isolation_level": "READ COMMITTED"}
        self.engine: AsyncEngine = create_async_engine(self.url, **more)
        self.writer = self.engine
        if self.is_sqlite:
            prepare_sqlite(self.engine, foreign_keys)
            self.writer = self.engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE", BESIDE: {}})
        else:
            _ping_seldom(self.engine.dialect)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are committed at the end, or none of them if anything was raised."""
        async with (
            self._writing if self.is_sqlite else nullcontext(),
            _Session(self.writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session
        if session.info:
            for heed in self.committed:
                heed(session.info)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one moment of the database (SQLite) and changes nothing."""
        async with _Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    async def run(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """`work(session)` in a transaction; again when the database was busy, failed over or saw a conflict.

        `work` must read inside whatever it decides by: when the connection is lost during a commit, it may
        run again after it has taken effect. Raises what the last of `TRIES_MAX` tries raised.
        """
        pauses_s = full_jitter_s(self._chance, first_s=0.02, most_s=8.0)
        for _ in range(TRIES_MAX - 1):
            try:
                async with self.transaction() as session:
                    return await work(session)
            except (DBAPIError, OSError) as error:
                if not will_pass(error):
                    raise
            await asyncio.sleep(next(pauses_s))
        async with self.transaction() as session:
            return await work(session)

    async def create_all(self) -> None:
        """Every table that has been imported, for tests; programs run the migrations instead."""
        async with self.writer.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    async def close(self) -> None:
        """Let every connection go."""
        await self.engine.dispose()


class _Session(AsyncSession):
    """Whose transaction has ended holds no connection: to close it waits for nothing, and needs no task."""

    async def __aexit__(self, type_: Any, value: Any, traceback: Any) -> None:
        if self.in_transaction():
            await super().__aexit__(type_, value, traceback)
        else:
            self.sync_session.close()


class _Pool(AsyncAdaptedQueuePool):
    """Too many want a connection: an OSError, which all who wait for the database wait out.

    SQLAlchemy's own TimeoutError is no DBAPIError and would end the inbox.
    """

    def _do_get(self) -> Any:
        try:
            return super()._do_get()
        except sa.exc.TimeoutError as error:
            raise TimeoutError("every connection to the database is in use") from error


def _ping_seldom(dialect: Any) -> None:
    """Ask a connection from the pool once a second whether it is alive, not for every transaction.

    SQLAlchemy's ping is three round trips, BEGIN and ROLLBACK among them: half as long as to post a set. A
    server that went away is noticed without, for the driver sees that its connection was closed.
    """
    answered_s: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
    ping = dialect.do_ping

    def do_ping(line: Any) -> bool:
        driver, now_s = line.driver_connection, time.monotonic()
        if driver.is_closed() or now_s - answered_s.get(driver, -PING_EVERY_S) >= PING_EVERY_S:
            ping(line)  # raises what SQLAlchemy takes for a lost connection, and then gives another
            answered_s[driver] = now_s
        return True

    dialect.do_ping = do_ping


def with_driver(url: str | URL) -> URL:
    """`url` with the asyncio driver we use for it: aiosqlite or asyncpg."""
    parsed = make_url(url)
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
    }
    return parsed.set(drivername=drivers.get(parsed.drivername, parsed.drivername))


def will_pass(error: BaseException) -> bool:
    """Whether the same transaction may succeed if done again: conflict, deadlock, busy, connection lost."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    if error.connection_invalidated:
        return True
    origin: Any = error.orig
    code = getattr(origin, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in (_SQLITE_BUSY, _SQLITE_LOCKED)
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None) or ""
    return state in _PASSING_SQLSTATES or state.startswith("08")


async def bulk_insert(
    session: AsyncSession,
    table: Any,
    rows: Sequence[tuple[Any, ...]],
    *,
    columns: Sequence[str] | None = None,
    skip_known: bool = False,
) -> int:
    """Insert `rows`, tuples in the order of `columns` (all of the table's, in its order, if not given).

    Gives how many were inserted: all of them, or with `skip_known` those that hurt no unique key. `table`
    is a mapped class or a Table; its Python-side defaults are not applied. Sends few, large statements:
    SQLite's driver hands the interpreter's lock over once per step, which costs 5 ms while the loop is busy.
    """
    conflict = " ON CONFLICT DO NOTHING" if skip_known else ""
    return await _bulk(session, _way(session, table, columns), list(chain.from_iterable(rows)), conflict)


async def insert_laid(session: AsyncSession, table: Any, values: list[Any]) -> None:
    """`bulk_insert` of whole rows laid end to end: for tables where a tuple for every row is too slow."""
    await _bulk(session, _way(session, table, None), values, "")


async def bulk_upsert_add(
    session: AsyncSession,
    table: Any,
    key: Sequence[str],
    add: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    most: Sequence[str] = (),
) -> None:
    """Add to rollups: `rows` are tuples of the `key` columns, which a unique key covers, then the amounts
    to `add`, then those of which only the `most` is kept. A missing row is inserted, a row given twice is
    added twice.
    """
    width = len(key)
    ways: list[Callable[[Any, Any], Any]] = [operator.add] * len(add) + [max] * len(most)
    sums: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        at, amounts = row[:width], row[width:]
        known = sums.get(at)
        if known is not None:
            amounts = tuple(way(a, b) for way, a, b in zip(ways, known, amounts, strict=True))
        sums[at] = amounts
    # Everybody takes the row locks in the same order, so that two processes do not wait for each other.
    merged = [value for at in sorted(sums) for value in at + sums[at]]
    bulk = _way(session, table, [*key, *add, *most])
    named = {
        c: (bulk.quote(c), f"{bulk.name}.{bulk.quote(c)}", f"excluded.{bulk.quote(c)}") for c in (*add, *most)
    }
    sets = [f"{c} = {old} + {new}" for c, old, new in map(named.__getitem__, add)]
    # SQLite's max is PostgreSQL's greatest.
    sets += [
        f"{c} = CASE WHEN {new} > {old} THEN {new} ELSE {old} END"
        for c, old, new in map(named.__getitem__, most)
    ]
    where = ", ".join(bulk.quote(c) for c in key)
    await _bulk(session, bulk, merged, f" ON CONFLICT ({where}) DO UPDATE SET {', '.join(sets)}")


class _Bulk:
    """How a table's rows go to the driver as they are: its name, columns, types and bind functions."""

    def __init__(self, dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...] | None) -> None:
        self.dialect = dialect
        self.quote: Callable[[str], str] = dialect.identifier_preparer.quote
        chosen = list(table.columns) if columns is None else [table.columns[name] for name in columns]
        self.name = dialect.identifier_preparer.format_table(table)
        self.columns = ", ".join(self.quote(column.name) for column in chosen)
        self.width = len(chosen)
        self.types = [column.type.compile(dialect) for column in chosen]
        self.binds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in chosen]

    def bound(self, values: list[Any]) -> list[Any]:
        if not any(self.binds):
            return values
        values = values.copy()
        for place, bind in enumerate(self.binds):
            if bind is not None:
                values[place :: self.width] = map(bind, values[place :: self.width])
        return values


_bulk_of = lru_cache(maxsize=_WAYS_MAX)(_Bulk)  # worked out once: it takes as long as to insert 50 rows


def _way(session: AsyncSession, table: Any, columns: Sequence[str] | None) -> _Bulk:
    whole: sa.Table = table if isinstance(table, sa.Table) else table.__table__
    return _bulk_of(session.get_bind().dialect, whole, None if columns is None else tuple(columns))


async def _bulk(session: AsyncSession, bulk: _Bulk, values: list[Any], conflict: str) -> int:
    """Insert rows laid end to end; how many were inserted."""
    if not values:
        return 0
    await session.flush()  # what the session holds came first
    connection = await session.connection()
    values = bulk.bound(values)
    head = f"INSERT INTO {bulk.name} ({bulk.columns}) "
    if bulk.dialect.name == "sqlite":
        return await _insert_in_one_hop(connection, bulk, head, values, conflict)
    arrays = ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(bulk.types, 1))
    statement = f"{head}SELECT * FROM unnest({arrays}){conflict}"  # noqa: S608 (names from our own tables)
    columns = tuple(values[place :: bulk.width] for place in range(bulk.width))
    done = await connection.exec_driver_sql(statement, columns)
    return done.rowcount


async def _insert_in_one_hop(
    connection: AsyncConnection, bulk: _Bulk, head: str, values: list[Any], conflict: str
) -> int:
    """In statements of 2^n rows, so that SQLite knows each statement already.

    All of them are one hop to the driver's thread: a hop there and back costs 100 µs, and as much again to
    get the interpreter's lock while the loop is busy.
    """
    width = bulk.width
    one = f"({', '.join('?' * width)})"

    def insert(driver: sqlite3.Connection) -> int:
        inserted = at = 0
        left = len(values) // width
        size = 1 << (_SQLITE_PARAMETERS_MAX // width).bit_length() - 1
        while left:
            while size > left:
                size //= 2
            statement = f"{head}VALUES {', '.join([one] * size)}{conflict}"
            inserted += driver.execute(statement, values[at : at + size * width]).rowcount
            at += size * width
            left -= size
        return inserted

    return await in_one_hop(connection, insert, head)
