"""SQLite under SQLAlchemy: its settings, its types, and as few hops to its thread as can be.

A hop to SQLite's thread and back takes as long as to insert thirty rows, and longer on a busy machine. So
BEGIN waits for the first statement, and goes with it where that is a piece of work (`in_one_hop`); and what
was committed needs no rollback when its connection goes back to the pool.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteTypeCompiler
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

BEGIN = "tillbeam_begin"  # execution option: how a transaction begins
BESIDE = "tillbeam_beside"  # execution option: a dict of what this process remembers of the database
BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 64 * 1024
WAL_MAX_BYTES = 64 * 1024 * 1024  # what a checkpoint leaves of the log file
CHECKPOINT_PAGES = 4_000  # 16 MiB of log, then it is folded in: two fsyncs more, but not at every group
_WAITING, _IDLE = "tillbeam.begin", "tillbeam.idle"  # of a connection: BEGIN not said yet; no transaction

T = TypeVar("T")


async def in_one_hop(
    connection: AsyncConnection, work: Callable[[sqlite3.Connection], T], what: str = ""
) -> T:
    """`work(driver)` in SQLite's thread, within the connection's transaction: many statements, one hop.

    Raises DBAPIError for what the driver raises, as SQLAlchemy does; `what` stands in its message.
    """
    plain = connection.sync_connection  # nothing to wait for: it is connected
    line = None if plain is None else plain.connection.driver_connection
    assert plain is not None
    assert isinstance(line, aiosqlite.Connection)
    begin = plain.info.pop(_WAITING, None)
    if begin is not None:
        plain.info[_IDLE] = False

    def begun(driver: sqlite3.Connection) -> T:
        if begin is not None:
            driver.execute(begin).close()
        return work(driver)

    try:
        result: T = await line._execute(begun, line._conn)
    except sqlite3.Error as error:
        raise _wrapped(error, what, connection.dialect) from error
    return result


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


def _begun(connection: sa.Connection) -> None:
    """Say the BEGIN that waits. Raises DBAPIError."""
    statement = connection.info.pop(_WAITING)
    connection.info[_IDLE] = False

    def said(driver: sqlite3.Connection) -> None:
        driver.execute(statement).close()

    adapted: Any = connection.connection.dbapi_connection
    try:
        adapted.run_async(lambda line: line._execute(said, line._conn))
    except sqlite3.Error as error:
        raise _wrapped(error, statement, connection.dialect) from error


def _wrapped(error: sqlite3.Error, what: str, dialect: sa.Dialect) -> BaseException:
    return DBAPIError.instance(what, None, error, sqlite3.Error, dialect=dialect)


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
        connection.info[_WAITING] = connection.get_execution_options().get(BEGIN, "BEGIN")

    def before(connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> Any:
        if _WAITING in connection.info:
            _begun(connection)
        return statement, parameters

    def do_commit(line: Any) -> None:
        if line.info.pop(_WAITING, None) is None:
            commit(line)
            line.info[_IDLE] = True

    def do_rollback(line: Any) -> None:
        if not isinstance(line, sa.pool.base._ConnectionFairy):  # SQLAlchemy looks at its first connection
            roll_back(line)
            return
        line.info.pop(_WAITING, None)
        if not line.info.get(_IDLE):  # else the pool asks only to be sure
            roll_back(line)
            line.info[_IDLE] = True

    dialect.do_commit, dialect.do_rollback = do_commit, do_rollback
    sa.event.listen(engine.sync_engine, "before_cursor_execute", before, retval=True)
    sa.event.listen(engine.sync_engine, "connect", connected)
    sa.event.listen(engine.sync_engine, "begin", begin)
