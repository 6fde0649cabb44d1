from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aiosqlite
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base, Database, bulk_insert, bulk_upsert_add, will_pass


class Thing(Base):
    __tablename__ = "test_thing"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    good: Mapped[bool] = mapped_column(default=True)
    more: Mapped[dict[str, Any]] = mapped_column(default=dict)
    raw: Mapped[bytes | None]


class Tally(Base):
    __tablename__ = "test_tally"

    store: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    inward: Mapped[int]
    outward: Mapped[int]


async def count(database: Database) -> int:
    async with database.reading() as session:
        return (await session.execute(sa.select(sa.func.count()).select_from(Thing))).scalar_one()


async def test_a_transaction_commits_at_its_end(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Thing(name="a", more={"k": [1]}, raw=b"\0"))
    async with database.reading() as session:
        thing = (await session.execute(sa.select(Thing))).scalar_one()
    assert (thing.id, thing.name, thing.good, thing.more, thing.raw) == (1, "a", True, {"k": [1]}, b"\0")


async def test_a_transaction_that_raises_changes_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as session:
            session.add(Thing(name="a"))
            await session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await count(database) == 0


async def test_a_cancelled_transaction_leaves_the_database_free(database: Database) -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        async with database.transaction() as session:
            session.add(Thing(name="a"))
            await session.flush()
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(slow())
    await asyncio.wait_for(begun.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), database.transaction() as session:
        session.add(Thing(name="b"))
    assert await count(database) == 1


async def test_writers_that_read_first_wait_for_each_other(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Tally(store="a", hour=0, inward=0, outward=0))

    async def step() -> None:
        async with database.transaction() as session:
            query = sa.select(Tally).with_for_update()
            (await session.execute(query)).scalar_one().inward += 1

    await asyncio.gather(*(step() for _ in range(20)))
    async with database.reading() as session:
        assert (await session.execute(sa.select(Tally.inward))).scalar_one() == 20


