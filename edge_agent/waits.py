"""Who waits at a till for a card or a PIN: at most one device a till, for a limited time.

A wait has a number, which the page sends back with the PIN: typed for one amount, it pays no other. And it
belongs to its device: no other one ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from edge_agent.shown import Shown, Wanted
from sync.contract.questions import Declined
from sync.contract.terminal import CardAwaited, CardThere, PinAwaited, PinGiven

LIMIT_MS_MAX = 180_000  # longer than any protocol lets a customer look for a card


class Wait(NamedTuple):
    """One device's; `found` is None when nothing came."""

    wanted: Wanted
    device: str
    found: asyncio.Future[CardThere | PinGiven | None]


class Waits:
    """The waits of all tills. A device's new one ends its last; another's is declined while one stands."""

    def __init__(self, tell: Callable[[str, Shown], None]) -> None:
        """`tell` shows something on the pages of a till."""
        self._tell = tell
        self._standing: dict[str, Wait] = {}  # by till
        self._number = 0

    async def card(self, question: CardAwaited) -> CardThere | Declined:
        """The next card shown at the till."""
        wanted = Wanted(question.till, "card", question.amount_minor, question.currency)
        found = await self._wait(wanted, question.device, question.limit_ms)
        return found if isinstance(found, CardThere) else Declined("no_card")

    async def pin(self, question: PinAwaited) -> PinGiven | Declined:
        """What is typed at the till's page."""
        wanted = Wanted(question.till, "pin", question.amount_minor, question.currency, question.again)
        found = await self._wait(wanted, question.device, question.limit_ms)
        return found if isinstance(found, PinGiven) else Declined("pin_needed")

    def wanted(self, till: str) -> Wanted | None:
        """What the till is waited at for now."""
        standing = self._standing.get(till)
        return standing.wanted if standing is not None else None

    def show(self, till: str, there: CardThere) -> None:
        """A card was shown there."""
        standing = self._standing.get(till)
        if standing is not None and standing.wanted.what == "card":
            _end(standing, there)

    def give_pin(self, till: str, number: int, pin: str) -> bool:
        """A PIN was typed there for the wait of that number; whether it stands."""
        standing = self._standing.get(till)
        if standing is None or standing.wanted.what != "pin" or standing.wanted.number != number:
            return False
        return _end(standing, PinGiven(pin=pin))

    def refuse(self, till: str, number: int) -> None:
        """The customer will not, says the page: the wait of that number ends."""
        standing = self._standing.get(till)
        if standing is not None and standing.wanted.number == number:
            _end(standing, None)

    def never_mind(self, till: str, device: str) -> None:
        """That device waits there no more."""
        standing = self._standing.get(till)
        if standing is not None and standing.device == device:
            _end(standing, None)

    async def _wait(self, wanted: Wanted, device: str, limit_ms: int) -> CardThere | PinGiven | None:
        till, before = wanted.till, self._standing.get(wanted.till)
        if before is not None and before.device != device and not before.found.done():
            return None
        self.never_mind(till, device)
        self._number += 1
        wanted = msgspec.structs.replace(wanted, number=self._number)
        mine = self._standing[till] = Wait(wanted, device, asyncio.get_running_loop().create_future())
        self._tell(till, wanted)
        try:
            async with asyncio.timeout(min(limit_ms, LIMIT_MS_MAX) / 1000):
                return await mine.found
        except TimeoutError:
            return None
        finally:
            if self._standing.get(till) is mine:
                del self._standing[till]
                self._tell(till, Wanted(till, ""))


def _end(wait: Wait, found: CardThere | PinGiven | None) -> bool:
    if wait.found.done():
        return False
    wait.found.set_result(found)
    return True
