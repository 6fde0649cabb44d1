"""The two messages of the Concert protocol, fields at fixed places.

    ask (34)     01 00001250 1 1 0 978 ………… A010 B010
                 │  │        │ │ │ │   │    │    └ B011: the terminal must ask its bank
                 │  │        │ │ │ │   │    └ A010: answer when it is done; A011: answer at once
                 │  │        │ │ │ │   └ ten characters of the till's own
                 │  │        │ │ │ └ currency, ISO 4217
                 │  │        │ │ └ 0 debit, 1 credit, 2 refund, 4 auto
                 │  │        │ └ 1 card, C cheque …
                 │  │        └ 1: answer with a report
                 │  └ amount in minor units
                 └ number of the till
    answer (25)  01 0 00001250 1 978 …………          0 done, 7 not done, 9 not checked
           (80)  01 0 00001250 1 <report, 55> 978 …………

Source: pyTeliumManager 2.4.2.
"""

from __future__ import annotations

from typing import Any

import msgspec

DONE, NOT_DONE, NOT_CHECKED = "0", "7", "9"
DEBIT, CREDIT, REFUND, AUTO = "0", "1", "2", "4"
CARD = "1"
AT_ONCE = "A011"
REPORT_CHARS = 55
_ASK = (2, 8, 1, 1, 1, 3, 10, 4, 4)
_SHORT = (2, 1, 8, 1, 3, 10)
_FULL = (2, 1, 8, 1, REPORT_CHARS, 3, 10)
_LAYOUTS = {sum(_ASK): _ASK, sum(_SHORT): _SHORT, sum(_FULL): _FULL}


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a till wants."""

    pos: str
    amount_minor: int
    answer_flag: str
    mode: str
    type: str
    currency: str
    private: str
    delay: str
    auto: str

    @property
    def full(self) -> bool:
        """Whether the answer has a report."""
        return self.answer_flag == "1"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. A `report` of None is none; another is filled up with spaces."""

    pos: str
    result: str
    amount_minor: int
    mode: str
    currency: str
    private: str
    report: str | None = None


def read(data: bytes) -> Ask | Answer | None:
    """A frame's data; None when they are neither."""
    layout = _LAYOUTS.get(len(data))
    if layout is None or not data.isascii():
        return None
    text = data.decode("ascii")
    parts: list[Any] = []
    at = 0
    for length in layout:
        parts.append(text[at : at + length])
        at += length
    amount = 1 if layout is _ASK else 2
    if not parts[amount].isdigit():
        return None
    parts[amount] = int(parts[amount])
    if layout is _ASK:
        return Ask(**dict(zip(Ask.__struct_fields__, parts, strict=True)))
    pos, result, minor, mode, *report, currency, private = parts
    return Answer(
        pos=pos,
        result=result,
        amount_minor=minor,
        mode=mode,
        currency=currency,
        private=private,
        report=report[0].rstrip() if report else None,
    )


def write_ask(ask: Ask) -> bytes:
    """The data of a frame."""
    return (
        f"{ask.pos}{ask.amount_minor:08d}{ask.answer_flag}{ask.mode}{ask.type}{ask.currency}"
        f"{ask.private:10}{ask.delay}{ask.auto}"
    ).encode("ascii")


def write_answer(answer: Answer) -> bytes:
    """The data of a frame."""
    report = "" if answer.report is None else f"{answer.report[:REPORT_CHARS]:{REPORT_CHARS}}"
    return (
        f"{answer.pos}{answer.result}{answer.amount_minor:08d}{answer.mode}{report}{answer.currency}"
        f"{answer.private:10}"
    ).encode("ascii")
