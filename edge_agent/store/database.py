"""The store's one SQLite file: opened, checked, brought up to date, and never thrown away.

WAL with `synchronous=FULL`: what was committed survives a power cut (`NORMAL` lost up to 901 acknowledged
commits a cut on a real disk). A damaged file is moved aside and a new one, with a new epoch, takes its place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge_agent.errors import StoreBroken, StoreTooNew
from edge_agent.store.lines import Connect, Line, Role, Sql, Work

T = TypeVar("T")
DrawEpoch = Callable[[], str]

MIGRATIONS = Path(__file__).parent / "migrations"
QUICK_CHECK_MAX_BYTES = 32 * 1024 * 1024  # checking 32 MiB takes about 0.2 s; more would spoil the boot
BUSY_TIMEOUT_MS = 5_000
WAL_KEPT_BYTES = 8 * 1024 * 1024
SIZE_MAX_MIB = 1024
_ASIDE_MAX = 1000
_SUSPECT = (
    "suspect"  # a file beside the database: SQLite called it damaged, so check all of it at the next start
)

_SETTINGS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}",
    "PRAGMA wal_autocheckpoint=1000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cache_size=-2048",
)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """The open file. Made by `open_database`; whoever opens it closes it."""

    def __init__(
        self, path: Path, lines: dict[Role, Line], epoch: str, draw_epoch: DrawEpoch, moved_aside: Path | None
    ) -> None:
        self.path = path
        self.epoch = epoch
        self.draw_epoch = draw_epoch
        self.moved_aside = moved_aside  # where a damaged file went at this opening
        self._lines = lines

    async def write(self, work: Work[T], brief: bool = False) -> T:
        """`work` in one transaction, on disk when this returns. Raises sqlite3.Error, having rolled back.

        `brief` (see lines.py) is for a few rows on which somebody waits.
        """
        return await self._guarded(Role.WRITE, lambda sql: _transaction(sql, work), brief)

    async def bare(self, work: Work[T]) -> T:
        """`work` on the writing line but in no transaction: PRAGMAs. Raises sqlite3.Error."""
        return await self._guarded(Role.WRITE, work)

    async def read(self, work: Work[T]) -> T:
        """`work` on the line for batches; it must only read. Raises sqlite3.Error."""
        return await self._guarded(Role.READ, work)

    async def ask(self, work: Work[T]) -> T:
        """`work` on the line for questions, which waits for no commit and no batch. Raises sqlite3.Error.

        It must be brief (see lines.py): a payment asks five times before its transaction.
        """
        return await self._guarded(Role.ASK, work, brief=True)

    async def close(self) -> None:
        """Ends all lines; the file is left as it should be."""
        for line in dict.fromkeys(reversed(self._lines.values())):
            await line.close()

    async def _guarded(self, role: Role, work: Work[T], brief: bool = False) -> T:
        try:
            return await self._lines[role].run(work, brief)
        except sqlite3.DatabaseError as error:
            if _code(error) in _DAMAGE:
                _beside(self.path, _SUSPECT).touch()
            raise


async def open_database(
    path: Path, connect: Connect, random_bytes: Callable[[int], bytes], size_max_mib: int = SIZE_MAX_MIB
) -> Database:
    """The database at `path`, made if missing. `size_max_mib` is the soft limit: beyond it SQLITE_FULL.

    A damaged file is moved aside (`Database.moved_aside`) and replaced by an empty one with a new epoch.
    Raises StoreTooNew, StoreBroken.
    """

    def draw() -> str:
        return random_bytes(8).hex()

    moved = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return await _open(path, connect, draw, size_max_mib, None)
        except sqlite3.DatabaseError as error:
            if _code(error) not in _DAMAGE:
                raise
        moved = _move_aside(path)
        return await _open(path, connect, draw, size_max_mib, moved)
    except (sqlite3.Error, OSError) as error:
        raise StoreBroken(f"{path}: {error}") from error


async def _open(
    path: Path, connect: Connect, draw: DrawEpoch, size_max_mib: int, moved: Path | None
) -> Database:
    lines: dict[Role, Line] = {}
    try:
        for role in Role:
            lines[role] = await connect(path, role)
        suspect = _beside(path, _SUSPECT)
        check = suspect.exists() or (path.exists() and path.stat().st_size <= QUICK_CHECK_MAX_BYTES)
        write = lines[Role.WRITE]
        epoch = await write.run(lambda sql: _prepare(sql, path, draw, size_max_mib, check))
        suspect.unlink(missing_ok=True)
        for line in lines.values():
            if line is not write:
                await line.run(_prepare_reader)
    except BaseException:
        for line in dict.fromkeys(lines.values()):
            await line.close()
        raise
    return Database(path, lines, epoch, draw, moved)


def _prepare(sql: Sql, path: Path, draw: DrawEpoch, size_max_mib: int, check: bool) -> str:
    for setting in _SETTINGS:
        sql.execute(setting).fetchall()
    if check and (found := sql.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise _damaged(f"{path}: {found}")
    _migrate(sql, path)
    limit_pages(sql, size_max_mib)
    row = sql.execute("SELECT value FROM meta WHERE name='epoch'").fetchone()
    if row is None:
        epoch = draw()
        sql.execute("INSERT INTO meta VALUES ('epoch', ?)", (epoch,))
        return epoch
    return str(row[0])


def _prepare_reader(sql: Sql) -> None:
    for setting in _SETTINGS[2:]:
        sql.execute(setting).fetchall()
    sql.execute("PRAGMA query_only=ON").fetchall()


def _migrate(sql: Sql, path: Path) -> None:
    """Brings the schema up to the last numbered file, each in a transaction of its own."""
    have = int(sql.execute("PRAGMA user_version").fetchone()[0])
    files = sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    if have > len(files):
        raise StoreTooNew(f"{path}: schema {have}, but this version knows {len(files)} at most")
    for number, file in enumerate(files[have:], start=have + 1):

        def step(sql: Sql, number: int = number, file: Path = file) -> None:
            for statement in file.read_text("utf-8").split(";\n"):
                if statement.strip():
                    sql.execute(statement)
            sql.execute(f"PRAGMA user_version={number}")

        _transaction(sql, step)


def limit_pages(sql: Sql, size_max_mib: int | None) -> None:
    """The soft limit of the file's size; None pins it at what it is. DELETE goes on working at the limit."""
    if size_max_mib is None:
        pages = int(sql.execute("PRAGMA page_count").fetchone()[0])
    else:
        pages = size_max_mib * 1024 * 1024 // int(sql.execute("PRAGMA page_size").fetchone()[0])
    sql.execute(f"PRAGMA max_page_count={max(1, pages)}").fetchall()


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite found no room: the soft limit or a full disk."""
    return _code(error) == sqlite3.SQLITE_FULL


def _transaction(sql: Sql, work: Work[T]) -> T:
    # IMMEDIATE takes the write lock first; a deferred one that reads, then writes, fails without waiting.
    sql.execute("BEGIN IMMEDIATE")
    try:
        result = work(sql)
        sql.execute("COMMIT")
        return result
    except BaseException:
        if sql.in_transaction:  # SQLITE_FULL and SQLITE_IOERR may have rolled back already
            sql.execute("ROLLBACK")
        raise


def _move_aside(path: Path) -> Path:
    number = next(n for n in range(1, _ASIDE_MAX) if not _beside(path, f"damaged-{n}").exists())
    aside = _beside(path, f"damaged-{number}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.name}.{word}")


def _damaged(why: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _code(error: sqlite3.Error) -> int:
    """The primary SQLite result code; 0 when the error is Python's own."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
