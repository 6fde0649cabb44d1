"""The whole agent with money: a card presented is asked for over the line, and pays; a disk is put back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.edge import EdgeSettings
from edge_agent.app import ANCHOR_NAME, DATABASE_NAME, Edge, World
from edge_agent.identity import Identity
from sync.contract.events import Event, LeaseRecord
from sync.contract.ids import CENTRE, Lane
from sync.contract.leases import pin_check
from sync.contract.message import (
    Answered,
    Ask,
    Envelope,
    Hello,
    Received,
    Words,
    decode_batch,
    decode_said,
    encode,
)
from sync.contract.questions import CardShown, Declined, Paid, Pay, Undo, Undone
from sync.contract.tokens import card_token
from sync.contract.topics import CENTRE_READS, down, read_up
from sync.link.memory import Faults, MemoryBroker
from tests.edge_agent.money_shop import STORE, STORE_KEY, VALUE, Office

TOKEN_KEY = b"t" * 32
CARD = card_token(TOKEN_KEY, "8001")
IDENTITY = Identity(
    store=STORE,
    mqtt_url="memory:",
    login=STORE,
    password="p",
    token_key=TOKEN_KEY,
    store_key=STORE_KEY,
    centre_public_key=bytes(range(32)),
)


class Centre:
    """Takes batches in order, remembers marks by epoch, grants what it is told to."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self.office = Office()
        self.marks: dict[tuple[str, Lane], int] = {}
        self.events: list[Event] = []
        self.words: list[Any] = [VALUE]
        self.epochs: list[str] = []

    async def run(self) -> None:
        self._line = await self._broker.dialler(CENTRE).dial([CENTRE_READS])
        while True:
            message = await self._line.receive()
            _, lane = read_up(message.topic)
            if lane is not None:
                await self._batch(message.payload)
            elif isinstance(said := decode_said(message.payload), Ask):
                await self._ask(said)
            else:
                if said.epoch not in self.epochs:
                    self.epochs.append(said.epoch)
                marks = {lane.label: self.marks.get((said.epoch, lane), 0) for lane in Lane}
                if said.greet:
                    await self._say(Hello(said.epoch, 1_700_000_000_000, marks))
                await self._tell(said.own)

    async def _ask(self, ask: Ask) -> None:
        self.office.asks.append(ask)
        words = [self.office.lease(ask, *each) for each in self.office.grants.pop(ask.card, [])]
        after = len(self.words)
        self.words += words
        await self._tell(after)
        salt, check = self.office.pin
        leases = tuple(word.lease for word in words)
        await self._say(Answered(request=ask.request, leases=leases, pin_salt=salt, pin_check=check))

    async def _batch(self, payload: bytes) -> None:
        batch = decode_batch(payload)
        key = (batch.epoch, batch.lane)
        mark = self.marks.get(key, 0)
        if batch.first <= mark + 1:
            self.events += [
                e.event for e in batch.events[mark + 1 - batch.first :] if isinstance(e, Envelope)
            ]
            self.marks[key] = max(mark, batch.last)
        await self._say(Received(batch.epoch, batch.lane, self.marks.get(key, 0)))

    async def _tell(self, after: int) -> None:
        if after < len(self.words):
            numbered = [(after + n, word) for n, word in enumerate(self.words[after:], start=1)]
            await self._say(Words(STORE, after, numbered))

    async def _say(self, message: Any) -> None:
        await self._line.publish(down(STORE), encode(message))

    def records(self) -> list[tuple[str, int]]:
        return [(each.kind, each.amount) for each in self.events if isinstance(each, LeaseRecord)]


@pytest.fixture
async def centre(running: Any) -> AsyncIterator[Centre]:
    broker = MemoryBroker(random.Random(1), Faults(delay_s=(0.0001, 0.001)))
    opened = Centre(broker)
    async with running(opened.run()):
        yield opened


@pytest.fixture
def edge_of(tmp_path: Path, centre: Centre) -> Any:
    @asynccontextmanager
    async def _edge(*, restored: bool = False) -> AsyncIterator[Edge]:
        world = World(
            chance=random.Random(1),
            boot=lambda: "0000beef",
            synced=lambda: False,
            dialler=lambda settings, identity: centre._broker.dialler(STORE),
            identity=IDENTITY,
            tend_s=0.02,
        )
        edge = Edge(EdgeSettings(state_dir=tmp_path), world, restored=restored)
        await edge.start()
        try:
            yield edge
            assert edge.alive
        finally:
            await edge.stop()

    return _edge


def pay(amount: int, txn: str) -> Pay:
    return Pay(till="1", txn=txn, amount_minor=amount, currency="CNY", card=CARD, receipt=txn)


async def settled(centre: Centre, edge: Edge, until: Any) -> None:
    await until(lambda: edge._online() and not any(edge.outbox.unsent().values()))


