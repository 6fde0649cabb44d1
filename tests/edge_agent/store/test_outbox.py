"""Numbers, marks, batches and room of the outbox."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import EventTooLarge, OutboxFull
from edge_agent.store import room
from edge_agent.store.epochs import Greeting
from edge_agent.store.lines import connect_in_thread
from edge_agent.store.outbox import Limits, Outbox
from sync.contract.events import (
    Dropped,
    Event,
    Passed,
    ReceiptUnreadable,
    SaleCompleted,
    SaleLine,
    numbers_of,
)
from sync.contract.ids import Lane
from sync.contract.message import PAYLOAD_MAX_BYTES, Envelope, decode_batch


def sale(number: int, names: Sequence[str] = ()) -> SaleCompleted:
    lines = tuple(SaleLine(name, 1) for name in names)
    return SaleCompleted(till="1", receipt=str(number), currency="CNY", total_minor=number, lines=lines)


def numbers(events: Sequence[Event]) -> int:
    return sum(numbers_of(each) for each in events)


def count(inward: int) -> Passed:
    return Passed(device="door", inward=inward)


async def all_of(outbox: Outbox, lane: Lane, after: int = 0) -> list[Event]:
    """Everything of a lane, read batch by batch as the uplink would, and every number accounted for."""
    events: list[Event] = []
    while ready := await outbox.oldest({lane: after}):
        batch = decode_batch(ready.payload)
        assert (batch.epoch, batch.lane, batch.first, batch.last) == (
            outbox.epoch,
            lane,
            after + 1,
            ready.last,
        )
        assert len(ready.payload) <= PAYLOAD_MAX_BYTES
        events += [each.event for each in batch.events if isinstance(each, Envelope)]
        after = ready.last
    assert after == outbox.last(lane)
    return events


async def test_each_lane_has_its_own_numbers_and_the_till_goes_first(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        await outbox.accept([count(1), sale(1), count(2)])
        assert [outbox.last(lane) for lane in Lane] == [1, 2, 0]
        ready = await outbox.oldest(dict.fromkeys(Lane, 0))
        assert ready is not None
        assert ready.lane is Lane.TILL
        assert await all_of(outbox, Lane.COUNT) == [count(1), count(2)]


async def test_events_and_marks_are_there_after_a_restart(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        await outbox.accept([sale(n) for n in range(1, 6)])
        outbox.confirm(Lane.TILL, 3)
        await outbox.tidy()
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        assert (outbox.last(Lane.TILL), outbox.confirmed(Lane.TILL)) == (5, 3)
        assert await all_of(outbox, Lane.TILL, 3) == [sale(4), sale(5)]


async def test_32_who_wait_share_commits(tmp_path: Path, clock: Any, open_outbox: Any) -> None:
    async with open_outbox(tmp_path / "e.db", clock, connect=connect_in_thread) as outbox:
        await asyncio.gather(*(outbox.accept([count(n)]) for n in range(32)))
        assert len(await all_of(outbox, Lane.COUNT)) == 32


async def test_a_cancelled_call_blocks_nobody(tmp_path: Path, clock: Any, open_outbox: Any) -> None:
    async with open_outbox(tmp_path / "e.db", clock, connect=connect_in_thread) as outbox:
        given_up = asyncio.ensure_future(outbox.accept([count(1)]))
        await asyncio.sleep(0)
        given_up.cancel()
        await outbox.accept([count(2)])
        assert count(2) in await all_of(outbox, Lane.COUNT)


async def test_marks_only_move_forward_and_never_beyond_the_last(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        await outbox.accept([sale(1), sale(2)])
        assert [outbox.confirm(Lane.TILL, mark) for mark in (1, 0, 1, 3, 2)] == [
            True,
            False,
            False,
            False,
            True,
        ]


async def test_a_restored_centre_gets_the_rows_again(tmp_path: Path, clock: Any, open_outbox: Any) -> None:
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        await outbox.accept([sale(n) for n in range(1, 6)])
        outbox.confirm(Lane.TILL, 5)
        assert await outbox.greeted({Lane.TILL: 2}) is Greeting.REWOUND
        assert await all_of(outbox, Lane.TILL, outbox.confirmed(Lane.TILL)) == [sale(3), sale(4), sale(5)]


async def test_pruned_rows_asked_for_again_are_said_to_be_dropped(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    async with open_outbox(tmp_path / "e.db", clock, limits=Limits(keep_days=0)) as outbox:
        await outbox.accept([sale(n) for n in range(1, 6)])
        outbox.confirm(Lane.TILL, 5)
        await outbox._note_hour()
        for _ in range(3):
            await outbox.tidy()
        await outbox.greeted({Lane.TILL: 1})
        assert await all_of(outbox, Lane.TILL, 1) == [Dropped(numbers=3, reason="pruned"), sale(5)]


class TestADiskPutBackInTime:
    async def test_new_rows_go_into_a_new_epoch_and_known_ones_do_not(
        self, tmp_path: Path, clock: Any, open_outbox: Any
    ) -> None:
        path = tmp_path / "e.db"
        async with open_outbox(path, clock) as outbox:
            await outbox.accept([sale(n) for n in range(1, 4)])
            epoch = outbox.epoch
        # The copy stood at 3, the centre has 10; two sales come before its hello.
        async with open_outbox(path, clock, hello=False) as outbox:
            await outbox.accept([sale(100), sale(101)])
            assert await outbox.greeted({Lane.TILL: 10}) is Greeting.FENCED
            assert outbox.epoch not in (epoch, None)
            began = outbox.epoch
            assert await all_of(outbox, Lane.TILL) == [sale(100), sale(101)]
            assert await outbox.greeted({}) is Greeting.SAME
        async with open_outbox(path, clock) as outbox:
            assert outbox.epoch == began
            assert await all_of(outbox, Lane.TILL) == [sale(100), sale(101)]

    async def test_it_shows_even_when_the_numbers_have_passed_the_centres_again(
        self, tmp_path: Path, clock: Any, open_outbox: Any
    ) -> None:
        path = tmp_path / "e.db"
        async with open_outbox(path, clock) as outbox:
            await outbox.accept([sale(1)])
        for n in (100, 101):  # two openings without a word from the centre
            async with open_outbox(path, clock, hello=False) as outbox:
                await outbox.accept([sale(n), sale(n + 10)])
        async with open_outbox(path, clock, hello=False) as outbox:
            assert outbox.last(Lane.TILL) == 5
            assert await outbox.greeted({Lane.TILL: 3}) is Greeting.FENCED
            assert await all_of(outbox, Lane.TILL) == [sale(100), sale(110), sale(101), sale(111)]

    async def test_an_ordinary_restart_is_none(self, tmp_path: Path, clock: Any, open_outbox: Any) -> None:
        path = tmp_path / "e.db"
        async with open_outbox(path, clock) as outbox:
            await outbox.accept([sale(1), sale(2)])
        async with open_outbox(path, clock, hello=False) as outbox:
            await outbox.accept([sale(3)])
            assert await outbox.greeted({Lane.TILL: 2}) is Greeting.SAME
            assert outbox.confirmed(Lane.TILL) == 2


class TestLimits:
    async def test_a_giant_event_is_refused_and_no_number_burnt(
        self, tmp_path: Path, clock: Any, open_outbox: Any
    ) -> None:
        async with open_outbox(tmp_path / "e.db", clock) as outbox:
            with pytest.raises(EventTooLarge):
                await outbox.accept([sale(1, ["x" * 500] * 110)])
            await outbox.accept([sale(2)])
            assert await all_of(outbox, Lane.TILL) == [sale(2)]

    async def test_events_that_hardly_close_are_sent_in_smaller_batches(
        self, tmp_path: Path, clock: Any, open_outbox: Any
    ) -> None:
        chance = random.Random(1)
        texts = [
            ["".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(500)) for _ in range(24)]
            for _ in range(40)
        ]
        async with open_outbox(tmp_path / "e.db", clock) as outbox:
            await outbox.accept([count(n) for n in range(3000)])
            await outbox.accept([sale(n, text) for n, text in enumerate(texts)])
            assert await all_of(outbox, Lane.TILL) == [sale(n, text) for n, text in enumerate(texts)]
            assert len(await all_of(outbox, Lane.COUNT)) == 3000

    async def test_a_full_disk_thins_counts_and_then_refuses_sales_only(
        self, tmp_path: Path, clock: Any, open_outbox: Any
    ) -> None:
        async with open_outbox(tmp_path / "e.db", clock, size_max_mib=1) as outbox:
            for n in range(300):
                await outbox.accept([Passed(device="y" * 60, inward=k + n) for k in range(100)])
            assert outbox.full
            assert numbers(await all_of(outbox, Lane.COUNT)) == outbox.last(Lane.COUNT) == 30_000
            await outbox.greeted({})  # none of them arrived
            sales = 0
            with contextlib.suppress(OutboxFull):
                while sales < 5000:
                    await outbox.accept([sale(sales, ["z" * 400])])
                    sales += 1
            assert 1000 < sales < 5000
            assert outbox.last(Lane.TILL) == sales
            await outbox.accept([count(1)])  # not refused: it is counted as dropped
            outbox.confirm(Lane.TILL, sales)
            await outbox.accept([ReceiptUnreadable(till="1", reason="picture")])
            assert await all_of(outbox, Lane.TILL, sales) == [ReceiptUnreadable(till="1", reason="picture")]
            assert numbers(await all_of(outbox, Lane.COUNT)) == outbox.last(Lane.COUNT) == 30_001

    async def test_a_dropped_span_that_the_centre_has_in_part_says_only_the_rest(
        self, tmp_path: Path, clock: Any, open_outbox: Any
    ) -> None:
        async with open_outbox(tmp_path / "e.db", clock) as outbox:
            await outbox.accept([count(n) for n in range(10)])
            assert await outbox._db.write(lambda sql: room._thin(sql, dict.fromkeys(Lane, 0)))
            await outbox.accept([count(99)])
            assert await all_of(outbox, Lane.COUNT, 0) == [Dropped(numbers=10), count(99)]
            assert await all_of(outbox, Lane.COUNT, 4) == [Dropped(numbers=6), count(99)]
            assert await all_of(outbox, Lane.COUNT, 9) == [Dropped(numbers=1), count(99)]
            assert await all_of(outbox, Lane.COUNT, 10) == [count(99)]
