"""What happens at a till, in the words that a display's driver knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from drivers.base import Told
from edge_agent.shown import Deed, Swipe
from edge_agent.till import Till
from sync.contract.questions import Balance


async def told_at(till: Till, name: str) -> AsyncIterator[Told]:
    """Who was shown at the till `name`, what moved there, and then what the card holds; without end."""
    async with aclosing(till.watch(name)) as watched:
        async for shown in watched:
            swipe = shown if isinstance(shown, Swipe) else next(iter(till.recent(name)), None)
            if isinstance(shown, Swipe | Deed) and shown.answer is not None:
                yield shown.answer
            if swipe is not None and swipe.card:
                balance = await till.balance(swipe.card, swipe.member)
                if isinstance(balance, Balance) and balance.purses:
                    yield balance
