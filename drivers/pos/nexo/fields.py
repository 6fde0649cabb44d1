"""What stands where in a message: read for the conversations, and flattened for the technician."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drivers.base import Note
from drivers.pos.nexo.protocol import Header, Letter, Message
from sync.contract.errors import BadId
from sync.contract.money import parse_minor
from sync.contract.questions import CardShown

Path = tuple[str, ...]
DIGITS_MAX = 15  # of an amount, before and after its point
_STORED_VALUE: Path = ("StoredValueData",)
_AMOUNTS: Path = ("PaymentTransaction", "AmountsReq")
_ORIGINAL: Path = ("OriginalPOITransaction", "POITransactionID", "TransactionID")
_REFERENCE = {
    "reference_category": ("MessageReference", "MessageCategory"),
    "reference_service_id": ("MessageReference", "ServiceID"),
    "reference_sale_id": ("MessageReference", "SaleID"),
}
_SALE: dict[str, Path] = {
    "transaction_id": ("SaleData", "SaleTransactionID", "TransactionID"),
    "cashier": ("SaleData", "OperatorID"),
}
_ENDED: dict[str, Path] = {
    "result": ("Response", "Result"),
    "error_condition": ("Response", "ErrorCondition"),
    "additional_response": ("Response", "AdditionalResponse"),
    "poi_transaction_id": ("POIData", "POITransactionID", "TransactionID"),
}
# By the name of the body: the fields of a note, and where they stand. A list stands for its first.
_FIELDS: Mapping[str, Mapping[str, Path]] = {
    "PaymentRequest": _SALE
    | {
        "type": ("PaymentData", "PaymentType"),
        "amount": (*_AMOUNTS, "RequestedAmount"),
        "currency": (*_AMOUNTS, "Currency"),
        "original": ("PaymentTransaction", *_ORIGINAL),
    },
    "PaymentResponse": {
        "type": ("PaymentResult", "PaymentType"),
        "amount": ("PaymentResult", "AmountsResp", "AuthorizedAmount"),
        "currency": ("PaymentResult", "AmountsResp", "Currency"),
    },
    "StoredValueRequest": _SALE
    | {
        "type": (*_STORED_VALUE, "StoredValueTransactionType"),
        "amount": (*_STORED_VALUE, "ItemAmount"),
        "currency": (*_STORED_VALUE, "Currency"),
        "original": (*_STORED_VALUE, *_ORIGINAL),
    },
    "StoredValueResponse": {
        "type": ("StoredValueResult", "StoredValueTransactionType"),
        "amount": ("StoredValueResult", "ItemAmount"),
        "currency": ("StoredValueResult", "Currency"),
        "balance": ("StoredValueResult", "StoredValueAccountStatus", "CurrentBalance"),
    },
    "BalanceInquiryResponse": {
        "balance": ("PaymentAccountStatus", "CurrentBalance"),
        "currency": ("PaymentAccountStatus", "Currency"),
        "points": ("LoyaltyAccountStatus", "CurrentBalance"),
    },
    "CardAcquisitionRequest": _SALE | {"amount": ("CardAcquisitionTransaction", "TotalAmount")},
    "CardAcquisitionResponse": {"member": ("LoyaltyAccount", "LoyaltyAccountID", "LoyaltyID")},
    "ReversalRequest": _SALE
    | {"reason": ("ReversalReason",), "amount": ("ReversedAmount",), "original": _ORIGINAL},
    "ReversalResponse": {"amount": ("ReversedAmount",), "original": _ORIGINAL},
    "TransactionStatusRequest": _REFERENCE,
    "TransactionStatusResponse": _REFERENCE,
    "AbortRequest": _REFERENCE | {"reason": ("AbortReason",)},
    "EventNotification": {"event": ("EventToNotify",), "details": ("EventDetails",)},
}
_INSTRUMENTS: tuple[Path, ...] = (
    _STORED_VALUE,
    ("PaymentData", "PaymentInstrumentData"),
    ("PaymentAccountReq", "PaymentInstrumentData"),
    ("StoredValueResult", "StoredValueAccountStatus"),
    ("PaymentAccountStatus", "PaymentInstrumentData"),
)
_ACCOUNTS: tuple[Path, ...] = (
    *((*instrument, "StoredValueAccountID") for instrument in _INSTRUMENTS),
    *((*instrument, "CardData", "SensitiveCardData") for instrument in _INSTRUMENTS),
    ("LoyaltyAccountReq", "LoyaltyAccountID"),
    ("LoyaltyData", "LoyaltyAccountID"),
)
# The library's models say Value, the standard StoredValueID.
_NUMBERS = ("Value", "StoredValueID", "PAN", "LoyaltyID")
_TECHNOLOGIES = {"MagStripe": "magstripe", "Contactless": "rfid", "Tapped": "rfid", "RFID": "rfid"}


def found(body: Any, *path: str) -> Any:
    """What stands at that path; None when nothing does. Of a list it is the first."""
    for name in path:
        body = _first(body)
        if not isinstance(body, dict):
            return None
        body = body.get(name)
    return _first(body)


def text(body: Any, *path: str) -> str:
    """The same, of what is written as text or as a whole number; else empty."""
    value = found(body, *path)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)


def account(body: Any) -> Mapping[str, Any] | None:
    """The first account of the message that has a number."""
    for path in _ACCOUNTS:
        there = found(body, *path)
        if isinstance(there, dict) and _number(there) and not _is_of_ours(there):
            return there
    return None


def card(body: Any) -> CardShown | None:
    """The card that the till has read itself."""
    there = account(body)
    if there is None:
        return None
    return CardShown(_number(there), _TECHNOLOGIES.get(text(there, "EntryMode"), "keyboard"))


def minor(value: Any, currency: str) -> int:
    """Minor units of an amount as it stands in a message. Raises BadId."""
    written = decimal(value)
    if written is None:
        raise BadId("no amount")
    return parse_minor(f"{written:f}", currency)


def decimal(value: Any) -> Decimal | None:
    """An amount as it was written, less zeros that say nothing; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        written = Decimal(value)
    except ArithmeticError:
        return None
    if not written.is_finite() or abs(written.adjusted()) > DIGITS_MAX or len(written.as_tuple().digits) > 20:
        return None
    return written.normalize()


