"""What the terminal says to the till. Fields stand in the standard's order, on which old tills rely."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.pos.zvt import apdu, bmp, commands, results, tlv
from sync.contract.terminal import Day

ONLINE = 0x60
GIFT_CARD = 47  # in the list of card types, chapter 12
UNIQUE = "1F1F"  # the tag by which a till mirrors the last receipt number (chapter 4)
_COUNT_MAX = 0xFF


def good(data: bytes = b"") -> bytes:
    """80 00: the command was understood."""
    return apdu.encode(commands.GOOD, data)


def refused(code: int) -> bytes:
    """84 xx: it was not, or cannot be now."""
    return apdu.encode(0x8400 | code)


def wrong_currency(own: int) -> bytes:
    """84 1E, to a registration in another currency than ours."""
    return apdu.encode(0x841E, bytes([results.WRONG_CURRENCY]) + bmp.bcd(own, 2))


def registered(terminal_id: str, currency: int | None) -> bytes:
    """06 0F after a registration; the currency only for a till that said one."""
    data = bmp.encode(0x19, b"\0") + bmp.encode(0x29, bytes.fromhex(terminal_id))
    return apdu.encode(commands.COMPLETION, data + _currency(currency))


def ready(software: str) -> bytes:
    """06 0F after a status enquiry: ready. `software` may be empty."""
    name = software.encode("ascii")
    version = bmp.encode_decimal_length(len(name), 3) + name if name else b""
    return apdu.encode(commands.COMPLETION, version + b"\0")


def completion(code: int = results.OK) -> bytes:
    """06 0F: the till may command again."""
    return apdu.encode(commands.COMPLETION, bmp.encode(0x27, bytes([code])) if code else b"")


def abort(code: int) -> bytes:
    """06 1E: what the till wanted did not come about. A terminal may say its currency with a wrong one; as it
    would stand there without a number, tills (ecrterm) take it for a bitmap: it is left out."""
    return apdu.encode(commands.ABORT, bytes([code]))


def intermediate(status: int) -> bytes:
    """04 FF: what is being waited for."""
    return apdu.encode(commands.INTERMEDIATE, bytes([status]))


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A transaction, as the till is to print it."""

    amount_minor: int
    receipt: int
    trace: int
    terminal_id: str
    card_name: str = ""
    currency: int | None = None
    text: str = ""
    unique: bool = False  # the receipt number also as the tag that a till mirrors


def status(code: int, moved: Moved | None = None, terminal_id: str = "") -> bytes:
    """04 0F: how a transaction ended."""
    data = bmp.encode(0x27, bytes([code]))
    if moved is None:
        return apdu.encode(commands.STATUS, data + bmp.encode(0x29, bytes.fromhex(terminal_id)))
    data += bmp.encode(0x04, bmp.bcd(moved.amount_minor, 6)) + bmp.encode(0x0B, bmp.bcd(moved.trace, 3))
    data += bmp.encode(0x19, bytes([ONLINE])) + bmp.encode(0x29, bytes.fromhex(moved.terminal_id))
    data += _currency(moved.currency) + bmp.encode(0x87, bmp.bcd(moved.receipt, 2))
    data += bmp.encode(0x8A, bytes([GIFT_CARD]))
    if moved.text:
        data += bmp.encode(0x3C, moved.text.encode("ascii", "replace"))
    if moved.card_name:
        data += bmp.encode(0x8B, moved.card_name.encode("ascii", "replace") + b"\0")
    if moved.unique:
        data += bmp.encode(0x06, tlv.encode({UNIQUE: moved.receipt.to_bytes(2, "big")}))
    return apdu.encode(commands.STATUS, data)


def balance(amount_minor: int, terminal_id: str, currency: int | None) -> bytes:
    """04 0F after a balance request."""
    data = bmp.encode(0x27, b"\0") + bmp.encode(0x04, bmp.bcd(amount_minor, 6))
    data += bmp.encode(0x29, bytes.fromhex(terminal_id)) + _currency(currency)
    return apdu.encode(commands.STATUS, data)


def card(who: str) -> bytes:
    """04 0F after a card was read: on track 1, whose it is."""
    return apdu.encode(
        commands.STATUS, bmp.encode(0x27, b"\0") + bmp.encode(0x2D, who.encode("ascii", "replace"))
    )


def sums(day: Day, currency: int | None) -> bytes:
    """04 0F after an end of day. All of it is with the "remaining cards"; 255 stands for more, too."""
    net_minor = max(0, day.paid_minor - day.refunded_minor)
    count = min(day.paid + day.refunded, _COUNT_MAX)
    totals = bytes(4) + 6 * bytes(7) + bytes([count]) + bmp.bcd(net_minor, 6)
    data = bmp.encode(0x27, b"\0") + bmp.encode(0x04, bmp.bcd(net_minor, 6)) + bmp.encode(0x60, totals)
    return apdu.encode(commands.STATUS, data + bmp.encode(0x0B, bmp.bcd(day.number, 3)) + _currency(currency))


def _currency(number: int | None) -> bytes:
    return b"" if number is None else bmp.encode(0x49, bmp.bcd(number, 2))
