"""Power goes at every write of a day with money: what tills were told stands, and it is no restore."""

from __future__ import annotations

import contextlib
import importlib.util
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import EdgeError
from edge_agent.store.anchor import Anchor
from sync.contract.events import LeaseRecord
from sync.contract.questions import MoneyAnswer, MoneyQuestion, Paid, Pay, Refund, TopUp, Undo
from tests.edge_agent.money_shop import CARD, MemoryAnchor, Office, Shop, open_shop, sealed

pytest.importorskip("apsw")
_spec = importlib.util.spec_from_file_location("powercut", Path(__file__).with_name("powercut.py"))
assert _spec is not None
assert _spec.loader is not None
powercut = sys.modules.setdefault("powercut", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(powercut)

# SQLite goes on writing while it tidies up after an error, and apsw tells of each failure.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PATH = Path("/edge.db")
FATES = 1  # of the pending writes, at each cut


class AnchorOnDisk(MemoryAnchor):
    """The anchor's file on the disk that may lose its power."""

    def __init__(self, disk: Any) -> None:
        super().__init__()
        self._disk = disk

    def read(self) -> bytes | None:
        found = self._disk.live.get("/edge.anchor")
        return None if found is None else bytes(found)

    async def write(self, offset: int, data: bytes) -> None:
        try:
            self._disk.create("/edge.anchor")
            self._disk.write("/edge.anchor", data, offset)
            self._disk.sync("/edge.anchor")
        except powercut.PowerOff as error:
            raise OSError(5, "Input/output error") from error


def pay(amount: int, txn: str) -> Pay:
    return Pay(till="1", txn=txn, amount_minor=amount, currency="CNY", card=CARD, receipt=f"r-{txn}")


QUESTIONS: list[MoneyQuestion] = [
    pay(1_000, "t1"),
    pay(2_000, "t2"),
    Refund(till="1", txn="t3", amount_minor=500, currency="CNY", of_txn="t1"),
    TopUp(till="1", txn="t4", amount_minor=300, currency="CNY", card=CARD, receipt="r-t4"),
    Undo(till="1", txn="t2"),
    pay(100, "t5"),
]


async def ask(shop: Shop, question: MoneyQuestion) -> MoneyAnswer:
    match question:
        case Pay():
            return await shop.payments.pay(question)
        case Refund():
            return await shop.payments.refund(question)
        case TopUp():
            return await shop.payments.top_up(question)
        case Undo():
            return await shop.payments.undo(question)


async def a_day(
    disk: Any, clock: Any, running: Any, folder: Path, told: list[MoneyAnswer], office: Office
) -> None:
    """A card is presented, pays, gets something back, is topped up; at the end its lease is recalled."""
    async with open_shop(
        folder / "edge.db",
        clock,
        running,
        connect=powercut.PowerLine(disk),
        anchor=AnchorOnDisk(disk),
        office=office,
    ) as shop:
        word = await shop.grant(CARD, "P1", "CNY", "value", 10_000)
        for question in QUESTIONS:
            told.append(await ask(shop, question))
        await shop.tell(sealed(word, recalled=True))


async def check(disk: Any, clock: Any, running: Any, folder: Path, told: list[MoneyAnswer]) -> None:
    async with open_shop(
        folder / "edge.db",
        clock,
        running,
        connect=powercut.PowerLine(disk),
        anchor=AnchorOnDisk(disk),
        hello=False,
        told=False,
    ) as shop:
        assert not shop.vault.fenced
        shop.online = False
        records = [each for each in await shop.said() if isinstance(each, LeaseRecord)]
        in_it = 0
        for record in records:
            in_it += -record.amount if record.kind in ("spend", "close") else record.amount
            assert in_it >= 0
        # A payment that was undone later is not said again; all else has its answer of the first time.
        for number, answer in enumerate(told):
            if QUESTIONS[number].txn != "t2" or (number == 1 and len(told) < 4):
                assert await ask(shop, QUESTIONS[number]) == answer
        spent = sum(each.amount for each in records if each.kind == "spend")
        assert spent >= sum(each.approved_minor for each in told if isinstance(each, Paid))


async def cut_everywhere(clock: Any, running: Any, folder: Path) -> int:
    whole = powercut.Disk()
    told: list[MoneyAnswer] = []
    await a_day(whole, clock, running, folder, told, Office())
    assert len(told) == len(QUESTIONS)
    chance = random.Random(20261122)
    cuts = 0
    for stop_at in range(whole.ops + 1):
        for _ in range(FATES):
            disk, told = powercut.Disk(stop_at=stop_at), []
            with contextlib.suppress(EdgeError, sqlite3.Error):
                await a_day(disk, clock, running, folder, told, Office())
            await check(powercut.Disk(disk.after_cut(chance)), clock, running, folder, told)
            cuts += 1
    return cuts


async def test_what_a_till_was_told_stands_whenever_the_power_goes(
    clock: Any, running: Any, tmp_path: Path
) -> None:
    assert await cut_everywhere(clock, running, tmp_path) >= 100  # only the folder is real


async def test_an_anchor_in_front_of_the_commit_would_show(
    clock: Any, running: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut between the two would look like a disk that was put back."""
    whole = Anchor.hold

    async def early(anchor: Anchor, mark: Any) -> None:
        await whole(anchor, mark._replace(commits=mark.commits + 1))

    monkeypatch.setattr(Anchor, "hold", early)
    with pytest.raises(AssertionError):
        await cut_everywhere(clock, running, tmp_path)
