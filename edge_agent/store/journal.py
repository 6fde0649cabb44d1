"""What the tills of this store did with money, by their own numbers."""

from __future__ import annotations

import msgspec


class PaymentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A payment by card, as a page shows it."""

    till: str
    txn: str
    receipt: str
    cashier: str
    currency: str
    amount_minor: int
    refunded_minor: int
    wall_ms: int
