"""How much of what members prepaid must lie in custody at a bank, and what is short. Pure.

The rules on prepaid cards ask an issuer for a part of the last quarter's balance (MOFCOM order 9 of 2012,
articles 26 and 27); `law.py` has the percentage for each kind of issuer. Only what was paid counts: bonus
money and points are nobody's deposit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from central_server.ledger.law import CUSTODY_BP, Issuer, custody_due


@dataclass(frozen=True)
class Custody:
    """One unit of one issuer for the quarter that ended on `last`. Amounts are minor units."""

    unit: str
    last: date
    balance: int  # prepaid and not used, at the end of that day
    issuer: Issuer
    held: int  # what the bank confirmed

    @property
    def percent(self) -> float:
        """What the law asks of an issuer of that kind."""
        return CUSTODY_BP[self.issuer] / 100

    @property
    def needed(self) -> int:
        """Rounded up: a fen too little is too little."""
        return custody_due(self.issuer, max(self.balance, 0))

    @property
    def short(self) -> int:
        """What has to be paid in still; zero when there is enough."""
        return max(self.needed - self.held, 0)

    @property
    def ratio(self) -> float | None:
        """Held over balance, 0..1 and more; None when nothing is owed."""
        return self.held / self.balance if self.balance > 0 else None
