"""A terminal whose protocol is Python, for tests of what all of them do."""

from __future__ import annotations

import asyncio
from typing import Any

from drivers.base import Heard
from drivers.pos.conversations import Habits, Outcome
from drivers.pos.terminal import Terminal
from edge_agent.session import Session
from edge_agent.tally import Tally
from tests.edge_agent.terminal_box import TILL, TerminalBox

HABITS = Habits(scheme="test", currency="CNY", card_wait_ms=5_000, repeat_ms=60_000)


class Device:
    """A terminal whose protocol is Python: what it begins is asked, what comes of it stands in `outcomes`."""

    def __init__(self, box: TerminalBox, habits: Habits = HABITS, name: str = "terminal") -> None:
        self.terminal = Terminal(habits)
        self.outcomes: list[Outcome] = []
        self.stirred = asyncio.Event()
        self.session = Session(
            device=name,
            till_name=TILL,
            till=box.till,
            outbox=box.shop.outbox,
            tally=Tally(box.shop.clock),
            answer=self.terminal.answer,
            terminals=box.terminals,
            stir=self.stirred.set,
        )

    async def go_on(self) -> None:
        """Asks until there is nothing more to ask."""
        while asked := self.terminal.questions():
            await self.session.hear([Heard(0, each) for each in asked])
        self.outcomes += self.terminal.outcomes()

    async def until_over(self) -> Outcome:
        async with asyncio.timeout(5):
            await self.go_on()
            while self.terminal.busy:
                await self.stirred.wait()
                self.stirred.clear()
                await self.go_on()
        return self.outcomes[-1]

    async def pay(self, amount: int, **named: Any) -> Outcome:
        self.terminal.pay(amount, **named)
        return await self.until_over()
