"""What is told about a customer → two lines of twenty places.

    王**       积分 1280     who, and points         已付          -12.50     what moved
    余额           88.00     what is on the card     还需付          7.50     still to pay, or the balance

A figure is never cut: where there is no room it is the words that go.
"""

from __future__ import annotations

from typing import NamedTuple

from drivers.base import Told
from drivers.pos.line_display.encoder import characters, fitted
from drivers.pos.line_display.options import Options
from drivers.pos.line_display.screen import COLUMNS
from sync.contract.money import exponent, format_minor
from sync.contract.questions import (
    Balance,
    MemberKnown,
    NobodyKnown,
    Paid,
    Refunded,
    ToppedUp,
    Undone,
)

POINTS = "PTS"


class Words(NamedTuple):
    """The words of one language, the long form and the one for little room."""

    member: str
    unknown: str
    ask: str
    points: tuple[str, str]
    value: tuple[str, str]
    paid: tuple[str, str]
    rest: tuple[str, str]
    refunded: tuple[str, str]
    topped: tuple[str, str]
    undone: tuple[str, str]


ENGLISH = Words(
    "Member",
    "Card not known",
    "Please ask us",
    ("Points", "Pts"),
    ("Balance", "Bal"),
    ("Paid", "Paid"),
    ("Still to pay", "Due"),
    ("Refunded", "Ref"),
    ("Topped up", "Top"),
    ("Taken back", "Back"),
)
CHINESE = Words(
    "会员",
    "未识别此卡",
    "请咨询店员",
    ("积分", "积分"),
    ("余额", "余额"),
    ("已付", "已付"),
    ("还需付", "还需"),
    ("已退款", "退款"),
    ("已充值", "充值"),
    ("已撤销", "撤销"),
)


class Deed(NamedTuple):
    """Money that moved."""

    words: tuple[str, str]
    amount_minor: int  # as the card sees it: below zero when it paid
    currency: str = ""  # empty: the card's
    rest_minor: int = 0


class Customer:
    """Who stands at the till and what happened there, until `forget`."""

    def __init__(self, options: Options) -> None:
        self._own = options.currency
        self._page = options.code_page
        self._words = CHINESE if options.chinese else ENGLISH
        self.forget()

    def forget(self) -> None:
        """The next one, please."""
        self._name = ""
        self._known = True
        self._points: int | None = None
        self._value_minor: int | None = None
        self._currency = self._own
        self._deed: Deed | None = None

    def take(self, told: Told) -> bool:
        """Whether there is something to show now."""
        words = self._words
        match told:
            case MemberKnown():
                self.forget()
                self._name = told.name
                self._holds(told)
            case NobodyKnown():
                self.forget()
                self._known = False
            case Balance():
                self._name = self._name or told.name
                self._known = True
                self._now_holds(told)
            case Paid():
                self._did(
                    Deed(words.paid, -told.approved_minor, _unit(told.parts), rest_minor=told.rest_minor)
                )
            case Refunded():
                self._did(Deed(words.refunded, told.amount_minor, _unit(told.parts)))
            case ToppedUp():
                self._did(Deed(words.topped, told.amount_minor))
            case Undone() if told.amount_minor:
                self._did(Deed(words.undone, told.amount_minor))
            case _:
                return False
        return True

    def lines(self) -> tuple[bytes, bytes]:
        """Both lines, in the display's characters, each of COLUMNS places."""
        if not self._known and self._deed is None:
            return self._left(self._words.unknown), self._left(self._words.ask)
        if self._deed is not None:
            deed = self._deed
            lower = self._money(self._words.rest, deed.rest_minor, deed.currency) if deed.rest_minor else None
            upper = self._money(deed.words, deed.amount_minor, deed.currency, signed=True)
            return upper, lower or self._purse()
        name, whole = characters(self._name, self._page)
        if not whole or not name.strip():
            name = characters(self._words.member, self._page)[0]
        points = "" if self._points is None else str(self._points)
        upper = self._named(name, self._words.points, points) if points else fitted(name, COLUMNS, self._page)
        return upper, self._value() or b" " * COLUMNS

    # What is told

    def _holds(self, told: MemberKnown) -> None:
        self._currency = told.currency
        self._points = told.points
        values = [each for each in told.purses if each.unit != POINTS]
        if values:
            self._currency = values[0].unit
            self._value_minor = sum(each.balance for each in values if each.unit == self._currency)
        elif told.value_minor:
            self._value_minor = told.value_minor

    def _now_holds(self, told: Balance) -> None:
        known = [(each.kind, each.unit, each.balance) for each in told.purses if each.balance is not None]
        points = [balance for kind, _, balance in known if kind == "points"]
        if points:
            self._points = sum(points)
        values = [(unit, balance) for kind, unit, balance in known if kind == "value"]
        if values:
            self._currency = values[0][0]
            self._value_minor = sum(balance for unit, balance in values if unit == self._currency)

    def _did(self, deed: Deed) -> None:
        # What the card held before it is not true any more; the balance that follows says what is.
        self._deed = deed
        self._points = self._value_minor = None

    # Lines

    def _purse(self) -> bytes:
        value = self._value()
        if value is None and self._points is not None:
            return self._pair(self._words.points, str(self._points))
        return value or b" " * COLUMNS

    def _value(self) -> bytes | None:
        if self._value_minor is None:
            return None
        return self._money(self._words.value, self._value_minor, self._currency)

    def _money(self, words: tuple[str, str], minor: int, currency: str, signed: bool = False) -> bytes:
        currency = currency or self._currency
        try:
            exponent(currency)
        except ValueError:
            currency = self._own
        amount = format_minor(minor, currency)
        amount = f"+{amount}" if signed and minor > 0 else amount
        if currency != self._own:
            amount = f"{currency} {amount}"
        return self._pair(words, amount)

    def _pair(self, words: tuple[str, str], figure: str) -> bytes:
        for word in words:
            raw = characters(word, self._page)[0]
            if len(raw) + 1 + len(figure) <= COLUMNS:
                return raw + figure.encode().rjust(COLUMNS - len(raw))
        return figure.encode().rjust(COLUMNS)[-COLUMNS:]

    def _named(self, name: bytes, words: tuple[str, str], figure: str) -> bytes:
        """The name, cut where it must be, and a figure with its word."""
        for word in words:
            right = characters(f"{word} {figure}", self._page)[0]
            if len(name) + 1 + len(right) <= COLUMNS:
                return name + right.rjust(COLUMNS - len(name))
        room = COLUMNS - 1 - len(right)
        if room < 4:
            return right[-COLUMNS:].rjust(COLUMNS)
        return fitted(name, room, self._page) + b" " + right

    def _left(self, text: str) -> bytes:
        return fitted(characters(text, self._page)[0], COLUMNS, self._page)


def _unit(parts: tuple[object, ...]) -> str:
    """The currency of what paid; points have none of their own."""
    units = [unit for part in parts if (unit := getattr(part, "unit", POINTS)) != POINTS]
    return units[0] if units else ""


def idle_lines(options: Options) -> tuple[bytes, bytes]:
    """What stands there between two customers, each line in the middle."""
    text = options.idle_zh if options.chinese else options.idle_en
    lines = [*text.split("\n"), "", ""][:2]
    upper, lower = (_centred(characters(line.strip(), options.code_page)[0], options) for line in lines)
    return upper, lower


def _centred(raw: bytes, options: Options) -> bytes:
    left = max(0, (COLUMNS - len(raw)) // 2)
    return fitted(b" " * left + raw, COLUMNS, options.code_page)
