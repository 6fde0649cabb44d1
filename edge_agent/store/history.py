"""What the tills did with money, read back for their pages from the journal (store/journal.py)."""

from __future__ import annotations

import msgspec

from edge_agent.store.database import Database
from edge_agent.store.journal import PaymentShown
from edge_agent.store.lines import Sql
from sync.contract.questions import MoneyAnswer

SHOWN_MAX = 100

_PAYMENTS = """
SELECT till, txn, receipt, cashier, currency, amount,
       (SELECT coalesce(sum(returned_worth), 0) FROM part WHERE part.entry = journal.entry), wall_ms
  FROM journal WHERE kind = 'pay' AND undone = 0 AND amount > 0 AND {where} ORDER BY entry DESC LIMIT ?
"""
_OF_TILL = _PAYMENTS.format(where="till = ?")
_OF_RECEIPT = _PAYMENTS.format(where="receipt = ?")
_ONE = _PAYMENTS.format(where="till = ? AND txn = ?")
_answer: msgspec.json.Decoder[MoneyAnswer] = msgspec.json.Decoder(MoneyAnswer)


class History:
    """The journal of one store, for reading."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def recent(self, till: str, limit: int) -> list[PaymentShown]:
        """The till's last payments by card, newest first; at most `SHOWN_MAX`."""
        return await self._db.ask(lambda sql: _payments(sql, _OF_TILL, till, min(limit, SHOWN_MAX)))

    async def of_receipt(self, receipt: str) -> list[PaymentShown]:
        """What cards paid of a receipt at any till of this store, newest first."""
        return await self._db.ask(lambda sql: _payments(sql, _OF_RECEIPT, receipt, SHOWN_MAX))

    async def payment(self, till: str, txn: str) -> PaymentShown | None:
        """One payment by the till's own number."""
        found = await self._db.ask(lambda sql: _payments(sql, _ONE, till, txn, 1))
        return found[0] if found else None

    async def told(self, till: str, txn: str) -> MoneyAnswer | None:
        """What the till was told under that number; None when it never asked, or nothing came of it."""
        row = await self._db.ask(
            lambda sql: sql.execute(
                "SELECT answer FROM journal WHERE till = ? AND txn = ?", (till, txn)
            ).fetchone()
        )
        return _answer.decode(row[0]) if row else None


def _payments(sql: Sql, query: str, *wanted: str | int) -> list[PaymentShown]:
    return [
        PaymentShown(
            till=till,
            txn=txn,
            receipt=receipt,
            cashier=cashier,
            currency=currency,
            amount_minor=amount,
            refunded_minor=refunded,
            wall_ms=wall_ms,
        )
        for till, txn, receipt, cashier, currency, amount, refunded, wall_ms in sql.execute(query, wanted)
    ]
