"""A disk that loses power: SQLite on apsw over files that live in memory, cut at any write.

The model is that of SQLite's own crash tests (src/test6.c): each file has a durable image, the bytes as of
its last sync, and a row of pending writes. A power cut keeps, drops or tears (at 512 bytes) each pending
write on its own, as a drive that reorders does. WAL needs exclusive locking here: there is no shared memory.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw

from edge_agent.store.lines import Line, Role, Work

T = TypeVar("T")
SECTOR_BYTES = 512


class PowerOff(apsw.IOError):  # type: ignore[misc]
    """Nothing is written any more."""


class Disk:
    """The hardware. `stop_at`: after so many writes and syncs the power is off."""

    def __init__(self, durable: dict[str, bytes] | None = None, stop_at: int | None = None) -> None:
        self.durable = {name: bytearray(data) for name, data in (durable or {}).items()}
        self.live = {name: bytearray(data) for name, data in self.durable.items()}
        self.pending: dict[str, list[tuple[int, bytes] | int]] = {name: [] for name in self.live}
        self.unlinked: set[str] = set()
        self.stop_at, self.ops, self.buried = stop_at, 0, False

    @property
    def off(self) -> bool:
        return self.stop_at is not None and self.ops > self.stop_at

    def tick(self) -> bool:
        """Whether the operation is done; after the cut the program is only tidied away."""
        if self.buried:
            return False
        self.ops += 1
        if self.off:
            raise PowerOff("the power is off")
        return True

    def create(self, name: str) -> None:
        if name not in self.live:
            self.live[name], self.pending[name] = bytearray(), []

    def write(self, name: str, data: bytes, offset: int) -> None:
        if not self.tick():
            return
        _put(self.live[name], offset, data)
        self.pending[name].append((offset, data))

    def truncate(self, name: str, size: int) -> None:
        if not self.tick():
            return
        _resize(self.live[name], size)
        self.pending[name].append(size)

    def sync(self, name: str) -> None:
        if not self.tick():
            return
        if name not in self.durable or name in self.unlinked:  # the folder of a new file is synced as well
            for gone in self.unlinked:
                self.durable.pop(gone, None)
            self.unlinked.clear()
        self.durable[name], self.pending[name] = bytearray(self.live[name]), []

    def unlink(self, name: str, sync_folder: bool) -> None:
        if not self.tick():
            return
        del self.live[name], self.pending[name]
        if sync_folder:
            self.durable.pop(name, None)
        else:
            self.unlinked.add(name)

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """What the disk holds when the power is back."""
        found: dict[str, bytes] = {}
        for name in sorted(set(self.durable) | set(self.pending)):
            if (name in self.unlinked or name not in self.durable) and chance.random() < 0.5:
                continue
            data = bytearray(self.durable.get(name, b""))
            likely = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
            for op in self.pending.get(name, ()):
                if isinstance(op, int):
                    if chance.random() < likely:
                        _resize(data, op)
                    continue
                offset, written = op
                for start in range(0, len(written), SECTOR_BYTES):
                    if chance.random() < likely:
                        _put(data, offset + start, written[start : start + SECTOR_BYTES])
            found[name] = bytes(data)
        return found


def _put(data: bytearray, offset: int, written: bytes) -> None:
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(written)] = written


def _resize(data: bytearray, size: int) -> None:
    if len(data) > size:
        del data[size:]
    else:
        data.extend(bytes(size - len(data)))


def _ignored(self: Any, kind: Any, error: Any, trace: Any) -> None:
    """SQLite goes on writing while it tidies up after an error; apsw tells of each failure here."""


class _Vfs(apsw.VFS):  # type: ignore[misc]
    excepthook = _ignored
    _numbers = itertools.count()

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.called = f"powercut{next(self._numbers)}"
        super().__init__(self.called, "")

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        path = path or f"temporary{next(self._numbers)}"
        self.disk.create(path)
        return _File(self.disk, path)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        if name not in self.disk.live:
            raise apsw.IOError("no such file")
        self.disk.unlink(name, sync_folder)

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.disk.live

    def xFullPathname(self, name: str) -> str:
        return name


class _File:
    excepthook = _ignored

    def __init__(self, disk: Disk, name: str) -> None:
        self.disk, self.name = disk, name

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self.disk.live[self.name][offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.write(self.name, bytes(data), offset)

    def xTruncate(self, size: int) -> None:
        self.disk.truncate(self.name, size)

    def xSync(self, flags: int) -> None:
        self.disk.sync(self.name)

    def xFileSize(self) -> int:
        return len(self.disk.live[self.name])

    def xClose(self) -> None:
        return None

    def xLock(self, level: int) -> None:
        return None

    def xUnlock(self, level: int) -> None:
        return None

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:
        return 0


class _Sql:
    """apsw with the manners of sqlite3, as far as the store uses them."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        if sql.startswith("PRAGMA query_only"):
            sql = "SELECT 1"  # one connection has all the roles here
        return _Cursor(_asked(lambda: self._connection.execute(sql, tuple(parameters)).fetchall()))

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Any:
        return _asked(
            lambda: self._connection.executemany(sql, [tuple(each) for each in parameters]).fetchall()
        )

    def close(self) -> None:
        _asked(self._connection.close)


class _Cursor:
    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def fetchall(self) -> list[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None

    def __iter__(self) -> Any:
        return iter(self._rows)


def _asked(work: Any) -> Any:
    try:
        return work()
    except apsw.Error as error:
        translated = sqlite3.OperationalError(str(error))
        translated.sqlite_errorcode = getattr(error, "result", 0)
        raise translated from error


class PowerLine:
    """A line for `open_database`: one apsw connection for every role, on a disk that may lose power."""

    def __init__(self, disk: Disk) -> None:
        self._disk, self._vfs = disk, _Vfs(disk)
        self._sql: _Sql | None = None

    async def __call__(self, path: Path, role: Role) -> Line:
        if self._sql is None:
            connection = _asked(lambda: apsw.Connection(str(path), vfs=self._vfs.called))
            self._sql = _Sql(connection)
            self._sql.execute("PRAGMA locking_mode=exclusive")
        return self

    async def run(self, work: Work[T], brief: bool = False) -> T:
        assert self._sql is not None
        return work(self._sql)

    async def close(self) -> None:
        if self._sql is not None:
            self._disk.buried = self._disk.stop_at is not None
            self._sql.close()
            self._sql = None
