"""What each request of the till sets going, as one road: begin a conversation, look at its outcome, answer.

A script yields what begins the next conversation of the terminal (drivers/pos/terminal.py), is sent its
Outcome, and returns the body of the answer. It raises Wrong for what is not begun at all.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from drivers.pos.conversations import Outcome, count_of
from drivers.pos.nexo import answers
from drivers.pos.nexo.answers import Body, Wrong
from drivers.pos.nexo.fields import card, found, minor, text
from drivers.pos.nexo.protocol import Header, Message, reference_of
from drivers.pos.terminal import Terminal
from sync.contract.errors import BadId
from sync.contract.events import NAME_MAX
from sync.contract.questions import Balance, Reason, ToppedUp
from sync.contract.terminal import CardThere, TxnTold

Begin = Callable[[], None]


class Said(NamedTuple):
    """An answer. `recorded`: the journal has it, and gives it again when the till repeats itself."""

    body: Body
    recorded: bool = False


Script: TypeAlias = Generator[Begin, Outcome, Said]
_STORED: tuple[str, ...] = ("StoredValueData",)
_ORIGINAL: tuple[str, ...] = ("OriginalPOITransaction",)
_UNKNOWN_SALE: Reason = "unknown_sale"


def payment(terminal: Terminal, message: Message) -> Script:
    """PaymentType Normal takes money, Refund gives it back: of the original payment, or to the card there."""
    currency = terminal.habits.currency
    transaction = found(message.body, "PaymentTransaction")
    asked = found(transaction, "AmountsReq")
    payment_type = text(message.body, "PaymentData", "PaymentType") or "Normal"
    if payment_type not in ("Normal", "Refund"):
        raise Wrong("not_supported")
    if found(asked, "CashBackAmount"):
        raise Wrong("not_supported")
    amount_minor = _amount(found(asked, "RequestedAmount"), text(asked, "Currency"), currency)
    about: Any = {
        "reference": message.header.reference,
        "receipt": _sale(message),
        "cashier": _cashier(message),
        "named": card(message.body),
    }
    if payment_type == "Normal":
        ended = yield partial(terminal.pay, amount_minor, **about)
    else:
        of, of_count = _original(transaction) if found(transaction, *_ORIGINAL) else ("", 0)
        ended = yield partial(terminal.refund, amount_minor, of=of, of_count=of_count, **about)
    if not ended.good:
        return Said(answers.declined(message, ended, currency))
    return Said(answers.payment(message, ended, currency, payment_type), recorded=True)


def stored_value(terminal: Terminal, message: Message) -> Script:
    """One thing with the stored value of one card."""
    items = message.body.get("StoredValueData")
    if isinstance(items, list) and len(items) > 1:
        raise Wrong("not_supported")
    what = text(message.body, *_STORED, "StoredValueTransactionType")
    script = _STORED_VALUE.get(what)
    if script is None:
        raise Wrong("head_office" if what == "Reserve" else "wrong")
    return (yield from script(terminal, message))


def _load(terminal: Terminal, message: Message) -> Script:
    # Without the receipt's number: two cards may be loaded in one sale, and a ServiceID is never the same.
    return (yield from _moved(terminal, message, partial(terminal.top_up, **_for_item(terminal, message))))


def _unload(terminal: Terminal, message: Message) -> Script:
    asked = _for_item(terminal, message)
    return (yield from _moved(terminal, message, partial(terminal.pay, receipt=_sale(message), **asked)))


def _activate(terminal: Terminal, message: Message) -> Script:
    """Head office makes cards alive; one that is may be loaded by it, which is what a till means."""
    if found(message.body, *_STORED, "ItemAmount"):
        return (yield from _load(terminal, message))
    ended = yield partial(terminal.balance, named=card(message.body))
    currency = terminal.habits.currency
    if not ended.good or not isinstance(ended.told, Balance):
        return Said(answers.declined(message, ended, currency))
    if not ended.told.purses:
        raise Wrong("head_office")
    on_it = answers.money_on(ended.told, currency)
    return Said(answers.stored_value(message, ended, currency, balance=on_it))


def _take_back(terminal: Terminal, message: Message) -> Script:
    """An Unload is undone. A Load is taken off the card again, once, and off the same card."""
    currency = terminal.habits.currency
    of, of_count = _original(found(message.body, *_STORED))
    original = yield partial(terminal.lookup, of=of, of_count=of_count)
    told = original.told
    if not original.good or not isinstance(told, TxnTold):
        return Said(answers.declined(message, original, currency))
    if told.kind == "pay":
        ended = yield partial(terminal.reverse, of=of, of_count=of_count)
        if not ended.good:
            return Said(answers.declined(message, ended, currency))
        return Said(answers.stored_value(message, ended, currency))
    if not isinstance(told.answer, ToppedUp):
        raise Wrong("not_supported")
    # By the original's name, so that a second request does not take it again; whose it was is its receipt.
    taking = reference_of("reverse", original.txn)
    earlier = yield partial(terminal.lookup, of=taking)
    if isinstance(earlier.told, TxnTold) and earlier.told.state != "undone":
        if earlier.told.receipt != message.header.reference:
            raise Wrong("undone")
        return Said(answers.stored_value(message, earlier, currency), recorded=True)
    ended = yield partial(terminal.balance, named=card(message.body))
    purses = ended.told.purses if isinstance(ended.told, Balance) else ()
    if told.answer.purse not in [each.purse for each in purses]:
        return Said(answers.failed(message, ended.reason or _UNKNOWN_SALE))
    take = partial(
        terminal.pay,
        told.amount_minor,
        reference=taking,
        receipt=message.header.reference,
        cashier=_cashier(message),
        named=card(message.body),
    )
    return (yield from _moved(terminal, message, take))


def _duplicate(terminal: Terminal, message: Message) -> Script:
    """The answer to what was done, once more."""
    of, of_count = _original(found(message.body, *_STORED))
    ended = yield partial(terminal.lookup, of=of, of_count=of_count)
    currency = terminal.habits.currency
    if not ended.good or not isinstance(ended.told, TxnTold):
        return Said(answers.declined(message, ended, currency))
    if ended.told.state == "undone":
        raise Wrong("undone")
    return Said(answers.stored_value(message, ended, currency))


def _moved(terminal: Terminal, message: Message, begin: Begin) -> Script:
    ended = yield begin
    currency = terminal.habits.currency
    if not ended.good:
        return Said(answers.declined(message, ended, currency))
    return Said(answers.stored_value(message, ended, currency), recorded=True)


_STORED_VALUE: Mapping[str, Callable[[Terminal, Message], Script]] = {
    "Activate": _activate,
    "Load": _load,
    "Unload": _unload,
    "Reverse": _take_back,
    "Duplicate": _duplicate,
}


def balance_inquiry(terminal: Terminal, message: Message) -> Script:
    ended = yield partial(terminal.balance, named=card(message.body))
    currency = terminal.habits.currency
    if not ended.good or not isinstance(ended.told, Balance):
        return Said(answers.declined(message, ended, currency))
    return Said(answers.balance(message, ended.told, currency))


def card_acquisition(terminal: Terminal, message: Message) -> Script:
    ended = yield partial(terminal.card, named=card(message.body))
    if not ended.good or not isinstance(ended.told, CardThere):
        return Said(answers.declined(message, ended, terminal.habits.currency))
    return Said(answers.card(message, ended.told))


def reversal(terminal: Terminal, message: Message) -> Script:
    """All of a payment is undone; a part of it, or the rest, is refunded."""
    currency = terminal.habits.currency
    of, of_count = _original(message.body)
    cashier = _cashier(message)
    part = found(message.body, "ReversedAmount")
    if part is not None:
        part_minor = _amount(part, currency, currency)
        original = yield partial(terminal.lookup, of=of, of_count=of_count)
        told = original.told
        if not original.good or not isinstance(told, TxnTold):
            return Said(answers.declined(message, original, currency))
        if told.kind == "pay" and (part_minor != told.amount_minor or told.returned_minor):
            ended = yield partial(
                terminal.refund,
                part_minor,
                of=of,
                of_count=of_count,
                reference=message.header.reference,
                cashier=cashier,
            )
            if not ended.good:
                return Said(answers.declined(message, ended, currency))
            return Said(answers.reversal(message, ended, currency), recorded=True)
    ended = yield partial(terminal.reverse, of=of, of_count=of_count, cashier=cashier)
    if not ended.good:
        return Said(answers.declined(message, ended, currency))
    return Said(answers.reversal(message, ended, currency))


def transaction_status(
    terminal: Terminal, message: Message, remembered: Callable[[Header], Body | None]
) -> Script:
    """What became of a request: as this terminal has just answered it, else as the journal has it."""
    currency = terminal.habits.currency
    of = referred(message)
    if of is None:
        ended = yield terminal.lookup
        of = _header_of(message.header, ended.txn)
    else:
        ended = yield partial(terminal.lookup, of=of.reference)
    body = remembered(of)
    if ended.good:
        undone = isinstance(ended.told, TxnTold) and ended.told.state == "undone"
        if body is None or undone:
            body = answers.recorded(of, ended, currency)
    if body is None:
        return Said(answers.failed(message, ended.reason or _UNKNOWN_SALE))
    return Said(answers.transaction_status(message, of, body))


def referred(message: Message) -> Header | None:
    """The request that a message is about; None when it names none: the last one is meant."""
    service_id = text(message.body, "MessageReference", "ServiceID")
    if not service_id:
        return None
    return message.header._replace(
        category=text(message.body, "MessageReference", "MessageCategory") or "Payment",
        message_class="Service",
        sale_id=text(message.body, "MessageReference", "SaleID") or message.header.sale_id,
        service_id=service_id,
    )


SCRIPTS: Mapping[str, Callable[[Terminal, Message], Script]] = {
    "Payment": payment,
    "StoredValue": stored_value,
    "BalanceInquiry": balance_inquiry,
    "CardAcquisition": card_acquisition,
    "Reversal": reversal,
}


def _for_item(terminal: Terminal, message: Message) -> Any:
    item = found(message.body, *_STORED)
    return {
        "amount_minor": _amount(found(item, "ItemAmount"), text(item, "Currency"), terminal.habits.currency),
        "reference": message.header.reference,
        "cashier": _cashier(message),
        "named": card(message.body),
    }


def _amount(value: object, given: str, currency: str) -> int:
    """Raises Wrong."""
    if given and given != currency:
        raise Wrong("currency")
    try:
        amount_minor = minor(value, currency)
    except BadId:
        raise Wrong("wrong") from None
    if amount_minor <= 0:
        raise Wrong("wrong")
    return amount_minor


def _original(body: object) -> tuple[str, int]:
    """Reference and count of the transaction that is meant, from the number that we gave it. Raises Wrong."""
    number = text(body, *_ORIGINAL, "POITransactionID", "TransactionID")
    reference, _, _ = number.rpartition("#")
    if not reference or not count_of(number):
        raise Wrong(_UNKNOWN_SALE)
    return reference, count_of(number)


def _sale(message: Message) -> str:
    return text(message.body, "SaleData", "SaleTransactionID", "TransactionID")[:NAME_MAX]


def _cashier(message: Message) -> str:
    return text(message.body, "SaleData", "OperatorID")[:NAME_MAX]


def _header_of(like: Header, txn: str) -> Header:
    """The request whose transaction has the number ``nexo:S000001@TILL-1#12``."""
    reference = txn.partition(":")[2].rpartition("#")[0]
    service_id, _, sale_id = reference.partition("@")
    return like._replace(category="Payment", message_class="Service", service_id=service_id, sale_id=sale_id)
