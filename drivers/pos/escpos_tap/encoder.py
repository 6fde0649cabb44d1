"""A sale → the bytes a till would send its printer: the decoder's other half, for simulator and tests.

epson   code pages and two-byte mode said properly, columns by spaces, GS V, drawer pulse
gbk     GBK without a word about it, columns by ESC $, lines ended by ESC d 1, cut with feed
plain   no command but the cut: CR LF, spaces
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from sync.contract.events import SaleCompleted, SaleLine
from sync.contract.money import format_minor

PaperStyle = Literal["epson", "gbk", "plain"]
Language = Literal["en", "zh"]
WIDTH = 42
_COLUMN_DOTS = (216, 300, 420)  # where ESC $ puts quantity, price and amount
_PAGES = ((0, "cp437"), (16, "cp1252"), (17, "cp866"), (18, "cp852"))


class _Words(NamedTuple):
    receipt: str
    cashier: str
    refers_to: str
    refund: str
    tax: str
    total: str
    change: str
    heading: tuple[str, str, str, str]
    tenders: dict[str, str]
    thanks: str


_WORDS: dict[str, _Words] = {
    "en": _Words(
        "Receipt No: ",
        "Cashier: ",
        "Original receipt no: ",
        "REFUND",
        "TAX",
        "TOTAL",
        "CHANGE",
        ("Item", "Qty", "Price", "Amount"),
        {"cash": "CASH", "card": "CARD", "mobile": "ALIPAY", "value": "GIFT CARD", "other": "VOUCHER"},
        "Thank you",
    ),
    "zh": _Words(
        "小票号:",
        "收银员:",
        "原小票号:",
        "退货",
        "税额",
        "合计",
        "找零",
        ("品名", "数量", "单价", "金额"),
        {"cash": "现金", "card": "银行卡", "mobile": "微信支付", "value": "会员卡", "other": "积分抵扣"},
        "谢谢惠顾",
    ),
}


def encode_receipt(
    sale: SaleCompleted, style: PaperStyle = "epson", language: Language = "en", shop: str = "Tillbeam"
) -> bytes:
    """The whole print job of `sale`, with its cut. A decoder told `till` and `currency` gives it back.

    A line whose amount is below zero must have a quantity below zero. `card` and `member` are not printed.
    """
    words = _WORDS[language]
    pen = _PENS[style]()
    pen.title(shop)
    if sale.receipt:
        pen.line(f"{words.receipt}{sale.receipt}")
    if sale.cashier:
        pen.line(f"{words.cashier}{sale.cashier}")
    if sale.total_minor < 0:
        pen.line(words.refund)
    if sale.refers_to:
        pen.line(f"{words.refers_to}{sale.refers_to}")
    pen.heading(words.heading)
    for line in sale.lines:
        pen.item(line, sale.currency)
    pen.line("-" * 32)
    if sale.tax_minor:
        pen.pair(words.tax, format_minor(sale.tax_minor, sale.currency))
    pen.pair(words.total, format_minor(sale.total_minor, sale.currency))
    for tender in sale.tenders:
        pen.pair(words.tenders[tender.kind], format_minor(tender.amount_minor, sale.currency))
    if sale.change_minor:
        pen.pair(words.change, format_minor(sale.change_minor, sale.currency))
    pen.line(words.thanks)
    return pen.cut()


def quantity_text(milli: int) -> str:
    """``quantity_text(1500) == "1.5"``."""
    sign, whole = ("-" if milli < 0 else ""), abs(milli)
    fraction = f".{whole % 1000:03d}".rstrip("0") if whole % 1000 else ""
    return f"{sign}{whole // 1000}{fraction}"


def _columns(line: SaleLine, currency: str) -> tuple[str, str, str]:
    """(quantity, unit price, amount); the first two empty for one piece without a price of its own."""
    unit = "" if line.unit_price_minor is None else format_minor(line.unit_price_minor, currency)
    told = unit or abs(line.quantity_milli) != 1000
    return quantity_text(line.quantity_milli) if told else "", unit, format_minor(line.amount_minor, currency)


class _PlainPen:
    def __init__(self) -> None:
        self._out = bytearray()

    def _text(self, text: str) -> bytes:
        return text.encode("gb18030")

    def _end(self) -> bytes:
        return b"\r\n"

    def title(self, text: str) -> None:
        self.line(text)

    def line(self, text: str) -> None:
        self._out += self._text(text) + self._end()

    def heading(self, words: tuple[str, str, str, str]) -> None:
        self.line("-" * 32)

    def item(self, line: SaleLine, currency: str) -> None:
        qty, unit, amount = _columns(line, currency)
        middle = f"{qty} x {unit}" if unit else qty
        self.pair(f"{line.name}  {middle}".rstrip(), amount)

    def pair(self, left: str, right: str) -> None:
        self.line(left + " " * max(2, WIDTH - len(left) - len(right)) + right)

    def cut(self) -> bytes:
        self._out += b"\n\n\x1bm"
        return bytes(self._out)


class _EpsonPen(_PlainPen):
    def __init__(self) -> None:
        super().__init__()
        self._out += b"\x1b@"
        self._state = b""

    def _text(self, text: str) -> bytes:
        out = bytearray()
        for run in _runs(text):
            state, raw = _said(run)
            if state and state != self._state:
                out += state
                self._state = state
            out += raw
        return bytes(out)

    def _end(self) -> bytes:
        return b"\n"

    def title(self, text: str) -> None:
        self._out += b"\x1ba\x01\x1b!\x30"
        self.line(text)
        self._out += b"\x1b!\x00\x1ba\x00"

    def cut(self) -> bytes:
        self._out += b"\x1bp\x00\x19\xfa\x1bd\x03\x1dV\x00"
        return bytes(self._out)


class _GbkPen(_PlainPen):
    def __init__(self) -> None:
        super().__init__()
        self._out += b"\x1b@"

    def _end(self) -> bytes:
        return b"\x1bd\x01"

    def _place(self, text: str, dots: int) -> None:
        self._out += b"\x1b$" + dots.to_bytes(2, "little") + self._text(text)

    def heading(self, words: tuple[str, str, str, str]) -> None:
        self.line("-" * 32)
        self._out += self._text(words[0])
        for word, dots in zip(words[1:], _COLUMN_DOTS, strict=True):
            self._place(word, dots)
        self._out += self._end()

    def item(self, line: SaleLine, currency: str) -> None:
        self._out += self._text(line.name)
        for text, dots in zip(_columns(line, currency), _COLUMN_DOTS, strict=True):
            if text:
                self._place(text, dots)
        self._out += self._end()

    def pair(self, left: str, right: str) -> None:
        self._out += self._text(f"{left}:")
        self._place(right, _COLUMN_DOTS[2])
        self._out += self._end()

    def cut(self) -> bytes:
        self._out += b"\x1dVB\x00"
        return bytes(self._out)


_PENS: dict[PaperStyle, type[_PlainPen]] = {"epson": _EpsonPen, "gbk": _GbkPen, "plain": _PlainPen}


def _runs(text: str) -> list[str]:
    """`text` cut where the code page has to change."""
    runs: list[str] = []
    for char in text:
        if runs and (char.isascii() or _said(char)[0] == _said(runs[-1])[0]):
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def _said(text: str) -> tuple[bytes, bytes]:
    """(the command that chooses the page, the text in it)."""
    if text.isascii():
        return b"", text.encode()
    for number, codec in _PAGES:
        try:
            return b"\x1c.\x1bt" + bytes([number]), text.encode(codec)
        except UnicodeEncodeError:
            continue
    return b"\x1c&", text.encode("gb18030")
