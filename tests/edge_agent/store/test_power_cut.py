"""Power goes at every write of the store's disk; what was acknowledged is there when it comes back."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.clocks import Calendar
from edge_agent.errors import EdgeError
from edge_agent.store import database
from edge_agent.store.database import Database, open_database
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from sync.contract.events import Passed, SaleCompleted
from sync.contract.ids import Lane
from sync.contract.message import Envelope, Words, decode_batch
from sync.contract.questions import MemberKnown
from sync.contract.told import MemberGone, MemberTold

pytest.importorskip("apsw")
_spec = importlib.util.spec_from_file_location("powercut", Path(__file__).with_name("powercut.py"))
assert _spec is not None
assert _spec.loader is not None
powercut = sys.modules.setdefault("powercut", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(powercut)

# SQLite goes on writing while it tidies up after an error, and apsw tells of each failure.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STORE = "hz-004"
PATH = Path("/edge.db")
CUTS_OF_EACH = 4  # different fates of the pending writes


class Truth:
    """What the agent promised before the power went."""

    def __init__(self) -> None:
        self.epoch = ""
        self.accepted: list[int] = []  # acknowledged sales, in their order
        self.tried: list[int] = []  # begun, perhaps not acknowledged
        self.feed = 0
        self.members: set[str] = set()


def sale(number: int) -> SaleCompleted:
    return SaleCompleted(till="1", receipt=str(number), currency="CNY", total_minor=number)


def told(number: int) -> MemberTold:
    return MemberTold(member=f"m{number}", name="王**", cards=(f"{number:032x}",))


async def opened(disk: Any, path: Path, clock: Any) -> tuple[Database, Outbox, Replica]:
    db = await open_database(path, powercut.PowerLine(disk), os.urandom)
    try:
        calendar = await Calendar.open(db, clock, "0000beef", lambda: False)
        outbox = await Outbox.open(db, clock, calendar)
        return db, outbox, await Replica.open(db, STORE, bytes(32))
    except BaseException:
        await db.close()
        raise


async def a_day(disk: Any, path: Path, clock: Any, truth: Truth) -> None:
    """Boot, hello, sales, receipts, words, a new hello, more sales: until done or the power is off."""
    db, outbox, replica = await opened(disk, path, clock)
    truth.epoch = db.epoch
    running = asyncio.ensure_future(outbox.run())

    async def sell(*numbers: int) -> None:
        truth.tried += numbers
        await outbox.accept([*(sale(number) for number in numbers), Passed(device="door", inward=1)])
        truth.accepted += numbers

    async def tell(after: int, words: list[tuple[int, Any]]) -> None:
        await replica.apply(Words(STORE, after, words))
        truth.feed = words[-1][0]
        truth.members = {"m1", "m2", "m3"} if truth.feed < 9 else {"m1", "m3"}

    try:
        await sell(1)
        await outbox.greeted({})
        await sell(2, 3)
        outbox.confirm(Lane.TILL, 2)
        await outbox.tidy()
        await tell(0, [(1, told(1)), (2, told(2)), (5, told(3))])
        await sell(4)
        outbox.confirm(Lane.TILL, 4)
        await sell(5, 6, 7)
        await tell(5, [(9, MemberGone(member="m2"))])
        await outbox._note_hour()
        await outbox.tidy()
        await db.bare(lambda sql: sql.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        await sell(8)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await db.close()


async def check(disk: Any, path: Path, clock: Any, truth: Truth) -> None:
    """Everything acknowledged is there, whole, in order; what was not may or may not be."""
    db, outbox, replica = await opened(disk, path, clock)
    try:
        assert db.moved_aside is None
        assert truth.epoch in ("", db.epoch)
        ready = await outbox.oldest({Lane.TILL: 0})
        found = (
            [e.event for e in decode_batch(ready.payload).events if isinstance(e, Envelope)] if ready else []
        )
        numbers = [int(event.receipt) for event in found if isinstance(event, SaleCompleted)]
        assert numbers[: len(truth.accepted)] == truth.accepted
        assert truth.tried[: len(numbers)] == numbers
        assert outbox.last(Lane.TILL) == len(numbers)
        assert outbox.confirmed(Lane.TILL) <= 4
        assert replica.own >= truth.feed
        for number in (1, 2, 3):
            known = isinstance(await replica.look_up(f"{number:032x}"), MemberKnown)
            if replica.own == truth.feed:
                assert known == (f"m{number}" in truth.members)
    finally:
        await db.close()


async def cut_everywhere(path: Path, clock: Any) -> int:
    """Cuts the power of a day at every write; how many days that were. Raises AssertionError if it shows."""
    whole = powercut.Disk()
    await a_day(whole, path, clock, truth := Truth())
    assert truth.accepted == list(range(1, 9))
    chance = random.Random(20261122)
    for stop_at in range(whole.ops + 1):
        for _ in range(CUTS_OF_EACH):
            disk, truth = powercut.Disk(stop_at=stop_at), Truth()
            with contextlib.suppress(EdgeError, sqlite3.Error):
                await a_day(disk, path, clock, truth)
            await check(powercut.Disk(disk.after_cut(chance)), path, clock, truth)
    return int(whole.ops) * CUTS_OF_EACH


async def test_nothing_acknowledged_is_lost_whenever_the_power_goes(tmp_path: Path, clock: Any) -> None:
    assert await cut_everywhere(tmp_path / "edge.db", clock) >= 200  # only the folder is real


@pytest.mark.parametrize("mode", ["NORMAL", "OFF"])
async def test_a_commit_that_does_not_wait_for_the_disk_would_show(
    tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    careless = tuple(each.replace("synchronous=FULL", f"synchronous={mode}") for each in database._SETTINGS)
    monkeypatch.setattr(database, "_SETTINGS", careless)
    with pytest.raises(AssertionError):
        await cut_everywhere(tmp_path / "edge.db", clock)
