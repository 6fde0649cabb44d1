"""Small books that anything may happen to: cards loaded, entrusted to stores, spent, taken back, expired.

Every step posts its transfers and settles its lots, as the ledger's own rooms do, and keeps beside them what
it did in plain numbers, so that a report can be held against it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.ledger.books.accounts import AccountName, accounts_of, available, balances, escrow
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.cards.rules import Partner, Rules
from central_server.ledger.models.cards import ProgrammeRow
from central_server.ledger.models.leases import Lease
from central_server.ledger.models.lots import Lot, Purse
from central_server.ledger.purses.lots import Add, GiveBack, Take, settle_lots

NOW_MS = 1_795_000_000_000  # 2026-11-18 19:06:40 in Shanghai
DAY_MS = 86_400_000
PROGRAMMES = {
    "gift": Rules(kind="value", zh="礼品卡", en="Gift card"),
    "joint": Rules(
        kind="value",
        zh="联名卡",
        en="Joint card",
        partner=Partner(id="icbc", zh="工行", en="ICBC", share_bp=125),
    ),
    "points": Rules(kind="points", unit="PTS", zh="积分", en="Points", holder="member"),
}
KINDS = {"gift": "paid", "joint": "paid", "points": "earned"}


@dataclass
class Books:
    """One chain's books. `at_ms` is when the next step happens."""

    database: Database
    at_ms: int = NOW_MS
    steps: int = 0
    total: dict[str, int] = field(default_factory=dict)  # purse → what it should hold
    leases: dict[str, tuple[str, str]] = field(default_factory=dict)  # lease → (purse, store)
    spent: list[tuple[bytes, str, str, int]] = field(default_factory=list)  # transfer, lease, store, amount
    transfers: int = 0

    async def begin(self) -> Books:
        """The programmes, and a purse of each for two holders: ``gift-a``, ``gift-b``, ``joint-a`` …"""
        async with self.database.transaction() as session:
            for id_, rules in PROGRAMMES.items():
                row = ProgrammeRow(id=id_, kind=rules.kind, unit=rules.unit, rules=rules.model_dump_json())
                row.made_ms, row.changed_ms, row.changed_by = NOW_MS, NOW_MS, "li"
                session.add(row)
                for holder in ("a", "b"):
                    purse = Purse(id=f"{id_}-{holder}", holder=f"card:{holder}", programme=id_)
                    purse.kind, purse.unit, purse.opened_ms = rules.kind, rules.unit, NOW_MS
                    session.add(purse)
                    self.total[purse.id] = 0
        return self

    def unit(self, purse: str) -> str:
        return PROGRAMMES[purse.partition("-")[0]].unit

    async def load(self, purse: str, store: str, amount: int, bonus: int = 0) -> None:
        programme, unit = purse.partition("-")[0], self.unit(purse)
        to = available(purse, unit)
        given = [("top", AccountName("cash", store, unit), amount, KINDS[programme])]
        if unit == "PTS":
            given = [("earn", AccountName("bonus", programme, unit), amount, "earned")]
        if bonus:
            given.append(("bonus", AccountName("bonus", programme, unit), bonus, "bonus"))
        async with self.database.transaction() as session:
            for kind, source, much, lot in given:
                id_ = await self._post(session, kind, source, to, much, f"{store}/R{self.steps}")
                await settle_lots(session, [Add(id_, purse, much, lot)], now_ms=self.at_ms)
        self.total[purse] += amount + bonus

    async def grant(self, purse: str, store: str, amount: int) -> str:
        unit, lease = self.unit(purse), f"L{len(self.leases)}"
        async with self.database.transaction() as session:
            session.add(
                Lease(
                    id=lease, store=store, purse=purse, programme=purse.partition("-")[0], unit=unit,
                    granted=amount, funded=True, escrow=amount, lost=0, state="open", why="", recalled=False,
                    last_number=1, head="", epoch="e", ttl_s=60, request=lease, card="", member="",
                    granted_ms=self.at_ms,
                )
            )  # fmt: skip
            await self._post(session, "grant", available(purse, unit), escrow(lease, unit), amount, lease)
        self.leases[lease] = (purse, store)
        return lease

    async def spend(self, lease: str, amount: int) -> bytes:
        purse, store = self.leases[lease]
        unit = self.unit(purse)
        async with self.database.transaction() as session:
            to = AccountName("captured", store, unit)
            id_ = await self._post(session, "spend", escrow(lease, unit), to, amount, f"{lease}/{self.steps}")
            await settle_lots(session, [Take(id_, purse, amount)], now_ms=self.at_ms)
        self.spent.append((id_, lease, store, amount))
        self.total[purse] -= amount
        return id_

    async def refund(self, lease: str, amount: int, of: bytes | None) -> None:
        purse, store = self.leases[lease]
        unit = self.unit(purse)
        async with self.database.transaction() as session:
            source = AccountName("captured", store, unit)
            id_ = await self._post(
                session, "refund", source, escrow(lease, unit), amount, f"{lease}/{self.steps}"
            )
            await settle_lots(session, [GiveBack(id_, purse, amount, of=of)], now_ms=self.at_ms)
        self.total[purse] += amount

    async def close(self, lease: str) -> None:
        purse, _ = self.leases[lease]
        unit = self.unit(purse)
        async with self.database.transaction() as session:
            name = escrow(lease, unit)
            left = (await balances(session, [name]))[name]
            if left:
                await self._post(
                    session, "close", name, available(purse, unit), left, f"{lease}/{self.steps}"
                )

    async def take(self, purse: str, kind: str, owner: str, amount: int) -> None:
        """Out of what is available: to `refunded` (paid out), `forfeited` (expired), `captured` …"""
        unit = self.unit(purse)
        async with self.database.transaction() as session:
            to = AccountName(kind, owner, unit)
            id_ = await self._post(session, kind, available(purse, unit), to, amount, f"{owner}/{self.steps}")
            parts = await settle_lots(session, [Take(id_, purse, amount, kind=kind)], now_ms=self.at_ms)
            if kind == "forfeited":
                for part in parts[0]:
                    await session.execute(
                        sa.update(Lot).where(Lot.id == part.lot).values(expired=Lot.expired + part.amount)
                    )
        self.total[purse] -= amount

    async def in_account(self, name: AccountName) -> int:
        async with self.database.reading() as session:
            return (await balances(session, [name]))[name]

    async def anything(self, chance: random.Random, steps: int) -> None:
        """So many steps by chance, at times by chance within 400 days, stores being late with some."""
        stores = ("s1", "s2", "s3")
        for _ in range(steps):
            self.at_ms = NOW_MS - chance.randrange(400 * DAY_MS)
            purse = chance.choice(sorted(self.total))
            free = await self.in_account(available(purse, self.unit(purse)))
            what = chance.choice(["load", "grant", "grant", "spend", "spend", "refund", "close", "take"])
            if what == "load" or free < 10:
                bonus = chance.choice([0, 0, 500]) if purse.startswith("gift") else 0
                await self.load(purse, chance.choice(stores), chance.randrange(1000, 50_000), bonus)
            elif what == "grant":
                await self.grant(purse, chance.choice(stores), chance.randrange(1, free))
            elif what == "take":
                to = chance.choice(
                    [("refunded", "s1"), ("forfeited", purse.partition("-")[0]), ("captured", "s2")]
                )
                await self.take(purse, *to, chance.randrange(1, free // 2))
            elif self.leases:
                lease = chance.choice(sorted(self.leases))
                left = await self.in_account(escrow(lease, self.unit(self.leases[lease][0])))
                if what == "close":
                    await self.close(lease)
                elif what == "spend" and left:
                    await self.spend(lease, chance.randrange(1, left + 1))
                elif what == "refund" and self.spent:
                    of, of_lease, _, amount = self.spent.pop(chance.randrange(len(self.spent)))
                    same = [
                        each for each, (purse, _) in self.leases.items() if purse == self.leases[of_lease][0]
                    ]
                    await self.refund(chance.choice(sorted(same)), chance.randrange(1, amount + 1), of)

    async def _post(
        self, session: AsyncSession, kind: str, source: AccountName, to: AccountName, amount: int, about: str
    ) -> bytes:
        self.steps += 1
        id_ = posting_id("step", str(self.steps))
        ids = await accounts_of(session, [source, to])
        await post(
            session, [NewTransfer(id_, ids[source], ids[to], to.unit, amount, kind, about, self.at_ms)]
        )
        self.transfers += 1
        self.at_ms += 1
        return id_
