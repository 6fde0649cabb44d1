"""What a terminal says of an end that was not good: result codes of PA00P015, chapter 10."""

from __future__ import annotations

OK = 0x00
CARD_DATA_MISSING = 0x65
ABORTED = 0x6C
WRONG_CURRENCY = 0x6F
NOT_POSSIBLE = 0x83
PROTOCOL_ERROR = 0x9A
PLEASE_WAIT = 0x9C
PARTLY_ISSUED = 0x9D
NOT_READY = 0xA0
ALREADY_REVERSED = 0xB4
REVERSAL_NOT_POSSIBLE = 0xB5
TOO_SMALL = 0xC8
SYSTEM_ERROR = 0xFF

# 1 to 63 hex are codes of the network operator's system, as ISO 8583 has them: 05 is "do not honour".
OF_REASON: dict[str, int] = {
    "aborted": ABORTED,
    "no_card": ABORTED,
    "busy": NOT_READY,
    "wrong": PROTOCOL_ERROR,
    "txn_reused": PROTOCOL_ERROR,
    "not_enrolled": NOT_POSSIBLE,
    "fenced": NOT_POSSIBLE,
    "no_reload": NOT_POSSIBLE,
    "disk_full": 0xB1,
    "trouble": SYSTEM_ERROR,
    "undone": ALREADY_REVERSED,
    "unknown_sale": REVERSAL_NOT_POSSIBLE,
    "ambiguous_sale": REVERSAL_NOT_POSSIBLE,
    "receipt_used": REVERSAL_NOT_POSSIBLE,
    "unknown": 0x7A,
    "archived": 0x7A,
    "lost": 0x6E,
    "blocked": 0x6E,
    "frozen": 0x05,
    "stopped": 0x05,
    "expired": 0x78,
    "currency": WRONG_CURRENCY,
    "empty": 0x71,
    "short": 0x71,
    "offline": 0xA3,
    "epoch": 0xA3,
    "offline_cap": 0xC3,
    "card_cap": 0xC3,
    "store_cap": 0xC3,
    "top_max": 0xC3,
    "balance_max": 0xC3,
    "too_much": 0xC3,
    "velocity": 0x41,  # ISO 8583's 65: too often
    "pin_needed": 0x37,  # decimal 55: PIN incorrect
    "pin_wrong": 0x37,
    "pin_locked": 0x4B,  # decimal 75: tried too often
    "pin_unset": 0xEC,
    "pin_offline": 0xEC,
}


def of(reason: str) -> int:
    """The result code for a Reason, ``aborted`` or ``busy``; of one that nobody foresaw, a system error."""
    return OF_REASON.get(reason, SYSTEM_ERROR) if reason else OK