def note(letter: Letter) -> Note:
    """What a document says, with the golden vectors' names."""
    fields: dict[str, Any] = {}
    if letter.header is not None:
        fields = _of_header(letter.header)
    if letter.message is not None:
        fields |= _of_message(letter.message)
    if letter.plaintext:
        fields |= {"plaintext": letter.plaintext, "hmac_ok": True}
    if isinstance(letter.trailer, dict):
        fields["key_identifier"] = text(letter.trailer, "KeyIdentifier")
        fields["key_version"] = letter.trailer.get("KeyVersion")
    if letter.problem:
        fields["error"] = letter.problem
    return Note("message", fields, letter.problem)


def _of_header(header: Header) -> dict[str, Any]:
    return {
        "message_class": header.message_class,
        "message_category": header.category,
        "message_type": header.message_type,
        "service_id": header.service_id,
        "sale_id": header.sale_id,
        "poi_id": header.poi_id,
        "protocol_version": header.version,
    }


def _of_message(message: Message) -> dict[str, Any]:
    name = message.header.category + message.header.message_type
    fields: dict[str, Any] = {}
    paths = dict(_FIELDS.get(name, {}))
    if message.header.message_type == "Response":
        paths = _ENDED | paths
    for field, path in paths.items():
        value = found(message.body, *path)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            fields[field] = str(value)
        elif isinstance(value, str) and value:
            fields[field] = value
    if name == "PaymentRequest":
        fields.setdefault("type", "Normal")
    if (there := account(message.body)) is not None:
        fields["account"] = _number(there)
    return fields


def _number(there: Mapping[str, Any]) -> str:
    number = next((number for name in _NUMBERS if (number := text(there, name))), "")
    if text(there, "IdentificationType") == "ISOTrack2":
        return number.lstrip(";").partition("=")[0]
    return number


def _is_of_ours(there: Mapping[str, Any]) -> bool:
    """A member's number as a CardAcquisition has told it: that card is the one at the till."""
    return "LoyaltyID" in there and text(there, "IdentificationType") == "AccountNumber"


def _first(body: Any) -> Any:
    return (body[0] if body else None) if isinstance(body, list) else body
