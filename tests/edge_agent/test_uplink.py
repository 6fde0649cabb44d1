"""The store's side of the line, against a small centre that keeps what it is sent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.store.lines import connect_in_thread
from edge_agent.store.replica import Replica
from edge_agent.uplink import Patience, Uplink
from sync.clock import SystemClock
from sync.contract.events import Event, Passed, SaleCompleted
from sync.contract.ids import Lane
from sync.contract.message import (
    Envelope,
    Hello,
    Received,
    Words,
    decode_batch,
    decode_here,
    encode,
)
from sync.contract.questions import MemberKnown
from sync.contract.told import EVERYONE, MemberTold
from sync.contract.topics import read_up
from sync.link.base import LinkDown, Message

STORE = "hz-004"


class SmallCentre:
    """A dialler, the connection it gives, and a centre behind it that keeps the contract."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        self.epoch = ""
        self.events: list[Event] = []
        self.lanes: list[Lane] = []  # of each batch, in order of arrival
        self.heres: list[Any] = []
        self.inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self.lose: Callable[[int], bool] = lambda batch: False
        self.silent = False
        self.batches = 0
        self.dials = 0

    async def dial(self, subscribe: Sequence[str]) -> SmallCentre:
        assert list(subscribe) == [f"tb/1/{STORE}/down"]
        self.dials += 1
        self.inbox = asyncio.Queue()
        return self

    async def publish(self, topic: str, payload: bytes) -> None:
        await asyncio.sleep(0)
        store, lane = read_up(topic)
        assert store == STORE
        if lane is None:
            here = decode_here(payload)
            self.heres.append(here)
            if here.epoch != self.epoch:
                self.epoch, self.marks = here.epoch, {}
            if here.greet and not self.silent:
                self.say(Hello(self.epoch, 1_700_000_000_000, dict(self.marks)))
            return
        self.batches += 1
        if self.lose(self.batches) or self.silent:
            return
        batch = decode_batch(payload)
        self.lanes.append(lane)
        mark = self.marks.get(lane.label, 0)
        if batch.first <= mark + 1 and batch.last > mark:
            new = batch.events[mark + 1 - batch.first :]
            self.events += [each.event for each in new if isinstance(each, Envelope)]
            self.marks[lane.label] = mark = batch.last
        self.say(Received(batch.epoch, lane, mark))

    def say(self, message: Any) -> None:
        self.inbox.put_nowait(Message(f"tb/1/{STORE}/down", encode(message)))

    async def receive(self) -> Message:
        message = await self.inbox.get()
        if message is None:
            raise LinkDown("pulled")
        return message

    def pull(self) -> None:
        self.inbox.put_nowait(None)

    async def close(self) -> None:
        return None

    def of(self, kind: type) -> list[Event]:
        return [each for each in self.events if isinstance(each, kind)]


class Store:
    def __init__(self, outbox: Any, replica: Replica, uplink: Uplink, alarms: list[tuple[str, bool]]) -> None:
        self.outbox, self.replica, self.uplink, self.alarms = outbox, replica, uplink, alarms


@pytest.fixture
def centre() -> SmallCentre:
    return SmallCentre()


@pytest.fixture
def open_store(tmp_path: Path, open_outbox: Any, running: Any, centre: SmallCentre) -> Any:
    @asynccontextmanager
    async def _open(patience: Patience | None = None, rows: int = 0) -> AsyncIterator[Store]:
        clock = SystemClock()
        async with open_outbox(tmp_path / "e.db", clock, connect=connect_in_thread, hello=False) as outbox:
            if rows:
                await outbox.accept([Passed(device="door", inward=n) for n in range(rows)])
            replica = await Replica.open(outbox._db, STORE, bytes(32))
            alarms: list[tuple[str, bool]] = []

            async def alarm(name: str, raised: bool, detail: str) -> None:
                alarms.append((name, raised))

            uplink = Uplink(
                store=STORE,
                dialler=centre,
                outbox=outbox,
                replica=replica,
                calendar=outbox._calendar,
                clock=clock,
                chance=random.Random(1),
                alarm=alarm,
                patience=patience,
            )
            async with running(uplink.run()):
                yield Store(outbox, replica, uplink, alarms)

    return _open


def sale(number: int) -> SaleCompleted:
    return SaleCompleted(till="1", receipt=str(number), currency="CNY", total_minor=number)


async def test_a_backlog_arrives_once_and_in_order(open_store: Any, centre: SmallCentre, until: Any) -> None:
    async with open_store(rows=30_000) as store:
        await until(lambda: store.outbox.unsent()[Lane.COUNT] == 0)
    assert centre.events == [Passed(device="door", inward=n) for n in range(30_000)]


