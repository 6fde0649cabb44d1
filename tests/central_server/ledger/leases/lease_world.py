"""A chain with one card, some money on it, and stores that write records as an edge does: on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.downlink.feed import after
from central_server.facts import Fact, fact_key
from central_server.keys import Keys
from central_server.ledger.books.accounts import CASH, AccountName, accounts_of, available
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.cards.life import ACTIVE
from central_server.ledger.leases import doubt, leases, records
from central_server.ledger.leases.lease_alarms import open_alarms
from central_server.ledger.models.books import Account
from central_server.ledger.models.cards import Card
from central_server.ledger.models.leases import Lease, LeaseWaiting
from central_server.ledger.models.lots import PAID
from central_server.ledger.purses.lots import Add, settle_lots
from config.money import LeaseSettings
from sync.contract.clock import Stamp
from sync.contract.events import LeaseRecord
from sync.contract.ids import EventId, Lane
from sync.contract.leases import grant_seal, lease_key, record_mac
from sync.contract.message import Answered, Ask
from sync.contract.told import LeaseTold

NOW_MS = 1_795_000_000_000
HOUR_MS = 3_600_000
TOKEN = "9f86d081884c7d659a2feaa0c55ad015"


class Shop:
    """One disk of a store: writes the records of its leases in a chain, each with its mac."""

    def __init__(self, keys: Keys, store: str = "s1", epoch: str = "e1" * 8) -> None:
        self.store = store
        self.epoch = epoch
        self.key = lease_key(keys.store_key(store))
        self.told: dict[str, tuple[str, str]] = {}  # lease → purse, unit
        self.last: dict[str, tuple[int, str]] = {}  # lease → number and mac of its last record

    def install(self, told: LeaseTold) -> LeaseRecord:
        """The `open` of a lease that the centre granted."""
        return self.open(told.lease, told.purse, told.granted, unit=told.unit, seal=told.seal)

    def open(
        self, lease: str, purse: str, granted: int = 0, *, unit: str = "CNY", seal: str = "", epoch: str = ""
    ) -> LeaseRecord:
        """The `open` of any lease; without a seal it is the one that a grant of the centre would have."""
        epoch = epoch or self.epoch
        self.told[lease] = purse, unit
        self.last[lease] = (
            0,
            seal
            or grant_seal(
                self.key,
                lease=lease,
                store=self.store,
                epoch=epoch,
                purse=purse,
                unit=unit,
                granted=granted,
                recalled=False,
            ),
        )
        return self.write(lease, "open", granted, epoch=epoch)

    def write(self, lease: str, kind: str, amount: int, **more: Any) -> LeaseRecord:
        """The lease's next record."""
        number, before = self.last[lease]
        purse, unit = self.told[lease]
        fields: dict[str, Any] = {
            "lease": lease,
            "number": number + 1,
            "kind": kind,
            "purse": purse,
            "unit": unit,
            "amount": amount,
            "till": "1",
            "txn": f"t{number + 1}",
            "receipt": f"r{number + 1}",
            "cashier": "",
            "refers_to": more.pop("refers_to", ""),
        }
        mac = record_mac(self.key, before, **fields)
        self.last[lease] = number + 1, mac
        return LeaseRecord(mac=mac, **fields, **more)


