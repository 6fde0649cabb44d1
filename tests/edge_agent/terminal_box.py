"""A store's box with a payment terminal: real rules, real disk, real ports; head office is a small one.

What stands here is for whoever tests a terminal's protocol, with another's client at the other end.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from drivers.decode import options_of
from drivers.registry import driver
from edge_agent.identity import Identity
from edge_agent.listening import decoder_of, listener
from edge_agent.shown import Shown
from edge_agent.supervisor import Supervisor
from edge_agent.terminals import Terminals
from edge_agent.till import Till
from sync.contract.clock import Clock
from sync.contract.questions import CardShown, PurseShown
from sync.contract.terminal import DayAsked
from sync.contract.tokens import card_token
from sync.contract.told import MemberTold
from tests.edge_agent.money_shop import MemoryAnchor, Office, Shop, open_shop

TILL = "1"
CARD_NUMBER = "6287019900000010"
TOKEN_KEY = b"t" * 32
CARD = card_token(TOKEN_KEY, CARD_NUMBER)
IDENTITY = Identity(
    store="hz-004",
    mqtt_url="memory:",
    login="hz-004",
    password="",
    token_key=TOKEN_KEY,
    store_key=b"s" * 32,
    centre_public_key=bytes(32),
)
LI = MemberTold(member="M000000000009", name="李*", cards=(CARD,))
WAIT_S = 10.0


@dataclass
class Wish:
    """A device, as settings would want it."""

    driver: str
    port: str
    options: Any
    name: str = "terminal"
    till: str = TILL
    enabled: bool = True


@dataclass
class TerminalBox:
    """One box. `money` is what stands on the card in this store."""

    shop: Shop
    till: Till
    terminals: Terminals
    supervisor: Supervisor
    shown: list[Shown] = field(default_factory=list)

    async def grant(self, amount: int) -> None:
        """The card may spend so much here."""
        await self.shop.grant(CARD, "P1", "CNY", "value", amount)

    async def purse(self, balance: int) -> None:
        """Head office says what stands in the card's purse, which may be topped up."""
        await self.shop.tell(replace(LI, purses=(PurseShown("P1", "CNY", "value", balance),)))

    async def show_card(self, number: str = CARD_NUMBER) -> None:
        """A customer shows a card at the till's reader."""
        await self.till.present(TILL, CardShown(number, "magstripe"))

    async def left(self) -> int:
        """What the card's leases still hold, in minor units."""
        return await self.shop.left()

    async def held(self) -> int:
        """Payments that nobody has acknowledged."""
        return int(
            await self.shop.db.read(
                lambda sql: sql.execute("SELECT count(*) FROM journal WHERE held = 1").fetchone()[0]
            )
        )

    async def day(self, currency: str = "CNY") -> Any:
        """The till's sums."""
        return await self.terminals.day(DayAsked(till=TILL, currency=currency))

    async def becomes(self, what: str, value: int) -> None:
        """Waits until `left` or `held` is so much."""
        async with asyncio.timeout(WAIT_S):
            while (found := await getattr(self, what)()) != value:
                assert found is not None
                await asyncio.sleep(0.01)

    async def turns(self, state: str) -> None:
        """Waits until the device's port is ``up`` or ``down``."""
        async with asyncio.timeout(WAIT_S):
            while self.supervisor.status()[0].state != state:
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def device(self, name: str, port: str, **options: Any) -> AsyncIterator[Wish]:
        """A terminal of that driver on a real port, for as long as the block lasts."""
        wish = Wish(name, port, options_of(driver(name), options))
        await self.supervisor.apply([wish])
        try:
            async with asyncio.timeout(WAIT_S):
                while self.supervisor.status()[0].state == "starting":
                    await asyncio.sleep(0.01)
            yield wish
        finally:
            await self.supervisor.apply([])


@asynccontextmanager
async def open_box(
    path: Path,
    clock: Clock,
    running: Any,
    *,
    anchor: MemoryAnchor | None = None,
    office: Office | None = None,
    boot: str = "0000beef",
) -> AsyncIterator[TerminalBox]:
    """A box on its file; its card is Wang's, its line is up. With `boot` another start of the same one."""
    async with open_shop(path, clock, running, anchor=anchor, office=office, boot=boot, told=True) as shop:
        till = Till(
            identity=IDENTITY,
            replica=shop.replica,
            outbox=shop.outbox,
            clock=clock,
            now_ms=clock.wall_ms,
            random_bytes=os.urandom,
            payments=shop.payments,
            presented=shop.leasing.presented,
        )
        await shop.tell(LI)
        terminals = Terminals(till=till, payments=shop.payments, clock=clock, now_ms=clock.wall_ms, boot=boot)
        supervisor = Supervisor(
            till=till,
            outbox=shop.outbox,
            clock=clock,
            chance=random.Random(1),
            make_decoder=decoder_of,
            listen=listener(clock),
            terminals=terminals,
        )
        box = TerminalBox(shop, till, terminals, supervisor)

        async def watch() -> None:
            async for each in till.watch(TILL):
                box.shown.append(each)

        await terminals.begin()
        async with running(terminals.tend(), watch()):
            try:
                yield box
            finally:
                await supervisor.stop()
