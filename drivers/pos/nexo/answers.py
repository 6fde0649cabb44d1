"""What the terminal answers: outcomes in the words of the protocol."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from drivers.pos.conversations import Outcome
from drivers.pos.nexo.fields import account, found, text
from drivers.pos.nexo.protocol import Header, Message
from sync.contract.money import format_minor
from sync.contract.questions import Balance
from sync.contract.terminal import CardThere, TxnTold

Body = dict[str, Any]

# Reasons of ours (sync/contract/questions.py) → ErrorCondition; what is not here is a Refusal.
CONDITIONS: Mapping[str, str] = {
    "aborted": "Aborted",
    "busy": "Busy",
    "in_progress": "InProgress",
    "wrong": "MessageFormat",
    "not_supported": "NotAllowed",
    "head_office": "NotAllowed",  # only head office does that
    "txn_reused": "NotAllowed",
    "undone": "NotAllowed",
    "no_reload": "NotAllowed",
    "top_max": "NotAllowed",
    "balance_max": "NotAllowed",
    "receipt_used": "NotAllowed",
    "too_much": "NotAllowed",
    "unknown_sale": "NotFound",
    "ambiguous_sale": "NotFound",
    "no_card": "Cancel",
    "pin_needed": "Cancel",
    "pin_wrong": "WrongPIN",
    "pin_locked": "WrongPIN",
    "unknown": "InvalidCard",
    "lost": "InvalidCard",
    "archived": "InvalidCard",
    "expired": "InvalidCard",
    "currency": "PaymentRestriction",
    "not_enrolled": "UnavailableService",
    "fenced": "UnavailableService",
    "disk_full": "UnavailableService",
    "trouble": "UnavailableService",
}
REFUSAL = "Refusal"
_NO_TIME = "1970-01-01T00:00:00Z"  # a TimeStamp that must stand there, where nobody said when
_OF_A_SALE = ("Payment", "StoredValue", "CardAcquisition")


class Wrong(Exception):
    """A request that is not begun. `reason` as in CONDITIONS."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def amount(minor: int, currency: str) -> Decimal:
    """An amount as the message has it, a number."""
    return Decimal(format_minor(minor, currency))


def success() -> Body:
    return {"Response": {"Result": "Success"}}


def is_good(body: Body) -> bool:
    """Whether that is the answer to something that was done."""
    return bool(body["Response"]["Result"] != "Failure")


def is_passing(body: Body) -> bool:
    """Whether that is a failure of this box, which a technician will mend."""
    return bool(body["Response"].get("ErrorCondition") == "UnavailableService")


def failed(message: Message, reason: str, *, limit: str = "", count: int = 0) -> Body:
    """A request that changed nothing; why stands in words of ours in AdditionalResponse."""
    condition = CONDITIONS.get(reason, REFUSAL)
    more = {"refusalReason": reason} | ({"limit": limit} if limit else {})
    said = {"Result": "Failure", "ErrorCondition": condition, "AdditionalResponse": urlencode(more)}
    body: Body = {"Response": said}
    if message.header.category in _OF_A_SALE:
        body |= _of_sale(message, count)
    return body


def declined(message: Message, ended: Outcome, currency: str) -> Body:
    """A conversation that did not go well."""
    limit = format_minor(ended.limit_minor, currency) if ended.limit_minor else ""
    return failed(message, ended.reason, limit=limit, count=ended.count)


def payment(message: Message, ended: Outcome, currency: str, payment_type: str) -> Body:
    """Of a payment or a refund that went well."""
    partial = payment_type == "Normal" and ended.rest_minor > 0
    return {
        "Response": {"Result": "Partial" if partial else "Success"},
        **_of_sale(message, ended.count, ended.wall_ms),
        "PaymentResult": {
            "PaymentType": payment_type,
            "PaymentInstrumentData": {"PaymentInstrumentType": "StoredValue"},
            "AmountsResp": {
                "Currency": currency,
                "AuthorizedAmount": amount(ended.amount_minor, currency),
            },
            "OnlineFlag": False,
        },
    }


def stored_value(
    message: Message, ended: Outcome, currency: str, *, what: str = "", balance: Decimal | None = None
) -> Body:
    """Of something done with a card's stored value. `what`: of a message that does not say."""
    status: Body = {"StoredValueAccountID": _account_id(message)}
    if balance is not None:
        status["CurrentBalance"] = balance
    return {
        "Response": {"Result": "Success"},
        **_of_sale(message, ended.count, ended.wall_ms),
        "StoredValueResult": [
            {
                "StoredValueTransactionType": (
                    text(message.body, "StoredValueData", "StoredValueTransactionType") or what
                ),
                "ProductCode": text(message.body, "StoredValueData", "ProductCode"),
                "ItemAmount": amount(ended.amount_minor, currency),
                "Currency": currency,
                "StoredValueAccountStatus": status,
            }
        ],
    }


