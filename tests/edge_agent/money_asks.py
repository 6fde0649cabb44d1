"""What a till asks about money, with everything that a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from sync.contract.questions import Pay, Refund, TopUp
from tests.edge_agent.money_shop import CARD


def pay(amount: int, txn: str = "t1", **changed: Any) -> Pay:
    asked: dict[str, Any] = {
        "till": "1",
        "txn": txn,
        "amount_minor": amount,
        "currency": "CNY",
        "card": CARD,
        "receipt": f"r-{txn}",
        "cashier": "anna",
    }
    return Pay(**asked | changed)


def back(amount: int, txn: str = "b1", of: str = "t1", **changed: Any) -> Refund:
    asked: dict[str, Any] = {"till": "1", "txn": txn, "amount_minor": amount, "currency": "CNY", "of_txn": of}
    return Refund(**asked | changed)


def top(amount: int, txn: str = "u1", **changed: Any) -> TopUp:
    asked: dict[str, Any] = {
        "till": "1",
        "txn": txn,
        "amount_minor": amount,
        "currency": "CNY",
        "card": CARD,
        "receipt": f"r-{txn}",
    }
    return TopUp(**asked | changed)
