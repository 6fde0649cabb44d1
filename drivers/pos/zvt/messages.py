"""What an APDU says: its fixed parameters, then its bitmaps, by the names that the golden vectors use.

Card numbers and tracks are never shown whole, not even to a technician: of a number the first six digits and
the last four stay, as terminals print it; of a track nothing does. `apdu_hex` is masked alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drivers.pos.zvt import apdu, bmp, commands, tlv

WITH_PASSWORD = frozenset(
    {
        commands.REVERSAL,
        commands.REFUND,
        commands.END_OF_DAY,
        commands.REPEAT_RECEIPT,
        commands.STATUS_ENQUIRY,
        0x0610,
        0x0612,
        0x061B,
        0x0693,
        0x0695,
    }
)
_WITH_CARD = frozenset(
    {
        commands.STATUS,
        commands.AUTHORISATION,
        commands.BALANCE,
        commands.REVERSAL,
        commands.REFUND,
        commands.READ_CARD,
        0x0604,
        0x0609,
        0x060C,
        *range(0x0621, 0x0627),
    }
)
_OF_COMPLETION = frozenset({0x27, 0x0C, 0xAA, 0x19, 0x29, 0x49, 0x06})
_CARD_GROUPS = ("girocard", "jcb", "eurocard", "amex", "visa", "diners", "others")


@dataclass(frozen=True)
class Message:
    """One APDU, read. `bitmaps` has the newest value of each number."""

    control: int
    raw: bytes
    fields: dict[str, Any]
    bitmaps: dict[int, bytes]
    tags: dict[str, bytes] = field(default_factory=dict)  # of the container, topmost
    whole: bool = True  # False: reading stopped at a bitmap that is unknown or cut off
    secrets: tuple[bmp.Bitmap, ...] = ()  # where in the data a card stands
    read_bytes: int = 0  # of the data

    def number(self, bitmap: int) -> int | None:
        """The BCD number of that bitmap; None when it is not there, or is no number."""
        value = self.bitmaps.get(bitmap)
        return None if value is None else bmp.from_bcd(value)

    def byte(self, bitmap: int) -> int | None:
        """The byte of that bitmap."""
        value = self.bitmaps.get(bitmap)
        return None if not value else value[0]


def read(raw: bytes) -> Message:
    """What a whole APDU says. Never raises."""
    control = apdu.control_of(raw)
    data = apdu.data_of(raw)
    fields: dict[str, Any] = {"command": commands.name_of(control)}
    at = _fixed(control, data, fields)
    bitmaps: dict[int, bytes] = {}
    tags: dict[str, bytes] = {}
    secrets: list[bmp.Bitmap] = []
    end = at
    for each in bmp.bitmaps(data, at):
        end = each.at + len(each.value)
        bitmaps[each.number] = each.value
        if each.number == 0x06:
            tags |= dict(tlv.elements(each.value))
        elif each.number in _SECRET:
            secrets.append(each)
        _NAMED.get(each.number, _other)(each, control, fields)
    if end < len(data):
        fields["unread_hex"] = _hidden(data[end:], control).hex()
    if control == commands.PRINT_TEXT_BLOCK or (control == commands.INTERMEDIATE and "tlv" in fields):
        _printed(bitmaps.get(0x06, b""), fields)
    return Message(control, raw, fields, bitmaps, tags, end >= len(data), tuple(secrets), end)


def masked(message: Message) -> bytes:
    """The APDU with E for every digit of a card that is nobody's business."""
    if message.whole and not message.secrets:
        return message.raw
    start, _ = apdu.extent(message.raw)
    hidden = bytearray(message.raw)
    for each in message.secrets:
        hidden[start + each.at : start + each.at + len(each.value)] = _masked_value(each)
    end = start + message.read_bytes
    hidden[end:] = _hidden(message.raw[end:], message.control)
    return bytes(hidden)