async def test_sqlite_is_durable_strict_and_checks_foreign_keys(database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("about SQLite")
    async with database.transaction() as session:
        said = [
            (await session.execute(sa.text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        assert said == ["wal", 2, 1]
        strict = await session.execute(sa.text("SELECT strict FROM pragma_table_list('test_thing')"))
        assert strict.scalar_one() == 1
    with pytest.raises(sa.exc.IntegrityError):
        async with database.transaction() as session:
            await session.execute(sa.text("INSERT INTO test_tally VALUES ('a', 1, 'many', 0)"))


@pytest.mark.parametrize("many", [0, 1, 10, 20_000])
async def test_rows_are_inserted_in_bulk(database: Database, many: int) -> None:
    rows = [(f"n{n}", n % 2 == 0, {"n": n}, b"%d" % n) for n in range(many)]
    async with database.transaction() as session:
        inserted = await bulk_insert(session, Thing, rows, columns=["name", "good", "more", "raw"])
    assert inserted == many == await count(database)
    if many > 7:
        async with database.reading() as session:
            thing = (await session.execute(sa.select(Thing).where(Thing.name == "n7"))).scalar_one()
        assert (thing.good, thing.more, thing.raw) == (False, {"n": 7}, b"7")


async def test_a_bulk_insert_can_skip_what_is_known(database: Database) -> None:
    for expected in (3, 0):
        async with database.transaction() as session:
            rows = [(n, f"n{n}", True, {}, None) for n in range(1, 4)]
            assert await bulk_insert(session, Thing, rows, skip_known=True) == expected
    assert await count(database) == 3


async def test_a_bulk_insert_of_a_known_key_is_refused(database: Database) -> None:
    for name in ("first", "second"):
        row = (1, name, True, {}, None)
        if name == "first":
            async with database.transaction() as session:
                await bulk_insert(session, Thing, [row])
        else:
            with pytest.raises(sa.exc.IntegrityError):
                async with database.transaction() as session:
                    await bulk_insert(session, Thing, [row])


async def test_rollups_are_added_to(database: Database) -> None:
    for _ in range(2):
        async with database.transaction() as session:
            rows = [("a", 1, 5, 0), ("b", 1, 1, 1), ("a", 1, 2, 3)]
            await bulk_upsert_add(session, Tally, ["store", "hour"], ["inward", "outward"], rows)
    async with database.reading() as session:
        found = await session.execute(sa.select(Tally).order_by(Tally.store))
        assert [(t.store, t.inward, t.outward) for t in found.scalars()] == [("a", 14, 6), ("b", 2, 2)]


async def test_of_some_columns_of_a_rollup_only_the_most_is_kept(database: Database) -> None:
    for rows in ([("a", 1, 5, 7), ("a", 1, 2, 3), ("b", 1, 0, 1)], [("a", 1, 1, 6), ("b", 1, 0, 2)]):
        async with database.transaction() as session:
            await bulk_upsert_add(session, Tally, ["store", "hour"], ["inward"], rows, most=["outward"])
    async with database.reading() as session:
        found = await session.execute(sa.select(Tally).order_by(Tally.store))
        assert [(t.store, t.inward, t.outward) for t in found.scalars()] == [("a", 8, 7), ("b", 0, 2)]


class Serialization(Exception):
    sqlstate = "40001"


async def test_work_is_done_again_when_the_database_asks_for_it(database: Database) -> None:
    tries = 0

    async def work(session: Any) -> int:
        nonlocal tries
        tries += 1
        session.add(Thing(name=f"try {tries}"))
        await session.flush()
        if tries < 3:
            raise OperationalError("COMMIT", None, Serialization())
        return tries

    assert await database.run(work) == 3
    assert await count(database) == 1  # what the lost tries wrote is gone


async def test_work_that_is_wrong_is_not_done_again(database: Database) -> None:
    tries = 0

    async def work(_session: Any) -> None:
        nonlocal tries
        tries += 1
        raise ValueError

    with pytest.raises(ValueError):
        await database.run(work)
    assert tries == 1


def test_what_may_pass() -> None:
    def failed(**kw: Any) -> DBAPIError:
        origin = Exception()
        for name, value in kw.items():
            setattr(origin, name, value)
        return DBAPIError("…", None, origin)

    assert will_pass(failed(sqlstate="40P01"))
    assert will_pass(failed(sqlstate="08006"))
    assert will_pass(failed(sqlite_errorcode=5 | 1 << 8))
    assert not will_pass(failed(sqlstate="23505"))
    assert not will_pass(failed(sqlite_errorcode=19))
    assert will_pass(ConnectionRefusedError())


async def test_no_connection_left_is_a_thing_that_will_pass(database: Database) -> None:
    pool: Any = database.engine.pool
    pool._timeout = 0.01

    async def read_slowly() -> None:  # as those do who fetch a long export over a thin line
        async with AsyncExitStack() as held:
            for _ in range(100):
                session = await held.enter_async_context(database.reading())
                await session.execute(sa.select(1))

    with pytest.raises(TimeoutError) as refused:
        await read_slowly()
    assert will_pass(refused.value)
    assert await count(database) == 0


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes to SQLite's thread."""
    said: list[str] = []
    execute = aiosqlite.Connection._execute

    async def counted(self: Any, work: Any, *given: Any, **more: Any) -> Any:
        said.append(getattr(work, "__qualname__", repr(work)))
        return await execute(self, work, *given, **more)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return said


async def test_a_piece_of_work_on_sqlite_is_one_hop_and_the_commit_another(
    database: Database, hops: list[str]
) -> None:
    if not database.is_sqlite:
        pytest.skip("about SQLite")
    for n in range(2):
        hops.clear()
        async with database.transaction() as session:
            await bulk_insert(session, Thing, [(n + 1, f"n{n}", True, {}, None)])
    assert len(hops) == 2
    hops.clear()
    async with database.transaction():
        pass  # nothing was asked: nothing is said
    assert hops == []
    assert await count(database) == 2


async def test_a_statement_on_sqlite_is_one_hop_with_its_begin_and_its_rows(
    database: Database, hops: list[str]
) -> None:
    if not database.is_sqlite:
        pytest.skip("about SQLite")
    await count(database)  # somebody has connected
    hops.clear()
    async with database.transaction() as session:
        thing = Thing(name="a")
        session.add(thing)
        await session.flush()
        assert (thing.id, len(hops)) == (1, 1)
        changed = await session.execute(sa.update(Thing).values(good=False))
        assert (changed.rowcount, len(hops)) == (1, 2)  # type: ignore[attr-defined]
        assert (await session.scalars(sa.select(Thing.name))).all() == ["a"]
        assert len(hops) == 3
    assert len(hops) == 4  # the commit


async def test_on_sqlite_rows_may_also_be_read_as_they_are_found(database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("about SQLite")
    async with database.transaction() as session:
        await bulk_insert(session, Thing, [(n, f"n{n}", True, {}, None) for n in range(300)])
    async with database.reading() as session:
        rows = await session.stream_scalars(sa.select(Thing.id).order_by(Thing.id))
        assert [id_ async for id_ in rows] == list(range(300))
        assert (await session.connection()).sync_connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]


async def test_on_sqlite_whoever_writes_first_reads_what_the_one_before_wrote(database: Database) -> None:
    """BEGIN waits for the first statement, and is IMMEDIATE then: between processes, one after another."""
    if not database.is_sqlite:
        pytest.skip("about SQLite")
    other = Database(database.url)
    try:
        async with database.transaction() as first:
            await bulk_insert(first, Thing, [(1, "a", True, {}, None)])

            async def second() -> list[str]:
                async with other.transaction() as session:
                    names = (await session.execute(sa.select(Thing.name))).scalars().all()
                    await bulk_insert(session, Thing, [(2, "b", True, {}, None)])
                    return list(names)

            waiting = asyncio.ensure_future(second())
            assert not (await asyncio.wait([waiting], timeout=0.2))[0]
        assert await waiting == ["a"]
    finally:
        await other.close()
    assert await count(database) == 2


async def test_a_transaction_that_was_cancelled_in_its_first_statement_leaves_nothing_open(
    database: Database,
) -> None:
    if not database.is_sqlite:
        pytest.skip("about SQLite")
    other = Database(database.url)
    try:
        async with other.transaction() as holder:
            await bulk_insert(holder, Thing, [(1, "a", True, {}, None)])

            async def waits() -> None:
                async with database.transaction() as session:
                    await session.execute(sa.select(Thing))

            task = asyncio.ensure_future(waits())
            await asyncio.wait([task], timeout=0.2)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5), database.transaction() as session:
            await bulk_insert(session, Thing, [(2, "b", True, {}, None)])
        async with asyncio.timeout(5), other.transaction() as session:
            await bulk_insert(session, Thing, [(3, "c", True, {}, None)])
    finally:
        await other.close()
    assert await count(database) == 3


async def test_on_postgresql_a_connection_in_use_is_seldom_asked_whether_it_lives_and_a_dead_one_is_noticed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.is_sqlite:
        pytest.skip("about PostgreSQL")
    pings: list[object] = []
    ping = AsyncAdapt_asyncpg_connection.ping
    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "ping", lambda self: (pings.append(self), ping(self)))
    for _ in range(20):
        await count(database)
    assert len(pings) <= 10  # one a second
    other = Database(database.url)
    try:
        async with other.transaction() as session:
            await session.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
    finally:
        await other.close()
    assert await database.run(lambda session: session.scalar(sa.select(sa.func.count(Thing.id)))) == 0
