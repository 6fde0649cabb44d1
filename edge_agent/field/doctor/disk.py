"""The disk: room, rights, whether the database on it is whole, and what waits there to be sent."""

from __future__ import annotations

import os
import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from edge_agent.field.doctor.box import AS_ROOT, SERVICE, SERVICE_USER, Box
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.rights import may_use
from edge_agent.field.words import _
from edge_agent.store.database import MIGRATIONS
from sync.contract.ids import Lane

FREE_FEW_MIB = 500  # as the fleet page has it
FREE_NONE_MIB = 32  # a database at work needs about that much for itself
OLD_S, VERY_OLD_S = 600, 86_400  # of what waits: the fleet page says it after ten minutes
CHECK_MAX_S = 20.0  # of the database's pages; a gigabyte on a card takes longer
BUSY_S = 2.0
_MIB = 1024 * 1024


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, to look at; beside a running agent too. Raises sqlite3.Error, OSError."""
    path.stat()
    # SQLite wants to make files beside a database in WAL; where it cannot, nobody else can write either.
    how = "mode=ro&immutable=1" if os.statvfs(path.parent).f_flag & os.ST_RDONLY else "mode=ro"
    sql = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, timeout=BUSY_S)
    try:
        yield sql
    finally:
        sql.close()


def disk(box: Box) -> Iterator[Finding]:
    """Room, and whether the agent may write."""
    folder = box.settings.state_dir
    shown = shlex.quote(str(folder))
    make = f"sudo install -d -o {SERVICE_USER} -m 700 {shown}"
    try:
        found = os.statvfs(folder)
        mode = folder.stat()
    except FileNotFoundError:
        yield warn(_("{folder} is not there yet; the service makes it when it starts"), make, folder=folder)
        return
    except PermissionError:
        yield warn(
            _("{folder} may not be looked at by {user}"),
            AS_ROOT,
            folder=folder,
            user=os.getuid(),
        )
        return
    if not folder.is_dir():
        yield bad(_("{folder} is no folder"), f"ls -ld {shown}", folder=folder)
    if found.f_flag & os.ST_RDONLY:
        mend = f"sudo mount -o remount,rw {shown}; sudo dmesg | tail"
        yield bad(
            _("the disk under {folder} is read-only: a damaged card often ends so"), mend, folder=folder
        )
    elif not may_use(mode, box.who, write=True):
        mend = f"sudo chown -R {shlex.quote(box.who.name)} {shown}"
        yield bad(_("{folder} may not be written by {user}"), mend, folder=folder, user=box.who.name)
    free_mib = found.f_bavail * found.f_frsize // _MIB
    room = "sudo journalctl --vacuum-size=100M; sudo apt-get clean; df -h"
    if free_mib < FREE_NONE_MIB:
        yield bad(_("{mib} MiB are free: the disk is full"), room, mib=free_mib)
    elif free_mib < FREE_FEW_MIB:
        yield warn(_("{mib} MiB are free"), room, mib=free_mib)
    else:
        yield ok(_("{mib} MiB are free"), mib=free_mib)
    if found.f_files and found.f_favail < 1000:
        yield bad(
            _("the disk has no room for more files ({count})"),
            "sudo du --inodes -xS / | sort -n | tail",
            count=found.f_favail,
        )


def database(box: Box) -> Iterator[Finding]:
    """The file's pages, as far as can be looked at in CHECK_MAX_S, and what a damaged one has left."""
    path = box.database
    for aside in sorted(path.parent.glob(f"{path.name}.damaged-*")):
        if not aside.name.endswith(("-wal", "-shm")):
            says = _("a damaged database was put aside: {file}; what it had not sent is in there")
            yield warn(says, f"sqlite3 {shlex.quote(str(aside))} .recover > rescued.sql", file=aside)
    try:
        with read_only(path) as sql:
            schema = int(sql.execute("PRAGMA user_version").fetchone()[0])
            known = len(list(MIGRATIONS.glob("[0-9]*.sql")))
            end_s = time.monotonic() + CHECK_MAX_S
            sql.set_progress_handler(lambda: time.monotonic() > end_s, 10_000)
            said = str(sql.execute("PRAGMA quick_check(3)").fetchone()[0])
    except FileNotFoundError:
        yield warn(
            _("{file} is not there yet; the agent makes it when it starts"),
            f"sudo systemctl start {SERVICE}",
            file=path,
        )
        return
    except OSError as error:
        yield warn(_("{file} cannot be opened: {why}"), AS_ROOT, file=path, why=error.strerror)
        return
    except sqlite3.Error as error:
        yield _database_error(path, error)
        return
    if schema > known:
        yield bad(
            _("{file} was made by a later version (schema {schema}, known {known})"),
            file=path,
            schema=schema,
            known=known,
        )
    elif said != "ok":
        yield _damaged(path, said)
    else:
        yield ok(_("{file} is whole, {mib} MiB"), file=path, mib=path.stat().st_size // _MIB)


def _database_error(path: Path, error: sqlite3.Error) -> Finding:
    code = int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return warn(
            _("{file} is too large to be checked in {s} s"),
            f"sqlite3 {path} 'PRAGMA quick_check'",
            file=path,
            s=f"{CHECK_MAX_S:g}",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(path, str(error))
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        return warn(_("{file} cannot be opened: {why}"), AS_ROOT, file=path, why=error)
    return warn(_("{file} cannot be looked at now: {why}"), file=path, why=error)


def _damaged(path: Path, why: str) -> Finding:
    says = _("{file} is damaged: {why}. At its next start the agent puts it aside and begins a new one")
    return bad(says, f"sudo systemctl restart {SERVICE}", file=path, why=why)


def outbox(box: Box) -> Iterator[Finding]:
    """What head office has not confirmed: how much, and since when."""
    try:
        with read_only(box.database) as sql:
            waiting = {lane: _waiting(sql, lane) for lane in Lane}
            oldest_s = max((_age_s(box, sql, lane) for lane in Lane if waiting[lane]), default=0)
            pages, size = (
                int(sql.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size")
            )
    except FileNotFoundError:
        return
    except (sqlite3.Error, OSError):
        yield warn(_("cannot be said: see the database"))
        return
    shown = ", ".join(f"{lane.label} {count}" for lane, count in waiting.items())
    mend = "tillbeam-edge status"
    if oldest_s > VERY_OLD_S:
        yield bad(_("unsent: {shown}; the oldest for {s} s"), mend, shown=shown, s=oldest_s)
    elif oldest_s > OLD_S:
        yield warn(_("unsent: {shown}; the oldest for {s} s"), mend, shown=shown, s=oldest_s)
    else:
        yield ok(_("unsent: {shown}"), shown=shown)
    share = pages * size / (box.settings.outbox.max_mib * _MIB)
    if share > 0.8:
        yield warn(
            _("the outbox has {percent} % of outbox.max_mib"),
            f"sudoedit {box.settings_path}",
            percent=round(100 * share),
        )


def _waiting(sql: sqlite3.Connection, lane: Lane) -> int:
    row = sql.execute(
        "SELECT coalesce((SELECT max(number) FROM row WHERE lane = ?), 0)"
        " - coalesce((SELECT confirmed FROM lane WHERE lane = ?), 0)",
        (int(lane), int(lane)),
    ).fetchone()
    return max(0, int(row[0]))


def _age_s(box: Box, sql: sqlite3.Connection, lane: Lane) -> int:
    """How long the lane's oldest unconfirmed row waits: by this boot's clock, else by the wall's."""
    row = sql.execute(
        "SELECT row.boot, row.mono_ms, boot.offset_ms FROM row LEFT JOIN boot ON boot.boot = row.boot"
        " WHERE lane = ? AND number > coalesce((SELECT confirmed FROM lane WHERE lane.lane = row.lane), 0)"
        " ORDER BY number LIMIT 1",
        (int(lane),),
    ).fetchone()
    if row is None:
        return 0
    boot, mono_ms, offset_ms = row
    if boot == box.boot or offset_ms is None:
        return max(0, box.clock.mono_ms() - int(mono_ms)) // 1000
    return max(0, box.clock.wall_ms() - int(mono_ms) - int(offset_ms)) // 1000