async def test_a_sale_overtakes_a_backlog(open_store: Any, centre: SmallCentre, until: Any) -> None:
    async with open_store(rows=50_000) as store:
        await until(lambda: centre.batches >= 3)
        await store.outbox.accept([sale(1)])
        await until(lambda: centre.of(SaleCompleted) != [])
        assert store.outbox.unsent()[Lane.COUNT] > 0


@pytest.mark.parametrize("lost", [{1}, {2}, {5, 9}, {3, 4, 5, 6}])
async def test_a_lost_batch_is_sent_again_once_its_gap_shows(
    open_store: Any, centre: SmallCentre, until: Any, lost: set[int]
) -> None:
    centre.lose = lost.__contains__
    async with open_store(rows=40_000) as store:
        await until(lambda: store.outbox.unsent()[Lane.COUNT] == 0)
        assert centre.dials == 1
    assert centre.events == [Passed(device="door", inward=n) for n in range(40_000)]
    assert centre.batches < 2 * 40_000 / 2_000 + 40  # a window again for each hole, not for each receipt


async def test_the_last_batch_lost_comes_again_after_the_receipt_timeout(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    centre.lose = {1}.__contains__
    async with open_store(Patience(receipt_timeout_s=0.1)) as store:
        await store.outbox.accept([sale(1)])
        await until(lambda: store.outbox.unsent()[Lane.TILL] == 0)
    assert centre.events == [sale(1)]


async def test_a_pulled_line_loses_and_doubles_nothing(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    async with open_store(rows=20_000) as store:
        for _ in range(3):
            seen = centre.batches
            await until(lambda seen=seen: centre.batches > seen)
            centre.pull()
        await until(lambda: store.outbox.unsent()[Lane.COUNT] == 0)
    assert centre.dials >= 2
    assert centre.events == [Passed(device="door", inward=n) for n in range(20_000)]


async def test_a_centre_that_never_answers_is_sent_no_batch(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    centre.silent = True
    async with open_store(rows=100) as store:
        await until(lambda: len(centre.heres) == 1)
        await asyncio.sleep(0.05)
        assert (centre.batches, store.uplink.state) == (0, "offline")


async def test_words_are_taken_and_said_to_be_taken(open_store: Any, centre: SmallCentre, until: Any) -> None:
    async with open_store() as store:
        await until(lambda: store.uplink.greeted)
        told = MemberTold(member="m1", name="王**", cards=("ab" * 16,))
        centre.say(Words(EVERYONE, 0, [(7, told)]))
        await until(lambda: any(here.everyone == 7 and not here.greet for here in centre.heres))
        assert isinstance(await store.replica.look_up("ab" * 16), MemberKnown)


async def test_rubbish_from_below_is_counted_and_harmless(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    async with open_store() as store:
        await until(lambda: store.uplink.greeted)
        centre.inbox.put_nowait(Message("tb/1/hz-004/down", b"rubbish"))
        await store.outbox.accept([sale(1)])
        await until(lambda: store.outbox.unsent()[Lane.TILL] == 0)
        assert store.uplink.bad_messages == 1


async def test_a_lane_without_receipts_is_an_alarm_once_and_clears(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    centre.lose = lambda batch: batch < 4
    async with open_store(Patience(receipt_timeout_s=0.05, stuck_after_s=0.02)) as store:
        await store.outbox.accept([sale(1)])
        await until(lambda: store.outbox.unsent()[Lane.TILL] == 0)
        await until(lambda: ("lane_stuck", False) in store.alarms)
        assert store.alarms == [("lane_stuck", True), ("lane_stuck", False)]


async def test_a_centre_that_has_more_than_we_said_fences_this_disk(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    async with open_store(rows=10) as store:
        epoch = store.outbox.epoch
        centre.epoch, centre.marks = epoch, {"count": 500}
        await until(lambda: store.outbox.epoch != epoch and store.uplink.greeted)
        assert ("epoch_fenced", True) in store.alarms
        await until(lambda: not any(store.outbox.unsent().values()))


async def test_a_restored_centre_is_sent_what_it_lost(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    async with open_store(rows=5_000) as store:
        await until(lambda: store.outbox.unsent()[Lane.COUNT] == 0)
        centre.marks, centre.events = {"count": 1_000}, centre.events[:1_000]
        centre.pull()
        await until(lambda: centre.marks["count"] == 5_000)
    assert centre.events == [Passed(device="door", inward=n) for n in range(5_000)]


async def test_a_centre_begun_anew_learns_again_and_again_which_words_we_have(
    open_store: Any, centre: SmallCentre, until: Any
) -> None:
    async with open_store(Patience(here_every_s=0.02)) as store:
        await until(lambda: store.uplink.greeted)
        before = len(centre.heres)
        await until(lambda: len(centre.heres) > before + 2)
    assert not any(here.greet for here in centre.heres[before + 1 :])