class MemorySlots:
    """Where the centre's anchor lies; it can be full, and torn."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.writes = 0
        self.full = False

    def read(self) -> bytes | None:
        return self.content

    async def write(self, offset: int, data: bytes) -> None:
        if self.full:
            raise OSError("No space left on device")
        before = self.content or b""
        self.content = before[:offset].ljust(offset, b"\0") + data + before[offset + len(data) :]
        self.writes += 1


class LeaseWorld:
    """The centre's side: a card with money, and what stores ask and write."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self.keys = keys
        self.settings = LeaseSettings()
        self.now_ms = NOW_MS
        self.purse = ""
        self.requests = 0
        self.numbers = 0

    def limits(self, **changed: int) -> None:
        self.settings = self.settings.model_copy(update=changed)

    async def begin(self, new_purse: Any, amount: int, *shops: Shop) -> None:
        """The card `TOKEN` with `amount` paid onto it, and the stores heard for the first time."""
        async with self.database.transaction() as session:
            self.purse = await new_purse(session)
            card = Card(id="C1", token=TOKEN, last4="0001", programme="value", batch="b", state=ACTIVE)
            card.made_ms = card.changed_ms = self.now_ms
            session.add(card)
            await self.load(session, amount)
            for shop in shops:
                await doubt.new_epoch(session, shop.store, shop.epoch, self.now_ms)

    async def load(self, session: AsyncSession, amount: int) -> None:
        self.numbers += 1
        cash, into = AccountName(CASH, "centre", "CNY"), available(self.purse, "CNY")
        ids = await accounts_of(session, [cash, into])
        id_ = posting_id("test load", str(self.numbers))
        await post(session, [NewTransfer(id_, ids[cash], ids[into], "CNY", amount, "load", "", self.now_ms)])
        await settle_lots(session, [Add(id_, self.purse, amount, PAID)], now_ms=self.now_ms)

    async def ask(
        self, shop: Shop, *, request: str = "", token: str = TOKEN, epoch: str = "", **wants: int
    ) -> Answered:
        """A card is presented at the store: its ask, granted and committed."""
        self.requests += 1
        ask = Ask(request or f"q{self.requests}", epoch or shop.epoch, token, wants)
        async with self.database.transaction() as session:
            return await leases.grant(
                session,
                store=shop.store,
                ask=ask,
                keys=self.keys,
                settings=self.settings,
                now_ms=self.now_ms,
            )

    async def granted(self, shop: Shop, amount: int) -> tuple[str, LeaseRecord]:
        """A lease over `amount` at the store, and its `open`."""
        answered = await self.ask(shop, CNY=amount)
        [lease] = answered.leases
        told = (await self.words(shop.store))[lease]
        return lease, shop.install(told)

    async def hear(self, shop: Shop, written: Iterable[LeaseRecord], *, epoch: str = "") -> None:
        """The records arrive in one batch of the store."""
        async with self.database.transaction() as session:
            await records.record(
                session, shop.store, self.facts(shop, written, epoch), self.now_ms, keys=self.keys
            )

    def facts(self, shop: Shop, written: Iterable[LeaseRecord], epoch: str = "") -> list[Fact[LeaseRecord]]:
        facts = []
        for event in written:
            self.numbers += 1
            id_ = EventId(shop.store, epoch or shop.epoch, Lane.TILL, self.numbers)
            stamp = Stamp("0" * 8, self.numbers, self.now_ms, sure=True)
            facts.append(Fact(fact_key(1, self.numbers), id_, stamp, event))
        return facts

    async def words(self, store: str) -> dict[str, LeaseTold]:
        """What the store's own feed says of leases."""
        async with self.database.reading() as session:
            told = [each.word for each in await after(session, store, 0, 1000)]
        return {word.lease: word for word in told if isinstance(word, LeaseTold)}

    async def lease(self, id_: str) -> Lease:
        async with self.database.reading() as session:
            return await session.get_one(Lease, id_)

    async def waiting(self) -> int:
        async with self.database.reading() as session:
            return await session.scalar(sa.select(sa.func.count()).select_from(LeaseWaiting)) or 0

    async def alarms(self) -> set[str]:
        """The names of the alarms that nobody has settled."""
        async with self.database.reading() as session:
            return {row.name for row in await open_alarms(session)}

    async def books(self) -> dict[str, int]:
        """Balances by kind of account, all owners together; what is 0 is left out."""
        async with self.database.reading() as session:
            sums = sa.select(Account.kind, sa.func.sum(Account.balance)).group_by(Account.kind)
            return {kind: int(total) for kind, total in await session.execute(sums) if total}


def by_pieces(written: Sequence[LeaseRecord]) -> list[list[LeaseRecord]]:
    """Each record as a batch of its own."""
    return [[each] for each in written]
