"""What tills and Transbank's POS Integrado say to each other: fields between bars, the first one the command.

    0200|1500|A12345|||1|          a sale: amount, ticket, nothing, nothing, "say how it goes"
    0900|78                        the terminal says how it goes
    0210|00|597029414300|ABCD1234|A12345|XZ1234|1500|0||6677|60|CR|||AX|22112026|101112|1|0|

Source: TransbankDevelopers/transbank-developers-docs, referencia/posintegrado. The last bar is sometimes not
there, in what the SDKs send as well; amounts may have zeros in front.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

POLL, NORMAL_MODE, KEYS = "0100", "0300", "0800"
SALE, LAST_SALE, DETAIL, REVERSAL, TOTALS, CLOSE = "0200", "0250", "0260", "1200", "0700", "0500"
STATUS = "0900"
READING_CARD, ASKING_PIN, SENDING = "78", "81", "82"  # codes of a STATUS
REPLIES = {
    SALE: "0210",
    LAST_SALE: "0260",
    DETAIL: "0261",
    REVERSAL: "1210",
    TOTALS: "0710",
    CLOSE: "0510",
    KEYS: "0810",
    "0270": "0271",  # the same for several shops at one terminal
    "0280": "0281",
    "0290": "0291",
}

_HEAD = ("response", "commerce", "terminal")
_WHEN = ("card_type", "accounting_date", "account", "brand", "date", "time", "employee", "tip")
_SOLD = (*_HEAD, "ticket", "auth", "amount", "shares", "share_amount", "last4", "operation", *_WHEN)
_LISTED = (*_HEAD, "ticket", "auth", "amount", "last4", "operation", *_WHEN, "share_amount", "shares")
LAYOUTS: dict[str, tuple[str, ...]] = {
    SALE: ("amount", "ticket", "", "", "send_status"),
    "0270": ("amount", "ticket", "", "", "send_status", "provider"),
    DETAIL: ("to_till",),
    "0290": ("to_till",),
    "0280": ("voucher",),
    REVERSAL: ("operation",),
    STATUS: ("code",),
    "0210": _SOLD,
    "0261": _LISTED,
    "0271": (*_SOLD, "voucher", "change", "provider"),
    "0281": (*_SOLD, "voucher", "change", "provider"),
    "0291": (*_LISTED, "change", "provider"),
    "0510": _HEAD,
    "0710": ("response", "count", "total"),
    "0810": _HEAD,
    "1210": (*_HEAD, "auth", "operation"),
}
_NUMBERS = {"amount", "share_amount", "tip", "count", "total", "change"}
_FLAGS = {"send_status", "to_till"}
_LAST_SALE_FIELDS_MIN = 3  # 0260 is also what a till says with one field; a reply has many


def read(data: bytes) -> dict[str, Any]:
    """A frame's data by name. What is no number stays text, and every field stands in `fields` as well."""
    command, *fields = data.decode("latin-1").split("|")
    said: dict[str, Any] = {"command": command, "fields": fields}
    layout = LAYOUTS.get(command, ())
    if command == DETAIL and len(fields) >= _LAST_SALE_FIELDS_MIN:
        layout = _SOLD
    for name, text in zip(layout, fields, strict=False):
        if name in _NUMBERS:
            said[name] = int(text) if text.isascii() and text.isdigit() else text
        elif name in _FLAGS:
            said[name] = text == "1"
        elif name:
            said[name] = text
    return said


def is_reply(said: dict[str, Any]) -> bool:
    """Whether it is what a terminal says, not a till."""
    command = said["command"]
    if command == DETAIL:
        return "response" in said
    return command == STATUS or command in REPLIES.values()


def write(command: str, *fields: object, bar: bool = False) -> bytes:
    """The data of a frame; with a last `bar` behind all."""
    return "|".join([command, *map(str, fields), *([""] if bar else [])]).encode("latin-1", "replace")


def sold(command: str, **known: object) -> bytes:
    """A sale as 0210, 0260 and 0261 tell it; fields that are not `known` are empty."""
    layout = _SOLD if command == REPLIES[LAST_SALE] else LAYOUTS[command]
    return write(command, *(known.get(name, "") for name in layout))


def not_done(command: str, response: str) -> bytes:
    """The reply to a command, of any length that it may have, that says no."""
    reply = REPLIES.get(command, f"{(int(command) + 10) % 10_000:04d}")
    layout = _SOLD if command == LAST_SALE else LAYOUTS.get(reply, _HEAD)
    return write(reply, response, *[""] * (len(layout) - 1))


def date_and_time(wall_ms: int) -> dict[str, str]:
    """As the box's own zone has it; empty when nobody knows."""
    if not wall_ms:
        return {}
    at = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone()
    return {"date": at.strftime("%d%m%Y"), "time": at.strftime("%H%M%S")}


def all_digits(text: Iterable[str]) -> bool:
    """Whether it is a number as the protocol has them."""
    return (joined := "".join(text)).isascii() and joined.isdigit()
