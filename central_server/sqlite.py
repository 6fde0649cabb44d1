"""SQLite under SQLAlchemy: its settings, its types, and as few hops to its thread as can be.

A hop to SQLite's thread and back takes as long as to insert thirty rows, and longer on a busy machine. So
BEGIN waits for the first statement and goes with it; a statement, its rows and the end of its cursor are one
hop, where SQLAlchemy makes four; several statements may be one (`in_one_hop`); and what was committed needs
no rollback when its connection goes back to the pool.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.dialects.sqlite.base import SQLiteTypeCompiler
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util import await_only

BEGIN = "tillbeam_begin"  # execution option: how a transaction begins
BESIDE = "tillbeam_beside"  # execution option: a dict of what this process remembers of the database
BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 64 * 1024
WAL_MAX_BYTES = 64 * 1024 * 1024  # what a checkpoint leaves of the log file
CHECKPOINT_PAGES = 4_000  # 16 MiB of log, then it is folded in: two fsyncs more, but not at every group

T = TypeVar("T")


class Line(AsyncAdapt_aiosqlite_connection):
    """A connection, whose statements are one hop each."""

    __slots__ = ("begin", "idle")

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.begin = ""  # what is to be said before the next statement
        self.idle = False  # there is no transaction

    def cursor(self, server_side: bool = False) -> Any:
        if not server_side:
            return _Cursor(self)
        if self.begin:
            self.hop(lambda _: None)
        return super().cursor(server_side=True)

    def hop(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work(driver)` in SQLite's thread, after the BEGIN that waits. Raises what the driver raises."""
        return await_only(self.later(work))

    async def later(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`hop`, for who can wait."""
        begin, self.begin = self.begin, ""
        line: Any = self._connection
        if not begin:
            return cast(T, await line._execute(work, line._conn))
        self.idle = False

        def begun(driver: sqlite3.Connection) -> T:
            driver.execute(begin).close()
            return work(driver)

        return cast(T, await line._execute(begun, line._conn))


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that is opened, asked, emptied and closed in one hop."""

    __slots__ = ("_last_id", "_said", "_touched")

    def __init__(self, line: Line) -> None:
        self._adapt_connection = line
        self._rows: deque[Any] = deque()
        self._said: Any = None
        self._touched, self._last_id = -1, 0

    @property
    def description(self) -> Any:
        return self._said

    @property
    def rowcount(self) -> int:
        return self._touched

    @property
    def lastrowid(self) -> int:
        return self._last_id

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        self._ask(lambda cursor: cursor.execute(operation, () if parameters is None else parameters))

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        self._ask(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """It is closed."""

    def _ask(self, ask: Callable[[sqlite3.Cursor], Any]) -> None:
        def work(driver: sqlite3.Connection) -> None:
            cursor = driver.cursor()
            try:
                ask(cursor)
                self._said = cursor.description
                if self._said is not None:
                    self._rows.extend(cursor.fetchall())
                self._touched, self._last_id = cursor.rowcount, cursor.lastrowid or 0
            finally:
                cursor.close()

        try:
            cast(Line, self._adapt_connection).hop(work)
        except (sqlite3.Error, ValueError) as error:  # ValueError: the connection is closed
            self._adapt_connection._handle_exception(error)


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """aiosqlite as SQLAlchemy sees it, with our connections; for `create_async_engine(module=…)`."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *args: Any, **options: Any) -> Line:
        return Line(self, super().connect(*args, **options)._connection)


async def in_one_hop(
    connection: AsyncConnection, work: Callable[[sqlite3.Connection], T], what: str = ""
) -> T:
    """`work(driver)` in SQLite's thread, within the connection's transaction: many statements, one hop.

    Raises DBAPIError for what the driver raises, as SQLAlchemy does; `what` stands in its message.
    """
    plain = connection.sync_connection  # nothing to wait for: it is connected
    line = None if plain is None else plain.connection.dbapi_connection
    assert isinstance(line, Line)
    try:
        return await line.later(work)
    except sqlite3.Error as error:
        raise DBAPIError.instance(what, None, error, sqlite3.Error, dialect=connection.dialect) from error


class _StrictTypes(SQLiteTypeCompiler):
    """STRICT tables know INTEGER, REAL, TEXT, BLOB and ANY; every other name becomes one of them."""

    def visit_big_integer(self, type_: Any, **kw: Any) -> str:
        return "INTEGER"

    def visit_BIGINT(self, type_: Any, **kw: Any) -> str:
        return "INTEGER"

    def visit_SMALLINT(self, type_: Any, **kw: Any) -> str:
        return "INTEGER"

    def visit_BOOLEAN(self, type_: Any, **kw: Any) -> str:
        return "INTEGER"

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:
        return "TEXT"

    def visit_CHAR(self, type_: Any, **kw: Any) -> str:
        return "TEXT"

    def visit_JSON(self, type_: Any, **kw: Any) -> str:
        return "TEXT"

    def visit_DATE(self, type_: Any, **kw: Any) -> str:
        return "TEXT"

    def visit_DATETIME(self, type_: Any, **kw: Any) -> str:
        return "TEXT"

    def visit_FLOAT(self, type_: Any, **kw: Any) -> str:
        return "REAL"


def prepare_sqlite(engine: AsyncEngine, foreign_keys: bool) -> None:
    """Our settings for every connection of `engine`, our types, and BEGIN as late as can be."""
    engine.dialect.type_compiler_instance = _StrictTypes(engine.dialect)

    def connected(driver: Any, _record: Any) -> None:
        driver.isolation_level = None  # we say BEGIN ourselves, below
        cursor = driver.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            f"foreign_keys = {foreign_keys:d}",
            f"cache_size = -{CACHE_KIB}",
            f"journal_size_limit = {WAL_MAX_BYTES}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    dialect: Any = engine.dialect
    commit, roll_back = dialect.do_commit, dialect.do_rollback

    def begin(connection: sa.Connection) -> None:
        line = connection.connection.dbapi_connection
        assert isinstance(line, Line)
        line.begin = connection.get_execution_options().get(BEGIN, "BEGIN")

    def do_commit(fairy: Any) -> None:
        line = _line_of(fairy)
        if line.begin:  # nothing was said, and nothing is to be kept
            line.begin = ""
        else:
            commit(line)
            line.idle = True

    def do_rollback(fairy: Any) -> None:
        line = _line_of(fairy)
        line.begin = ""
        if not line.idle:  # else the pool asks only to be sure
            roll_back(line)
            line.idle = True

    dialect.do_commit, dialect.do_rollback = do_commit, do_rollback
    sa.event.listen(engine.sync_engine, "connect", connected)
    sa.event.listen(engine.sync_engine, "begin", begin)


def _line_of(fairy: Any) -> Line:
    """A connection may come as itself, or wrapped by the pool."""
    line = getattr(fairy, "dbapi_connection", fairy)
    assert isinstance(line, Line)
    return line
