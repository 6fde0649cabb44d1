"""Whatever is done to purses, in whatever order: lots and accounts agree, and no bonus becomes money."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict
from central_server.keys import Keys
from central_server.ledger.books.accounts import AccountName, available, escrow
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards.buyers import Buyer
from central_server.ledger.models.books import Account
from central_server.ledger.models.leases import Lease
from central_server.ledger.models.lots import PAID
from central_server.ledger.purses import expiry, spending, value
from central_server.ledger.purses.legs import Leg, lock_purses, posted
from central_server.ledger.purses.lots import Add, GiveBack, Take, Use, sums

OpenPurse = Callable[..., Awaitable[str]]
CheckLots = Callable[[AsyncSession], Awaitable[None]]
DAY_MS = 86_400_000
ANNA = Buyer(name="王安娜", number="310000199001011234")
BONUSES = [{"from_amount": 500, "share_bp": 2_000}]


class Walk:
    """Three purses of a programme, and a store with a lease on each."""

    def __init__(self, session: AsyncSession, keys: Keys, chance: random.Random, now_ms: int) -> None:
        self.session, self.keys, self.chance, self.now_ms = session, keys, chance, now_ms
        self.purses: list[str] = []
        self.paid: list[tuple[str, bytes]] = []  # purse, transfer
        self.holds: list[bytes] = []
        self.said: list[Callable[[], Awaitable[Any]]] = []
        self.paid_in = self.paid_out = self.number = self.done = 0

    async def step(self) -> None:
        steps = {
            self.load: 4,
            self.spend: 5,
            self.refund: 3,
            self.hold: 2,
            self.end_hold: 2,
            self.move: 2,
            self.cash_out: 2,
            self.correct: 1,
            self.expire: 2,
            self.revive: 1,
            self.grant: 3,
            self.pay_at_store: 4,
            self.top_at_store: 1,
            self.close: 1,
            self.again: 2,
        }
        self.now_ms += self.chance.randrange(2 * DAY_MS)
        self.number += 1
        (chosen,) = self.chance.choices(list(steps), list(steps.values()))
        try:
            async with self.session.begin_nested():  # what is refused leaves nothing behind
                await chosen()
            self.done += 1
        except Conflict:
            return

    @property
    def request(self) -> str:
        return f"step {self.number}"

    def any_purse(self) -> str:
        return self.chance.choice(self.purses)

    def amount(self, most: int = 400) -> int:
        return self.chance.randint(1, most)

    async def do(self, work: Callable[..., Awaitable[Any]], **said: Any) -> Any:
        doing = partial(work, self.session, **said, by="anna", now_ms=self.now_ms)
        done = await doing()
        if "request" in said:
            self.said.append(doing)
        return done

    async def load(self) -> None:
        amount = self.amount(1_000)
        said = {"request": self.request, "purse": self.any_purse(), "amount": amount}
        await self.do(value.load, **said, tender="cash", keys=self.keys)
        self.paid_in += amount

    async def spend(self) -> None:
        purse = self.any_purse()
        done = await self.do(spending.spend, request=self.request, purse=purse, amount=self.amount())
        self.paid.append((purse, bytes.fromhex(done["transfer"])))

    async def refund(self) -> None:
        if self.paid:
            purse, of = self.chance.choice(self.paid)
            await self.do(spending.refund, request=self.request, purse=purse, of=of, amount=self.amount(200))

    async def hold(self) -> None:
        said = {"request": self.request, "purse": self.any_purse(), "amount": self.amount(), "for_s": 60}
        self.holds.append(bytes.fromhex((await self.do(spending.hold, **said))["hold"]))

    async def end_hold(self) -> None:
        if self.holds and self.chance.random() < 0.5:
            await spending.void(self.session, hold=self.chance.choice(self.holds), now_ms=self.now_ms)
        elif self.holds:
            await self.do(spending.capture, hold=self.chance.choice(self.holds), amount=1)

    async def move(self) -> None:
        said = {"purse": self.any_purse(), "to": self.any_purse(), "amount": self.amount()}
        await self.do(value.move_value, request=self.request, **said)

    async def cash_out(self) -> None:
        amount = self.amount()
        said: dict[str, Any] = {"purse": self.any_purse(), "amount": amount, "payee": ANNA, "keys": self.keys}
        await self.do(value.cash_out, request=self.request, **said, tender="cash")
        self.paid_out += amount

    async def correct(self) -> None:
        amount = self.chance.choice([-50, 50])
        said = {"purse": self.any_purse(), "amount": amount, "kind": "bonus"}
        await self.do(value.correct, request=self.request, **said, approval="A1", why="walk")

    async def expire(self) -> None:
        try:
            await expiry.expire_lots(self.session, now_ms=self.now_ms)
        except Conflict as error:  # a job may refuse nobody: what is out at a store has time
            raise AssertionError("expiry wanted more than was there") from error

    async def revive(self) -> None:
        await self.do(expiry.revive_purse, request=self.request, purse=self.any_purse())

    async def grant(self) -> None:
        purse, amount = self.any_purse(), self.amount()
        await self.at_store(purse, available(purse, "CNY"), escrow(f"L{purse}", "CNY"), amount, [])

    async def pay_at_store(self) -> None:
        purse, amount = self.any_purse(), self.amount()
        id_ = posting_id("step", self.request)
        till = AccountName("captured", "s1", "CNY")
        await self.at_store(purse, escrow(f"L{purse}", "CNY"), till, amount, [Take(id_, purse, amount)])
        if self.chance.random() < 0.3:  # and given back there, as the same or as another receipt
            of = self.chance.choice([id_, None])
            back = posting_id("back", self.request)
            leg = Leg(back, till, escrow(f"L{purse}", "CNY"), amount, "refund")
            await posted(self.session, [leg], [GiveBack(back, purse, amount, of)], self.now_ms)

    async def top_at_store(self) -> None:
        purse, amount = self.any_purse(), self.amount()
        add = Add(posting_id("step", self.request), purse, amount, PAID)
        cash = AccountName("cash", "s1", "CNY")
        await self.at_store(purse, cash, escrow(f"L{purse}", "CNY"), amount, [add])
        self.paid_in += amount

    async def close(self) -> None:
        purse = self.any_purse()
        left = await self.session.scalar(
            sa.select(Account.balance).where(Account.kind == "escrow", Account.owner == f"L{purse}")
        )
        if left:
            await self.at_store(purse, escrow(f"L{purse}", "CNY"), available(purse, "CNY"), left, [])

    async def at_store(
        self, purse: str, debit: AccountName, credit: AccountName, amount: int, uses: list[Use]
    ) -> None:
        await lock_purses(self.session, purse)
        id_ = posting_id("step", self.request)
        await posted(self.session, [Leg(id_, debit, credit, amount, "walk")], uses, self.now_ms)

    async def again(self) -> None:
        if self.said:
            await self.chance.choice(self.said)()


def lease_of(purse: str, now_ms: int) -> Lease:
    lease = Lease(id=f"L{purse}", store="s1", epoch="0" * 16, purse=purse, programme="value", unit="CNY")
    lease.granted, lease.funded, lease.escrow, lease.lost, lease.state, lease.why = 0, True, 0, 0, "open", ""
    lease.recalled, lease.last_number, lease.head, lease.ttl_s, lease.request = False, 0, "", 60, purse
    lease.card = lease.member = ""
    lease.granted_ms = now_ms
    return lease


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", range(6))
async def test_lots_agree_with_the_accounts_after_every_step(
    database: Database,
    keys: Keys,
    new_purse: OpenPurse,
    check_lots: CheckLots,
    now_ms: int,
    seed: int,
) -> None:
    async with database.transaction() as session:
        walk = Walk(session, keys, random.Random(seed), now_ms)
        for number in range(3):
            more = {"bonus": BONUSES, "bonus_expiry": {"days": 20}}
            walk.purses.append(await new_purse(session, f"card:C{number}", **more))
            session.add(lease_of(walk.purses[-1], now_ms))
        for _ in range(120):
            await walk.step()
            await check_lots(session)
            assert walk.paid_out <= walk.paid_in
        assert walk.done > 60  # most of what was tried was possible, so it was a walk


async def test_parallel_payments_take_each_lot_once(
    database: Database, keys: Keys, new_purse: OpenPurse, check_lots: CheckLots, now_ms: int
) -> None:
    who: dict[str, Any] = {"by": "anna", "now_ms": now_ms}

    async def pay(session: AsyncSession, *, number: int, purse: str) -> None:
        await spending.spend(session, request=f"pay {number % 30}", purse=purse, amount=7, **who)

    async with database.transaction() as session:
        mine = await new_purse(session, bonus=BONUSES)
        for number in range(5):
            await value.load(
                session, request=f"l{number}", purse=mine, amount=30, tender="cash", keys=keys, **who
            )
    tries = [database.run(partial(pay, number=number, purse=mine)) for number in range(60)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert all(each is None or isinstance(each, Conflict) for each in done)
    async with database.transaction() as session:
        assert await sums(session, [mine]) == {mine: 150 - 21 * 7}
        await check_lots(session)
