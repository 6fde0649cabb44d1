"""A command of the till: is it one of ours, what does it want, and what must it have?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.pos.terminal import Terminal
from drivers.pos.zvt import answers, commands, messages, results
from drivers.pos.zvt.messages import Message
from drivers.pos.zvt.options import ZvtOptions
from sync.contract.questions import CardShown

SOFTWARE = "Tillbeam"
READ_CARD_MS_MAX = 170_000  # a till that says 00 means for ever, and is to ask again
LOGGED_OFF = 0x86  # the config byte after a log-off
_NO_SOFTWARE, _WITH_STATUS = 0x02, 0x01  # bits of service bytes


@dataclass(frozen=True)
class Refused:
    """What the till is told instead of 80 00 00."""

    raw: bytes


@dataclass
class Request:
    """A command that was taken, and how far it has come."""

    message: Message
    start: Callable[[Terminal], None] = lambda terminal: None
    own: bytes | None = None  # the end of it, where our box need not be asked; empty bytes: there is none
    config: int = 0
    currency: int | None = None  # that the till said: only then it is told one
    unique: bool = False  # it has the tag by which a till mirrors the last receipt number
    last_seen: int = 0  # that number
    goods_wait_ms: int = 0
    repeats_max: int = 0
    wants_status: bool = True
    # how far it has come
    ended: bool = False  # its last message is said, or about to be
    acknowledged: bool = False
    timed_out: bool = False  # the till asked for more time too often
    receipt: int = 0
    paid_minor: int = 0
    refunds_minor: int = 0  # of a payment whose goods were issued in part

    def missed_by(self, message: Message) -> bool:
        """The till says this very command again, and has not answered for it yet: it missed ours."""
        return message.raw == self.message.raw and not (self.ended or self.acknowledged)


def read(message: Message, options: ZvtOptions) -> Request | Refused:
    """What the till wants; every command that is not in the README is refused with 84 83."""
    if options.password and not _may(message, options.password):
        return Refused(answers.refused(results.NOT_POSSIBLE))
    reader = _READERS.get(message.control)
    if reader is None:
        return Refused(answers.refused(results.NOT_POSSIBLE))
    return reader(message, options)


def _may(message: Message, password: str) -> bool:
    """Whether the password is right, or the command has room for none or does nothing without one."""
    said = message.fields.get("password")
    needs = message.control in messages.WITH_PASSWORD and message.control != commands.STATUS_ENQUIRY
    return said == password or (said is None and not needs)


def _registration(message: Message, options: ZvtOptions) -> Request | Refused:
    if "config_byte" not in message.fields:
        return Refused(answers.refused(results.PROTOCOL_ERROR))
    said = message.fields["currency"]
    if said is not None and said != f"{options.currency_number():03d}":
        return Refused(answers.wrong_currency(options.currency_number()))
    currency = None if said is None else options.currency_number()
    end = answers.registered(options.terminal_id, currency)
    return Request(message, own=end, config=message.fields["config_byte"])


def _log_off(message: Message, options: ZvtOptions) -> Request:
    return Request(message, own=b"", config=LOGGED_OFF)


def _status_enquiry(message: Message, options: ZvtOptions) -> Request:
    silent = (message.byte(0x03) or 0) & _NO_SOFTWARE
    return Request(message, own=answers.ready("" if silent else SOFTWARE))


def _authorisation(message: Message, options: ZvtOptions) -> Request | Refused:
    return _money(
        message,
        options,
        lambda terminal, amount_minor: terminal.pay(amount_minor, named=_card_of(message)),
    )


def _refund(message: Message, options: ZvtOptions) -> Request | Refused:
    return _money(
        message,
        options,
        lambda terminal, amount_minor: terminal.refund(amount_minor, named=_card_of(message)),
    )


def _top_up(message: Message, options: ZvtOptions) -> Request | Refused:
    tender = _TENDERS.get(message.fields.get("payment_mode", 0))
    if tender is None:
        return Refused(answers.refused(results.NOT_POSSIBLE))
    return _money(
        message,
        options,
        lambda terminal, amount_minor: terminal.top_up(amount_minor, tender=tender, named=_card_of(message)),
    )


def _money(
    message: Message, options: ZvtOptions, start: Callable[[Terminal, int], None]
) -> Request | Refused:
    """A command that cannot do without an amount."""
    amount_minor = message.number(0x04)
    if amount_minor is None:
        # Perhaps it stands behind a bitmap that we do not know; the standard answers such with 84 83.
        return Refused(answers.refused(results.PROTOCOL_ERROR if message.whole else results.NOT_POSSIBLE))
    request = _transaction(message, options)
    if request.own is None and amount_minor == 0:
        request.own = answers.abort(results.TOO_SMALL)
    request.start = lambda terminal: start(terminal, amount_minor)
    return request


def _reversal(message: Message, options: ZvtOptions) -> Request | Refused:
    receipt = message.number(0x87)
    if not receipt:
        return Refused(answers.refused(results.PROTOCOL_ERROR if message.whole else results.NOT_POSSIBLE))
    request = _transaction(message, options)
    request.start = lambda terminal: terminal.reverse(of_count=receipt, amount_minor=message.number(0x04))
    return request


def _balance(message: Message, options: ZvtOptions) -> Request:
    request = _transaction(message, options)
    request.start = lambda terminal: terminal.balance(named=_card_of(message))
    return request


def _end_of_day(message: Message, options: ZvtOptions) -> Request:
    request = _transaction(message, options)
    request.start = lambda terminal: terminal.day(close=True)
    return request


def _repeat_receipt(message: Message, options: ZvtOptions) -> Request:
    request = _transaction(message, options)
    request.wants_status = bool((message.byte(0x03) or 0) & _WITH_STATUS)
    request.start = lambda terminal: terminal.lookup()
    return request


def _read_card(message: Message, options: ZvtOptions) -> Request:
    wait_ms = message.fields.get("timeout_s", options.card_wait_s) * 1000
    wait_ms = min(wait_ms or READ_CARD_MS_MAX, READ_CARD_MS_MAX)
    return Request(message, start=lambda terminal: terminal.card(wait_ms=wait_ms))


def _transaction(message: Message, options: ZvtOptions) -> Request:
    """What all transactions may have. One in another currency is over before it begins."""
    own = options.currency_number()
    currency = message.number(0x49)
    unique = message.tags.get(answers.UNIQUE)
    wait_s = message.byte(0x01) or options.goods_wait_s
    repeats = message.byte(0x02)
    return Request(
        message,
        own=None if currency in (None, own) else answers.abort(results.WRONG_CURRENCY),
        currency=currency,
        unique=unique is not None,
        last_seen=int.from_bytes(unique or b"", "big"),
        goods_wait_ms=min(wait_s, 240) * 1000,
        repeats_max=options.repeats_max if repeats is None else repeats,
    )


def _card_of(message: Message) -> CardShown | None:
    """The card that the till has read itself: a number that was typed, or a stripe up to its separator."""
    if (track := message.bitmaps.get(0x23)) is not None:
        return CardShown(track.hex().upper().split("D")[0].rstrip("F"), "magstripe")
    if (number := message.bitmaps.get(0x22)) is not None:
        return CardShown(number.hex().upper().split("D")[0].rstrip("F"), "keyboard")
    return None


_TENDERS = {2: "cash", 3: "card"}  # 1 would have us take a bank card first
_READERS: dict[int, Callable[[Message, ZvtOptions], Request | Refused]] = {
    commands.REGISTRATION: _registration,
    commands.LOG_OFF: _log_off,
    commands.STATUS_ENQUIRY: _status_enquiry,
    commands.AUTHORISATION: _authorisation,
    commands.REFUND: _refund,
    commands.TOP_UP: _top_up,
    commands.REVERSAL: _reversal,
    commands.BALANCE: _balance,
    commands.END_OF_DAY: _end_of_day,
    commands.REPEAT_RECEIPT: _repeat_receipt,
    commands.READ_CARD: _read_card,
}
