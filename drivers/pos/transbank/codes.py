"""Transbank's response codes, for the Reasons (sync/contract/questions.py) that a payment may meet here."""

from __future__ import annotations

OK = "00"
NOT_SUPPORTED, BAD_TICKET, BAD_AMOUNT = "12", "70", "72"
NO_SALE, ALREADY_REVERSED, NOTHING_TO_REVERSE, NOT_REVERSIBLE = "11", "04", "05", "21"
NO_HOST, CANCELLED, TIMEOUT, INVALID_CARD, UNSUPPORTED_CARD = "02", "07", "22", "20", "06"
GENERAL, NO_TERMINAL, BAD_REQUEST, DECLINED = "68", "73", "61", "93"

OF_REASON = {
    "wrong": BAD_REQUEST,
    "txn_reused": BAD_REQUEST,
    "not_enrolled": NO_TERMINAL,
    "fenced": NO_HOST,
    "offline": NO_HOST,
    "epoch": NO_HOST,
    "pin_offline": NO_HOST,
    "disk_full": GENERAL,
    "trouble": GENERAL,
    "busy": GENERAL,
    "no_card": TIMEOUT,
    "pin_needed": CANCELLED,
    "aborted": CANCELLED,
    "unknown": INVALID_CARD,
    "archived": INVALID_CARD,
    "currency": UNSUPPORTED_CARD,
}
OF_REASON_TO_REVERSE = OF_REASON | {
    "undone": ALREADY_REVERSED,
    "unknown_sale": NOTHING_TO_REVERSE,
    "too_much": NOT_REVERSIBLE,
}


def of(reason: str) -> str:
    """Why nothing was paid. Lost, blocked and expired cards and all limits are `93`: the cashier need not
    know which, and the till's page says it."""
    return OF_REASON.get(reason, DECLINED) if reason else OK


def of_reversal(reason: str) -> str:
    """Why nothing was given back."""
    return OF_REASON_TO_REVERSE.get(reason, NOT_REVERSIBLE) if reason else OK