def text_of(raw: bytes) -> str:
    """Text of a receipt or a display: UTF-8 when it can be, for what is none hardly ever looks like it.

    Else Latin-1, as terminals send it, or CP437, as the standard says, where that alone makes sense: 0x81 is
    ü there, and no letter in Latin-1.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437" if any(0x80 <= byte < 0xA0 for byte in raw) else "latin-1")


# ── parameters that have no bitmap ──────────────────────────────────────────────────────────────────────────


def _fixed(control: int, data: bytes, fields: dict[str, Any]) -> int:
    """Fills in what stands before the bitmaps; says where they begin."""
    if control >> 8 == 0x84:
        fields["result_code"] = control & 0xFF
    match control:
        case 0x0600:
            return _registration(data, fields)
        case 0x04FF:
            return _intermediate(data, fields)
        case 0x060F:
            return _completion(data, fields)
        case 0x061E | 0x841E if data:
            return _aborted(control, data, fields)
        case 0x0609 if len(data) >= 3:
            fields["prepaid_card_id"], fields["payment_mode"] = data[:2].hex(), data[2]
            return 3
        case 0x06C0 if data:
            fields["timeout_s"] = data[0]
            return 1
        case 0x06D1 if data:
            fields["attribute"] = data[0]
            fields["text"] = "" if data[0] == 0xFF else text_of(data[1:])
            return len(data)
    if control in WITH_PASSWORD and len(data) >= 3:
        fields["password"] = data[:3].hex()
        return 3
    return 0


def _registration(data: bytes, fields: dict[str, Any]) -> int:
    if len(data) < 4:
        return len(data)
    fields["password"] = data[:3].hex()
    fields["config_byte"] = data[3]
    # The service byte and the container may only follow a currency, so whatever follows is one.
    fields["currency"] = _currency(data[4:6]) if len(data) >= 6 else None
    return 6 if len(data) >= 6 else len(data)


def _intermediate(data: bytes, fields: dict[str, Any]) -> int:
    if not data:
        return 0
    fields["status"] = data[0]
    start, count = tlv.length_at(data, 2) if data[1:2] == b"\x06" else (-1, 0)
    if len(data) < 2 or start + count == len(data):  # a container, without the time that should precede it
        return 1
    fields["timeout_min"] = bmp.from_bcd(data[1:2])
    return 2


def _completion(data: bytes, fields: dict[str, Any]) -> int:
    at = 0
    start, count = bmp.decimal_length_at(data, 0, 3)
    if start > 0 and start + count <= len(data):  # of a status enquiry; no bitmap of this message begins so
        fields["software"] = text_of(data[start : start + count])
        at = start + count
    if at < len(data) and (at > 0 or data[0] not in _OF_COMPLETION or len(data) == 1):
        fields["terminal_status"] = fields["status"] = data[at]
        at += 1
    return at


def _aborted(control: int, data: bytes, fields: dict[str, Any]) -> int:
    fields["result_code"] = data[0]
    if data[0] == 0x6F and len(data) >= 3 and data[1] < 0x10 and data[1] != 0x06:
        fields["currency"] = _currency(data[1:3])
        return 3
    return 1


# ── bitmaps by name ─────────────────────────────────────────────────────────────────────────────────────────


def _digits(name: str) -> Any:
    def read_digits(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
        fields[name] = each.value.hex()

    return read_digits


def _number(name: str) -> Any:
    def read_number(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
        fields[name] = bmp.from_bcd(each.value)

    return read_number


def _byte(name: str) -> Any:
    def read_byte(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
        fields[name] = each.value[0]

    return read_byte


def _text(name: str) -> Any:
    def read_text(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
        fields[name] = text_of(each.value).strip("\0 ")

    return read_text


def _status_byte(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
    name = {commands.COMPLETION: "status_byte", commands.READ_CARD: "card_type"}.get(control, "payment_type")
    fields[name] = each.value[0]


def _money(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
    fields["currency"] = _currency(each.value)


def _card(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
    fields["card_number"] = _masked_value(each).hex().upper().removesuffix("F")


def _secret(name: str) -> Any:
    def read_secret(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
        fields[name] = f"{len(each.value)} bytes"

    return read_secret


def _container(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
    fields["tlv"] = _tree(each.value)


def _totals(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
    value = each.value
    totals: dict[str, Any] = {}
    if len(value) >= 4:
        totals = {"receipt_from": bmp.from_bcd(value[:2]), "receipt_to": bmp.from_bcd(value[2:4])}
    for n, group in enumerate(_CARD_GROUPS):
        part = value[4 + 7 * n : 11 + 7 * n]
        if len(part) == 7:
            totals[group] = {"count": part[0], "amount_minor": bmp.from_bcd(part[1:])}
    fields["totals"] = totals


def _other(each: bmp.Bitmap, control: int, fields: dict[str, Any]) -> None:
    fields[f"bmp_{each.number:02x}"] = each.value.hex()


_NAMED: dict[int, Any] = {
    0x01: _byte("timeout_s"),
    0x02: _byte("statuses_max"),
    0x03: _byte("service_byte"),
    0x04: _number("amount_minor"),
    0x05: _byte("pump"),
    0x06: _container,
    0x0B: _number("trace"),
    0x0C: _digits("time"),
    0x0D: _digits("date_mmdd"),
    0x0E: _digits("expiry_yymm"),
    0x17: _digits("card_seq"),
    0x19: _status_byte,
    0x22: _card,
    0x23: _secret("track_2"),
    0x24: _secret("track_3"),
    0x27: _byte("result_code"),
    0x29: _digits("terminal_id"),
    0x2A: _text("vu_number"),
    0x2D: _secret("track_1"),
    0x2E: _secret("chip_data"),
    0x37: _number("orig_trace"),
    0x3A: _secret("cvv"),
    0x3B: _text("aid"),
    0x3C: _text("additional_text"),
    0x3D: _digits("password"),
    0x49: _money,
    0x60: _totals,
    0x87: _number("receipt_no"),
    0x88: _number("turnover_no"),
    0x8A: _byte("card_type_id"),
    0x8B: _text("card_name"),
    0x8C: _byte("operator_card_type_id"),
    0xA0: _byte("result_code_as"),
    0xA7: _secret("ef_id"),
    0xAA: _digits("date_yymmdd"),
    0xAF: _secret("ef_info"),
    0xD1: _secret("pin_data"),
    0xF0: _byte("display_s"),
    **{0xF0 + n: _text(f"line_{n}") for n in range(1, 9)},
    0xFC: _byte("dialog_control"),
}
_SECRET = frozenset({0x22, 0x23, 0x24, 0x2D, 0x2E, 0x3A, 0xA7, 0xAF, 0xD1})


def _masked_value(each: bmp.Bitmap) -> bytes:
    """E for each digit, but of a card's number the first six and the last four."""
    if each.number != 0x22:
        return b"\xee" * len(each.value)
    nibbles = each.value.hex()
    digits = nibbles.removesuffix("f")
    kept = 6 if len(digits) > 10 else 0
    shown = digits[:kept] + "".join(d if d in "de" else "e" for d in digits[kept:-4]) + digits[-4:]
    return bytes.fromhex(shown + nibbles[len(digits) :])


def _hidden(rest: bytes, control: int) -> bytes:
    """What could not be read may hold a card, where cards are: none of it is shown."""
    return b"\xee" * len(rest) if control in _WITH_CARD else rest


def _currency(value: bytes) -> str:
    return value.hex()[-3:]


def _tree(container: bytes) -> dict[str, Any]:
    """``{"1F15": "d0", "24": {"07": "…"}}``; a tag that comes again becomes a list."""
    tree: dict[str, Any] = {}
    for tag, value in tlv.elements(container):
        shown: Any = _tree(value) if int(tag[:2], 16) & 0x20 and tlv.fits(value) else value.hex()
        if tag not in tree:
            tree[tag] = shown
        elif isinstance(tree[tag], list):
            tree[tag].append(shown)
        else:
            tree[tag] = [tree[tag], shown]
    return tree


def _printed(container: bytes, fields: dict[str, Any]) -> None:
    """Lines of a receipt or a display: tag 07, one for each."""
    lines = [text_of(value) for tag, value in tlv.leaves(container) if tag == "07"]
    if lines:
        fields["lines"] = lines
        fields["text"] = "\n".join(lines)
