"""The same walk with the centre on PostgreSQL: a database copied from the new chain's for each walk."""

from __future__ import annotations

from typing import Any

import asyncpg
import sqlalchemy as sa

from central_server.db import Database
from tests.corridor.money.new_chain import make_chain
from tests.corridor.money.power import Power

CHAIN, WALK = "chain", "walk"


class PostgresqlStore:
    """One engine for all walks: it knows its statements."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._power = Power.steady()
        self._eyes: asyncpg.Connection | None = None
        self.database = Database(_named(server, WALK))
        sa.event.listen(self.database.engine.sync_engine, "commit", self._commits)

    @classmethod
    async def made(cls, server: str) -> PostgresqlStore:
        """Makes the new chain's database on an empty server."""
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            await _execute(server, f"ALTER SYSTEM SET {setting}")
        await _execute(server, "SELECT pg_reload_conf()")
        await _execute(server, f"CREATE DATABASE {CHAIN}")
        chain = Database(_named(server, CHAIN))
        await make_chain(chain)
        await chain.close()
        return cls(server)

    async def begin(self, power: Power, busy: list[bool]) -> None:
        """The database is as a new chain's. `busy` is for SQLite: a server is not."""
        await self.close()
        self._power = power
        await _execute(self._server, f"DROP DATABASE IF EXISTS {WALK} WITH (FORCE)")
        await _execute(self._server, f"CREATE DATABASE {WALK} TEMPLATE {CHAIN} STRATEGY file_copy")
        self._eyes = await asyncpg.connect(_named(self._server, WALK))

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        assert self._eyes is not None
        return [tuple(row) for row in await self._eyes.fetch(query)]

    async def moved(self) -> bool:
        return True

    async def close(self) -> None:
        await self.database.engine.dispose()
        if self._eyes is not None:
            await self._eyes.close()
            self._eyes = None

    def _commits(self, _connection: sa.Connection) -> None:
        self._power.moment()


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _named(server: str, name: str) -> str:
    head, _, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"
