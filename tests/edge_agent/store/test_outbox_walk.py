"""A long random walk of an outbox and a centre that forgets, repeats and is restored; the disk is small."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.errors import OutboxFull
from edge_agent.store.epochs import Greeting
from edge_agent.store.outbox import Limits
from sync.contract.events import Dropped, Passed, SaleCompleted, numbers_of
from sync.contract.ids import Lane
from sync.contract.message import Envelope, decode_batch

STEP = st.one_of(
    st.tuples(st.just("sell"), st.integers(1, 40)),
    st.tuples(st.just("count"), st.integers(1, 1500)),
    st.tuples(st.just("send"), st.sampled_from([Lane.TILL, Lane.COUNT])),
    st.tuples(st.just("receipt"), st.booleans()),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("restore_centre"), st.floats(0, 1)),
    st.tuples(st.just("hour"), st.none()),
)


class Walk:
    """The outbox and, beside it, what must be true of it."""

    def __init__(self, path: Path, clock: Any, open_outbox: Any) -> None:
        self.path, self.clock, self.open_outbox = path, clock, open_outbox
        self.sold: list[int] = []  # accepted sales: number n of the lane is sold[n - 1]
        self.counted = 0
        self.refused = 0
        self.marks = {Lane.TILL: 0, Lane.COUNT: 0}  # the centre's
        self.got: dict[Lane, list[Any]] = {Lane.TILL: [], Lane.COUNT: []}

    async def run(self, steps: list[Any]) -> None:
        limits = Limits(keep_days=0)
        rest = iter(steps)
        going = True
        while going:
            going = False
            async with self.open_outbox(
                self.path, self.clock, size_max_mib=1, limits=limits, hello=False
            ) as outbox:
                await self.hello(outbox)
                for name, what in rest:
                    if name == "restart":
                        going = True
                        break
                    await getattr(self, name)(outbox, what)
                    self.check(outbox)
                if not going:
                    await self.drain(outbox)

    async def hello(self, outbox: Any) -> None:
        assert await outbox.greeted(self.marks) is not Greeting.FENCED

    async def sell(self, outbox: Any, many: int) -> None:
        for _ in range(many):
            number = len(self.sold) + 1
            sale = SaleCompleted(till="1", receipt="r" * 60, currency="CNY", total_minor=number)
            try:
                await outbox.accept([sale])
            except OutboxFull:
                self.refused += 1
            else:
                self.sold.append(number)

    async def count(self, outbox: Any, many: int) -> None:
        await outbox.accept([Passed(device="d" * 60, inward=1) for _ in range(many)])
        self.counted += many

    async def send(self, outbox: Any, lane: Lane) -> None:
        """One batch from wherever the centre is; its receipt may or may not come."""
        ready = await outbox.oldest({lane: self.marks[lane]})
        if ready is None:
            return
        batch = decode_batch(ready.payload)
        assert batch.first == self.marks[lane] + 1
        self.got[lane] += [each.event for each in batch.events if isinstance(each, Envelope)]
        self.marks[lane] = batch.last

    async def receipt(self, outbox: Any, tidy: bool) -> None:
        for lane, mark in self.marks.items():
            outbox.confirm(lane, mark)
        if tidy:
            await outbox.tidy()

    async def restore_centre(self, outbox: Any, share: float) -> None:
        """Yesterday's backup: an older mark, and what came after is gone there."""
        for lane in self.marks:
            kept: list[Any] = []
            for event in self.got[lane]:
                if sum(map(numbers_of, kept)) + numbers_of(event) > share * self.marks[lane]:
                    break
                kept.append(event)
            self.got[lane], self.marks[lane] = kept, sum(map(numbers_of, kept))
        await self.hello(outbox)

    async def hour(self, outbox: Any, _: None) -> None:
        await outbox._note_hour()
        await outbox.tidy()

    def check(self, outbox: Any) -> None:
        assert outbox.last(Lane.TILL) == len(self.sold)
        for lane, mark in self.marks.items():
            assert outbox.confirmed(lane) <= outbox.last(lane)
            assert mark <= outbox.last(lane)

    async def drain(self, outbox: Any) -> None:
        """At the end the centre has every sale once, in order, and every count or its absence."""
        for lane in self.marks:
            while self.marks[lane] < outbox.last(lane):
                await self.send(outbox, lane)
        number = 0
        for event in self.got[Lane.TILL]:
            if isinstance(event, Dropped):
                assert event.reason == "pruned"  # had been confirmed by the centre that forgot it
                number += event.numbers
            else:
                number += 1
                assert event.total_minor == number
        assert number == len(self.sold)
        assert sum(map(numbers_of, self.got[Lane.COUNT])) == outbox.last(Lane.COUNT) <= self.counted


@given(steps=st.lists(STEP, max_size=40))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_numbers_never_have_a_gap_and_sales_are_never_lost(
    steps: list[Any], clock: Any, open_outbox: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(Walk(Path(folder) / "e.db", clock, open_outbox).run(steps))
