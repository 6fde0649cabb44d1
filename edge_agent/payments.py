"""The money at the tills of a store: the only place with its rules, asked by pages and by any driver.

    Pay, Refund, TopUp, Undo  ->  one transaction of leases, journal and records, the anchor  ->  the answer

The answer is given when the disk, and then the anchor, has it. The same question of the same till under the
same number (`txn`) has the answer of the first time. Card numbers come as tokens; a PIN is never kept.
"""

from __future__ import annotations

from edge_agent.store.journal import PaymentShown
from sync.contract.questions import (
    Balance,
    Declined,
    Paid,
    Pay,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)


class Payments:
    """One per store."""

    async def pay(self, question: Pay) -> Paid | Declined:
        """Takes from the card's leases; when they are short, asks for more and waits a moment."""
        raise NotImplementedError

    async def refund(self, question: Refund) -> Refunded | Declined:
        """Gives back to the purses that paid, never more than they did."""
        raise NotImplementedError

    async def top_up(self, question: TopUp) -> ToppedUp | Declined:
        """Puts what the customer gave onto the card, with the line up or down."""
        raise NotImplementedError

    async def undo(self, question: Undo) -> Undone | Declined:
        """Takes a payment back that the till did not act on; one that comes later is refused."""
        raise NotImplementedError

    async def balance(self, card: str = "", member: str = "") -> Balance | Declined:
        """What is on the card of that token, or on the purses of that member."""
        raise NotImplementedError

    async def payments_of(self, receipt: str) -> tuple[PaymentShown, ...]:
        """What cards paid of a receipt in this store, for the page that gives back."""
        raise NotImplementedError
