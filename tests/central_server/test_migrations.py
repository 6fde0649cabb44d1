from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from central_server import migrations
from central_server.db import Database


def of_a_test(difference: Any) -> bool:
    """Whether it is about a table that only some test has declared (`test_…`)."""
    about = difference[1] if isinstance(difference, tuple) else None
    table = about if isinstance(about, sa.Table) else getattr(about, "table", None)
    return isinstance(table, sa.Table) and table.name.startswith("test_")


async def test_migrations_make_what_the_models_say(empty_url: str) -> None:
    assert not await migrations.is_current(empty_url)
    await migrations.upgrade(empty_url)
    assert await migrations.is_current(empty_url)
    assert [each for each in await migrations.differences(empty_url) if not of_a_test(each)] == []
    await migrations.upgrade(empty_url)


async def test_asking_about_a_file_that_is_not_there_does_not_make_it(tmp_path: Path) -> None:
    assert not await migrations.is_current(f"sqlite:///{tmp_path / 'centre.db'}")
    assert not await migrations.is_current(f"sqlite:///{tmp_path / 'none' / 'centre.db'}")
    assert not list(tmp_path.iterdir())


async def test_tables_are_strict_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'centre.db'}"
    await migrations.upgrade(url)
    database = Database(url)
    try:
        async with database.reading() as session:
            query = (
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0"
            )
            lax = set((await session.execute(sa.text(query))).scalars())
    finally:
        await database.close()
    assert lax <= {"alembic_version", "sqlite_schema", "sqlite_sequence"}