def reversal(message: Message, ended: Outcome, currency: str) -> Body:
    """Of a payment that was taken back, or a part of it."""
    original = found(message.body, "OriginalPOITransaction")
    return {
        "Response": {"Result": "Success"},
        "POIData": _poi_data(message, ended.count, ended.wall_ms),
        "ReversedAmount": amount(ended.amount_minor, currency),
        **({"OriginalPOITransaction": original} if original else {}),
    }


def balance(message: Message, told: Balance, currency: str) -> Body:
    """What is on the card: money as an account, points as a loyalty account."""
    points = [each for each in told.purses if each.kind == "points"]
    body: Body = {
        "Response": {"Result": "Success"},
        "PaymentAccountStatus": {
            "Currency": currency,
            "CurrentBalance": money_on(told, currency),
            "PaymentInstrumentData": {
                "PaymentInstrumentType": "StoredValue",
                "StoredValueAccountID": _account_id(message, told.name),
            },
        },
    }
    if points:
        body["LoyaltyAccountStatus"] = {
            "LoyaltyAccount": _loyalty(points[0].purse, points[0].en or points[0].programme),
            "CurrentBalance": sum(_known(each.balance, each.ready) for each in points),
            "LoyaltyUnit": "Point",
        }
    return body


def money_on(told: Balance, currency: str) -> Decimal:
    """Stored value and vouchers in that currency."""
    purses = [each for each in told.purses if each.kind != "points" and each.unit == currency]
    return amount(sum(_known(each.balance, each.ready) for each in purses), currency)


def card(message: Message, there: CardThere) -> Body:
    """Whose card is there."""
    body: Body = {
        "Response": {"Result": "Success"},
        **_of_sale(message, 0),
        "PaymentBrand": ["StoredValue"],
        "PaymentInstrumentData": {
            "PaymentInstrumentType": "StoredValue",
            "StoredValueAccountID": _account_id(message, there.name),
        },
    }
    if there.member:
        body["LoyaltyAccount"] = [_loyalty(there.member, "member")]
    return body


def transaction_status(message: Message, of: Header, body: Body) -> Body:
    """The answer that was recorded, once more."""
    return {
        "Response": {"Result": "Success"},
        "MessageReference": {
            "MessageCategory": of.category,
            "SaleID": of.sale_id,
            "ServiceID": of.service_id,
        },
        "RepeatedMessageResponse": {
            "MessageHeader": of.written("Response"),
            "RepeatedResponseMessageBody": {f"{of.category}Response": body},
        },
    }


def recorded(of: Header, ended: Outcome, currency: str) -> Body:
    """The answer to a transaction whose own words are forgotten, from the journal."""
    told = ended.told
    receipt = told.receipt if isinstance(told, TxnTold) else ""
    kind = told.kind if isinstance(told, TxnTold) else ""
    message = Message(of, {"SaleData": {"SaleTransactionID": _identified(receipt, ended.wall_ms)}})
    if isinstance(told, TxnTold) and told.state == "undone":
        return failed(message, "aborted", count=ended.count)
    if of.category == "StoredValue" or kind == "top":
        return stored_value(message, ended, currency, what="Load" if kind == "top" else "Unload")
    if of.category == "Reversal":
        return reversal(message, ended, currency)
    return payment(message, ended, currency, "Refund" if kind == "refund" else "Normal")


def moment(wall_ms: int) -> str:
    """A TimeStamp."""
    if not wall_ms:
        return _NO_TIME
    at = datetime.datetime.fromtimestamp(wall_ms / 1000, datetime.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _of_sale(message: Message, count: int, wall_ms: int = 0) -> Body:
    sale = found(message.body, "SaleData", "SaleTransactionID")
    return {
        "SaleData": {"SaleTransactionID": sale if isinstance(sale, dict) else _identified("", 0)},
        "POIData": _poi_data(message, count, wall_ms),
    }


def _poi_data(message: Message, count: int, wall_ms: int) -> Body:
    number = f"{message.header.reference}#{count}" if count else message.header.reference
    said = _identified(number, wall_ms)
    if not wall_ms:
        # A terminal has no other clock here than the one that its till has just told.
        said["TimeStamp"] = text(message.body, "SaleData", "SaleTransactionID", "TimeStamp") or _NO_TIME
    return {"POITransactionID": said}


def _identified(transaction_id: str, wall_ms: int) -> Body:
    return {"TransactionID": transaction_id, "TimeStamp": moment(wall_ms)}


def _account_id(message: Message, owner: str = "") -> Body:
    said = account(message.body) or {}
    return {
        "StoredValueAccountType": "GiftCard",
        "IdentificationType": "PAN",
        "EntryMode": ["MagStripe"],
        **({"OwnerName": owner} if owner else {}),
        **said,
    }


def _loyalty(number: str, brand: str) -> Body:
    return {
        "LoyaltyAccountID": {
            "EntryMode": ["File"],
            "IdentificationType": "AccountNumber",
            "LoyaltyID": number,
        },
        "LoyaltyBrand": brand,
    }


def _known(balance: int | None, ready: int) -> int:
    return ready if balance is None else balance
