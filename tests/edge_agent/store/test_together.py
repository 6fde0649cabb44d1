"""Tables and the events that tell of them: both on disk, or neither."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import EventTooLarge, OutboxFull, StoreBroken
from edge_agent.store.lines import Line, Role, connect_in_thread, connect_inline
from sync.contract.events import CardRefused, Event, Passed, SaleCompleted, SaleLine
from sync.contract.ids import Lane
from sync.contract.message import Envelope, decode_batch

PIN = CardRefused(till="1", reason="pin")


def noting(name: str, *events: Event) -> Any:
    def work(sql: Any) -> tuple[Sequence[Event], str]:
        sql.execute("INSERT INTO meta VALUES (?, 'x')", (name,))
        return events, name

    return work


async def noted(outbox: Any) -> set[str]:
    rows = await outbox._db.read(lambda sql: sql.execute("SELECT name FROM meta WHERE value='x'").fetchall())
    return {row[0] for row in rows}


async def nothing(done: Any) -> None:
    return None


async def said(outbox: Any) -> list[Event]:
    ready = await outbox.oldest({Lane.TILL: 0})
    return [e.event for e in decode_batch(ready.payload).events if isinstance(e, Envelope)] if ready else []


@pytest.mark.parametrize("connect", [connect_inline, connect_in_thread])
async def test_the_table_and_the_event_are_there_after_a_restart(
    tmp_path: Path, clock: Any, open_outbox: Any, connect: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock, connect=connect) as outbox:
        await outbox.accept([Passed(inward=1)])
        outbox.grown.clear()
        assert await outbox.together(noting("a", PIN, PIN), nothing) == "a"
        assert outbox.grown.is_set()
        await outbox.accept([PIN])
        assert outbox.last(Lane.TILL) == 3
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        assert outbox.last(Lane.TILL) == 3
        assert await said(outbox) == [PIN, PIN, PIN]
        assert await noted(outbox) == {"a"}


async def test_among_many_who_record_every_number_is_used_once(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock, connect=connect_in_thread) as outbox:
        await asyncio.gather(
            *(outbox.together(noting(str(n), PIN), nothing) for n in range(20)),
            *(outbox.accept([PIN]) for _ in range(20)),
        )
        assert outbox.last(Lane.TILL) == len(await said(outbox)) == 40


async def test_what_the_work_raises_undoes_everything(tmp_path: Path, clock: Any, open_outbox: Any) -> None:
    def refused(sql: Any) -> tuple[list[Event], None]:
        noting("a")(sql)
        raise OutboxFull("of its own")

    too_long = SaleCompleted(
        till="1", receipt="1", currency="CNY", total_minor=1, lines=(SaleLine("x" * 500, 1),) * 110
    )
    async with open_outbox(tmp_path / "e.db", clock, connect=connect_in_thread) as outbox:
        with pytest.raises(OutboxFull, match="of its own"):
            await outbox.together(refused, nothing)
        with pytest.raises(EventTooLarge):
            await outbox.together(noting("b", PIN, too_long), nothing)
        await outbox.together(noting("c", PIN), nothing)
        with pytest.raises(sqlite3.IntegrityError):
            await outbox.together(noting("c", PIN), nothing)
        await outbox.accept([PIN])
        assert await noted(outbox) == {"c"}
        assert outbox.last(Lane.TILL) == 2


async def test_a_caller_that_is_cancelled_leaves_the_numbers_right(
    tmp_path: Path, clock: Any, open_outbox: Any, until: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock, connect=connect_in_thread) as outbox:
        given_up = asyncio.ensure_future(outbox.together(noting("a", PIN), nothing))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await outbox.accept([PIN])
        assert outbox.last(Lane.TILL) == len(await said(outbox)) == 2
        assert await noted(outbox) == {"a"}


async def test_a_full_disk_refuses_all_of_it_and_counts_make_room(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock, size_max_mib=1) as outbox:
        for n in range(300):
            await outbox.accept([Passed(device="y" * 60, inward=k + n) for k in range(100)])
        assert outbox.full
        await outbox.greeted({})
        done = 0
        with contextlib.suppress(OutboxFull):
            while done < 10_000:
                await outbox.together(noting(f"{done} {'z' * 400}", PIN), nothing)
                done += 1
        assert 100 < done < 10_000
        assert outbox.last(Lane.TILL) == done
        assert len(await noted(outbox)) == done


async def test_a_disk_that_fails_ends_the_agent(tmp_path: Path, clock: Any, open_outbox: Any) -> None:
    class Failing:
        def __init__(self, line: Line) -> None:
            self.line, self.fails = line, False

        async def run(self, work: Any, brief: bool = False) -> Any:
            if self.fails:
                raise sqlite3.OperationalError("disk I/O error")
            return await self.line.run(work, brief)

        async def close(self) -> None:
            await self.line.close()

    lines = {}

    async def connect(path: Path, role: Role) -> Any:
        lines[role] = Failing(await connect_inline(path, role))
        return lines[role]

    async with open_outbox(tmp_path / "e.db", clock, connect=connect) as outbox:
        lines[Role.WRITE].fails = True
        with pytest.raises(StoreBroken):
            await outbox.together(noting("a", PIN), nothing)
        with pytest.raises(StoreBroken):
            await outbox.accept([PIN])
        with pytest.raises(StoreBroken):
            await outbox.together(noting("b", PIN), nothing)


async def test_a_disk_that_is_not_trusted_gets_a_new_epoch_with_the_next_hello(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        await outbox.accept([PIN, PIN])
        epoch = outbox.epoch
    async with open_outbox(tmp_path / "e.db", clock, hello=False) as outbox:
        outbox.distrust()
        await outbox.accept([PIN])
        assert outbox.epoch == epoch
        await outbox.greeted({Lane.TILL: 1})  # the centre has one of the three
        assert outbox.epoch != epoch
        assert outbox.last(Lane.TILL) == 2
        new = outbox.epoch
        await outbox.greeted({})
        assert outbox.epoch == new


async def test_nobody_reads_the_events_before_what_is_to_be_done_first(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    go, at = asyncio.Event(), asyncio.Event()

    async def first(name: str) -> None:
        assert name == "a"
        at.set()
        await go.wait()

    async with open_outbox(tmp_path / "e.db", clock, connect=connect_in_thread) as outbox:
        working = asyncio.ensure_future(outbox.together(noting("a", PIN), first))
        await at.wait()
        reading = asyncio.ensure_future(outbox.oldest({Lane.TILL: 0}))
        accepting = asyncio.ensure_future(outbox.accept([PIN]))
        await asyncio.sleep(0.02)
        assert not reading.done()
        assert not accepting.done()
        go.set()
        await asyncio.gather(working, accepting)
        assert (await reading) is not None