async def test_a_card_is_presented_pays_and_what_is_left_goes_home(
    centre: Centre, edge_of: Any, until: Any
) -> None:
    centre.office.grants[CARD] = [("P1", "CNY", "value", 5_000)]
    async with edge_of() as edge:
        await until(edge._online)
        await edge.till.present("1", CardShown("8001", "magstripe"))
        await until(lambda: len(centre.words) == 2 and edge.replica.own == 2)
        assert isinstance(await edge.payments.pay(pay(2_000, "t1")), Paid)
        centre._broker.partition(STORE)
        await until(lambda: not edge._online())
        assert isinstance(await edge.payments.pay(pay(1_000, "t2")), Paid)
        assert await edge.payments.undo(Undo(till="1", txn="t2")) == Undone(amount_minor=1_000)
        centre._broker.heal(STORE)
        await until(lambda: len(centre.records()) == 4)
        assert centre.records() == [("open", 5_000), ("spend", 2_000), ("spend", 1_000), ("refund", 1_000)]


async def test_a_disk_put_back_begins_a_new_epoch_with_the_hello_and_spends_nothing(
    centre: Centre, edge_of: Any, until: Any, tmp_path: Path
) -> None:
    centre.office.grants[CARD] = [("P1", "CNY", "value", 5_000)]
    async with edge_of() as edge:
        await until(edge._online)
        assert await edge.payments.balance(card=CARD) == Declined("unknown")
        await edge.till.present("1", CardShown("8001", "magstripe"))
        await until(lambda: edge.replica.own == 2)
        await settled(centre, edge, until)
    copy = (tmp_path / DATABASE_NAME).read_bytes()
    assert (tmp_path / ANCHOR_NAME).exists()
    async with edge_of() as edge:
        await until(edge._online)
        assert isinstance(await edge.payments.pay(pay(5_000, "t1")), Paid)
    (tmp_path / DATABASE_NAME).write_bytes(copy)
    centre._broker.partition(STORE)
    async with edge_of() as edge:
        assert await edge.payments.pay(pay(5_000, "t2")) == Declined("fenced")
        await until(lambda: any(alarm.name == "leases_doubtful" for alarm in edge.alarms.all()))
        centre._broker.heal(STORE)
        await until(lambda: len(centre.epochs) == 2 and edge._online())
        centre.office.grants[CARD] = [("P1", "CNY", "value", 700)]
        assert isinstance(await edge.payments.pay(pay(700, "t2")), Paid)
        await settled(centre, edge, until)
    async with edge_of() as edge:
        assert isinstance(await edge.payments.pay(pay(700, "t2")), Paid)
    assert ("close", 5_000) not in centre.records()


async def test_an_image_put_back_with_its_anchor_is_told_by_a_person(
    centre: Centre, edge_of: Any, until: Any
) -> None:
    centre.office.grants[CARD] = [("P1", "CNY", "value", 5_000)]
    async with edge_of() as edge:
        await until(edge._online)
        await edge.till.present("1", CardShown("8001", "magstripe"))
        await until(lambda: edge.replica.own == 2)
    centre._broker.partition(STORE)
    for restored in (True, False):  # a restart in between does not forget it
        async with edge_of(restored=restored) as edge:
            assert await edge.payments.pay(pay(5_000, "t1")) == Declined("fenced")
    centre._broker.heal(STORE)
    async with edge_of() as edge:
        await until(lambda: len(centre.epochs) == 2 and edge._online())
        answer = await edge.payments.pay(pay(5_000, "t1"))
        assert answer in (Declined("empty"), Declined("offline"))


async def test_a_stolen_disk_tells_no_card_no_name_no_telephone_and_no_pin(
    centre: Centre, edge_of: Any, until: Any, tmp_path: Path
) -> None:
    number, phone, name, pin, salt = "8801774433221", "13955512345", "欧阳小明", "904817", b"\xa5" * 16
    check = pin_check(pin, salt)
    card = card_token(TOKEN_KEY, number)
    centre.words[0] = msgspec.structs.replace(VALUE, pin_above=100)
    centre.office.pin = (salt.hex(), check.hex())
    centre.office.grants[card] = [("P1", "CNY", "value", 5_000)]
    async with edge_of() as edge:
        await until(edge._online)
        await edge.till.join("1", name=name, phone=phone, card=number, consent=True)
        await edge.till.present("1", CardShown(number, "magstripe"))
        await until(lambda: edge.replica.own == 2)
        paid = msgspec.structs.replace(pay(2_000, "t1"), card=card, pin=pin)
        assert isinstance(await edge.payments.pay(paid), Paid)
        assert await edge.till.ask(msgspec.structs.replace(paid, txn="t2", pin="111111")) == Declined(
            "pin_wrong", 100
        )
        while_it_runs = b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
    found = while_it_runs + b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.is_file())
    assert b"lease.record/1" in found
    for text in (number, phone, name, pin, "111111", check.hex(), salt.hex(), TOKEN_KEY.hex()):
        for secret in (text.encode(), text.encode("utf-16-le"), text.encode("gb18030"), text[::-1].encode()):
            assert secret not in found
    for raw in (check, salt, TOKEN_KEY, STORE_KEY):
        assert raw not in found


async def test_without_an_identity_there_is_no_money(tmp_path: Path) -> None:
    edge = Edge(EdgeSettings(state_dir=tmp_path), World(boot=lambda: "0000beef"))
    await edge.start()
    try:
        assert edge.payments is None
        assert await edge.till.ask(pay(1, "t1")) == Declined("not_enrolled")
        await asyncio.sleep(0)
    finally:
        await edge.stop()
