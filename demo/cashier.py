"""A cashier of the counted demo: members pay with their cards while the shop is busy and the line is cut."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import sqlalchemy as sa

from bench.till import TillPage
from central_server.db import Database
from central_server.ledger.books.accounts import CAPTURED
from central_server.ledger.models.books import Account
from demo.counts import STORE
from demo.money import HOLDERS
from demo.shop import CARD, Truth

TILL = "3"  # where no reader puts another card on the page in between
BETWEEN_S = (0.15, 0.5)
REGULARS = 12  # the same people come again, so that some of their cards are ready when the line is cut


@dataclass
class Taken:
    """What the till took from cards, in minor units."""

    payments: int = 0
    minor: int = 0
    offline: int = 0  # of the payments, those with the line down
    declined: Counter[str] = field(default_factory=Counter)  # by reason


class Cashier:
    """Plays one till's page by HTTP until cancelled."""

    def __init__(self, port: int, truth: Truth, *, seed: int) -> None:
        """`truth` hears of every card that is shown here, too."""
        self._port, self._truth, self._chance = port, truth, random.Random(seed)
        self.taken = Taken()
        self.offline = False  # set by whoever cuts the line
        self._stopping = asyncio.Event()

    async def work(self) -> None:
        """Until `stop`; what was begun is finished."""
        async with TillPage(self._port, TILL) as page:
            while not self._stopping.is_set():
                await self._serve(page)
                await asyncio.sleep(self._chance.uniform(*BETWEEN_S))

    def stop(self) -> None:
        self._stopping.set()

    async def _serve(self, page: TillPage) -> None:
        customer = self._chance.randrange(min(REGULARS, HOLDERS))
        known = await page.look_up(f"138{customer + 1:08d}")
        self._truth.said[CARD] += 1
        if not known:
            return
        amount = self._chance.randrange(100, 1_500)
        told = await page.pay(f"{amount / 100:.2f}")
        if not told.done:
            self.taken.declined[told.outcome] += 1
            return
        self.taken.payments += 1
        self.taken.minor += told.approved
        self.taken.offline += self.offline


async def captured_minor(database: Database) -> int:
    """What head office's books say the demo's store has taken from cards so far."""
    balance = sa.select(sa.func.coalesce(sa.func.sum(Account.balance), 0)).where(
        Account.kind == CAPTURED, Account.owner == STORE, Account.unit == "CNY"
    )
    async with database.reading() as session:
        return int(await session.scalar(balance) or 0)
