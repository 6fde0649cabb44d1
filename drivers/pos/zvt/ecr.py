"""The till's side: its commands as APDUs, for the simulator, the tests, and whoever speaks to a terminal."""

from __future__ import annotations

from drivers.pos.zvt import answers, apdu, bmp, commands, results, tlv

ZEROS = "000000"  # the password that many terminals come with
OK = answers.good()
WAIT = answers.refused(results.PLEASE_WAIT)
NO_GOODS = answers.refused(0x66)


def registration(config: int = 0x9A, *, password: str = ZEROS, currency: int | None = None) -> bytes:
    """06 00; 9A: intermediate statuses, no amounts typed at the terminal, receipts as lines."""
    return apdu.encode(
        commands.REGISTRATION,
        bytes.fromhex(password) + bytes([config]) + (b"" if currency is None else bmp.bcd(currency, 2)),
    )


def authorisation(
    amount_minor: int,
    *,
    currency: int | None = None,
    wait_s: int | None = None,
    repeats: int | None = None,
    last_seen: int | None = None,
    card: str = "",
) -> bytes:
    """06 01. `last_seen` 0 is a till that has seen none yet; `card` one that it has read itself."""
    data = _amount(amount_minor) + _currency(currency)
    if card:
        data += bmp.encode(0x22, bytes.fromhex(card + "F" * (len(card) % 2)))
    if wait_s is not None:
        data += bmp.encode(0x01, bytes([wait_s]))
    if repeats is not None:
        data += bmp.encode(0x02, bytes([repeats]))
    if last_seen is not None:
        number = last_seen.to_bytes(2, "big") if last_seen else b""
        data += bmp.encode(0x06, tlv.encode({answers.UNIQUE: number}))
    return apdu.encode(commands.AUTHORISATION, data)


def refund(amount_minor: int, *, password: str = ZEROS) -> bytes:
    """06 31."""
    return apdu.encode(commands.REFUND, bytes.fromhex(password) + _amount(amount_minor))


def top_up(amount_minor: int, *, mode: int = 2) -> bytes:
    """06 09; mode 2: the customer paid cash, 3: by card."""
    return apdu.encode(commands.TOP_UP, bytes([0, 0, mode]) + _amount(amount_minor))


def reversal(receipt: int, *, password: str = ZEROS, amount_minor: int | None = None) -> bytes:
    """06 30."""
    amount = b"" if amount_minor is None else _amount(amount_minor)
    data = bytes.fromhex(password) + bmp.encode(0x87, bmp.bcd(receipt, 2)) + amount
    return apdu.encode(commands.REVERSAL, data)


def end_of_day(*, password: str = ZEROS) -> bytes:
    """06 50."""
    return apdu.encode(commands.END_OF_DAY, bytes.fromhex(password))


def repeat_receipt(*, password: str = ZEROS) -> bytes:
    """06 20, which asks for the last status information."""
    return apdu.encode(commands.REPEAT_RECEIPT, bytes.fromhex(password) + bmp.encode(0x03, b"\x03"))


def status_enquiry(*, password: str = ZEROS) -> bytes:
    """05 01."""
    return apdu.encode(commands.STATUS_ENQUIRY, bytes.fromhex(password))


def balance() -> bytes:
    """06 03."""
    return apdu.encode(commands.BALANCE)


def read_card(timeout_s: int) -> bytes:
    """06 C0."""
    return apdu.encode(commands.READ_CARD, bytes([timeout_s]))


def abort() -> bytes:
    """06 B0."""
    return apdu.encode(commands.ABORT_ASKED)


def log_off() -> bytes:
    """06 02."""
    return apdu.encode(commands.LOG_OFF)


def partly_issued(amount_minor: int) -> bytes:
    """84 9D: goods for so much were given out, and no more."""
    return apdu.encode(0x8400 | results.PARTLY_ISSUED, _amount(amount_minor))


def _amount(amount_minor: int) -> bytes:
    return bmp.encode(0x04, bmp.bcd(amount_minor, 6))


def _currency(number: int | None) -> bytes:
    return b"" if number is None else bmp.encode(0x49, bmp.bcd(number, 2))
