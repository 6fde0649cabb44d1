"""Who waits at a till for a card or a PIN: at most one device a till, for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from edge_agent.shown import Shown, Wanted
from sync.contract.questions import Declined
from sync.contract.terminal import CardAwaited, CardThere, PinAwaited, PinGiven

_T = TypeVar("_T", CardThere, PinGiven)
LIMIT_MS_MAX = 180_000  # longer than any protocol lets a customer look for a card


class Waits:
    """The waits of all tills of a store. A new one of a till ends the one before."""

    def __init__(self, tell: Callable[[str, Shown], None]) -> None:
        """`tell` shows something on the pages of a till."""
        self._tell = tell
        self._cards: dict[str, asyncio.Future[CardThere | None]] = {}
        self._pins: dict[str, asyncio.Future[PinGiven | None]] = {}
        self._wanted: dict[str, Wanted] = {}

    async def card(self, question: CardAwaited) -> CardThere | Declined:
        """The next card shown at the till."""
        wanted = Wanted(question.till, "card", question.amount_minor, question.currency)
        found = await self._wait(self._cards, wanted, question.limit_ms)
        return found or Declined("no_card")

    async def pin(self, question: PinAwaited) -> PinGiven | Declined:
        """What is typed at the till's page."""
        wanted = Wanted(question.till, "pin", question.amount_minor, question.currency, again=question.again)
        found = await self._wait(self._pins, wanted, question.limit_ms)
        return found or Declined("pin_needed")

    def wanted(self, till: str) -> Wanted | None:
        """What the till is waited at for now."""
        return self._wanted.get(till)

    def show(self, till: str, there: CardThere) -> None:
        """A card was shown there."""
        _end(self._cards.get(till), there)

    def give_pin(self, till: str, pin: str) -> bool:
        """A PIN was typed there; whether anybody wanted one."""
        return _end(self._pins.get(till), PinGiven(pin=pin))

    def never_mind(self, till: str) -> None:
        """Nobody waits there any more."""
        _end(self._cards.get(till), None)
        _end(self._pins.get(till), None)

    async def _wait(
        self, waiting: dict[str, asyncio.Future[_T | None]], wanted: Wanted, limit_ms: int
    ) -> _T | None:
        self.never_mind(wanted.till)
        mine: asyncio.Future[_T | None] = asyncio.get_running_loop().create_future()
        waiting[wanted.till] = mine
        self._wanted[wanted.till] = wanted
        self._tell(wanted.till, wanted)
        try:
            async with asyncio.timeout(min(limit_ms, LIMIT_MS_MAX) / 1000):
                return await mine
        except TimeoutError:
            return None
        finally:
            if waiting.get(wanted.till) is mine:
                del waiting[wanted.till]
            if self._wanted.get(wanted.till) is wanted:
                del self._wanted[wanted.till]
                self._tell(wanted.till, Wanted(wanted.till, ""))


def _end(waiting: asyncio.Future[_T | None] | None, found: _T | None) -> bool:
    if waiting is None or waiting.done():
        return False
    waiting.set_result(found)
    return True
