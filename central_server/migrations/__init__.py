"""How the database came to be what it is, step by step (Alembic).

await upgrade(url)                 bring a database up to date, or make it
await is_current(url)              whether that is needed
await revision(url, message)       for developers: write the step from a current database to today's models
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from central_server.db import Base, Database, with_driver
from central_server.modules import load_models

_HERE = Path(__file__).parent
T = TypeVar("T")


async def upgrade(url: str) -> None:
    """Bring the database at `url` up to date, all or nothing."""
    await _within(url, lambda connection: command.upgrade(_config(connection), "head"))


async def is_current(url: str) -> bool:
    """Whether the database at `url` has seen every step. A file that is not there is not made."""
    place = with_driver(url)
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").exists():
        return False

    def ask(connection: sa.Connection) -> bool:
        heads = ScriptDirectory.from_config(_config(connection)).get_heads()
        return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)

    return await _within(url, ask)


async def revision(url: str, message: str) -> None:
    """Write a new step into `versions/`: what today's models have more than the database at `url`."""
    await _within(
        url, lambda connection: command.revision(_config(connection), message, autogenerate=True) and None
    )


async def differences(url: str) -> list[Any]:
    """What today's models have otherwise than the database at `url`; nothing when migrations are complete."""

    def compare(connection: sa.Connection) -> list[Any]:
        load_models()
        options = {"compare_type": connection.dialect.name != "sqlite"}  # STRICT knows five types only
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))

    return await _within(url, compare)


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


async def _within(url: str, work: Callable[[sa.Connection], T]) -> T:
    """`work` in one transaction. On SQLite foreign keys are off within, so that tables may be rebuilt."""
    database = Database(url, foreign_keys=False)
    try:
        async with database.writer.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await database.close()
