"""Lines of text and a till's profile → what the receipt says, as printed.

header        shop, till, cashier, receipt number          numbers, marks
heading       品名  单价  数量  金额                         heading
item area     Milk 1L        2 x  1.20   2.40              items, details, discounts
totals        SUBTOTAL, TAX, TOTAL                         labels
tenders       CASH, CHANGE                                 labels
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from drivers.pos.escpos_tap.amounts import CURRENCY, TRAILER, milli, minor, money_pattern, plain, printed
from drivers.pos.escpos_tap.profiles import BadProfile, Profile
from drivers.pos.escpos_tap.reading import Adder, Item, Reading, Row

LINE_MAX = 160  # characters the expressions get to see
LINES_KNOWN_MAX = 1024  # a shop prints its heads, goods and thanks all day long: each is judged once
_CJK = r"\u2e80-\u9fff\uf900-\ufaff"
_CJK_GAP = re.compile(rf"(?<=[{_CJK}])\s+(?=[{_CJK}])")
_WIDE_GAP = re.compile(rf"\s{{2,}}|(?<=[{_CJK}])\s+|\s*[|/]\s*")  # between two columns
_SPELT_OUT = re.compile(r"(?:\w ){2,}\w")  # T O T A L
_LETTER = re.compile(r"[^\W\d_]")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_HAS_CJK = re.compile(rf"[{_CJK}]")
_DATE = re.compile(r"\d{2,4}[-/.年]\d{1,2}[-/.月]\d{1,4}|\d{1,2}:\d{2}(?::\d{2})?")
_WHOLE_FIELDS = {"due", "total", "subtotal", "cash", "change", "received", "discount"}
_SKU = re.compile(r"[A-Z]?\d{3,14}\s+(?=\S)")
# Where a heading names the columns, one space between them is enough
_HEADED_FORMS = {
    ("name", "qty", "amount"): r"{name}\s+{qty}\s*{measure}?\s+{amount}",
    ("qty", "name", "amount"): r"{qty}\s*{measure}?\s+{name}\s+{amount}",
    ("qty", "name", "unit", "amount"): r"{qty}\s*{measure}?\s+{name}\s+{unit}\s+{amount}",
    ("name", "qty", "unit", "amount"): r"{name}\s+{a}\s*{measure}?\s+{b}\s+{amount}",
    ("name", "unit", "qty", "amount"): r"{name}\s+{a}\s+{b}\s*{measure}?\s+{amount}",
}
_MEASURES = (
    *(
        "kg",
        "g",
        "lbs?",
        "oz",
        "l",
        "ml",
        "m",
        "pcs?",
        r"st(?:k|ck)?\.?",
        "ea",
        "pk",
        "斤",
        "公斤",
        "千克",
        "克",
        "两",
    ),
    *"个件瓶包袋盒份杯支条只罐箱桶张双套台本块把碗位次听盘枚",
)


class Said(NamedTuple):
    """What one line says, whatever else is on the paper."""

    rows: tuple[Row, ...] = ()
    columns: tuple[str, ...] = ()  # it is a heading: what stands below, from the left
    numbers: tuple[tuple[str, str], ...] = ()  # (kind, number) of the whole receipt
    mark: str = ""  # what the whole paper is: "return", "reprint" or "report"


class Grammar:
    """A profile made ready. `digits` are the decimals of the currency. Raises BadProfile."""

    def __init__(self, profile: Profile, digits: int) -> None:
        self._digits = digits
        self._adder = Adder(digits, profile.name_line)
        self._said = lru_cache(LINES_KNOWN_MAX)(self._say)
        try:
            self._compile(profile, digits)
        except re.error as error:
            raise BadProfile(
                f"profile {profile.name}: {error.pattern!r} is no regular expression: {error}"
            ) from error

    def _compile(self, profile: Profile, digits: int) -> None:
        money = money_pattern(digits)
        self._money = re.compile(money)
        self._at_end = re.compile(rf"(?<![\d.,/-])({money}){TRAILER}$")
        self._whole_at_end = re.compile(
            rf"(?:(?<=[:\s])|(?={CURRENCY}))(-?(?:{CURRENCY}\s?)?-?\d{{1,7}}){TRAILER}$"
        )
        self._pairs = re.compile(
            rf"([^\d\s:{CURRENCY[1:-1]}-][^\d:]{{0,30}}?)[:\s]*({money}|(?<=[:\s])\d{{1,7}}(?![\d.])){TRAILER}(?=\s|$)"
        )
        self._forms = [self._form(text, money, ("amount",)) for text in profile.items]
        loose = money_pattern(digits, whole=True)
        self._loose_forms = [self._form(text, loose, ("amount",)) for text in profile.items]
        self._tight = {
            form[at]
            for form in (self._forms, self._loose_forms)
            for at, text in enumerate(profile.items)
            if "{name}" in text and "{a}" in text and "{gap}" not in text
        }
        self._headed = {
            columns: self._form(text, loose, ("amount",)) for columns, text in _HEADED_FORMS.items()
        }
        self._details = [self._form(text, money, ("qty", "unit")) for text in profile.details]
        self._labels = self._label_table(profile)
        self._heading = _one_of(profile.heading.model_dump())
        self._numbers = {
            kind: [re.compile(expression, re.IGNORECASE) for expression in expressions]
            for kind, expressions in profile.numbers.model_dump().items()
        }
        marks = _one_of(profile.marks.model_dump(by_alias=True)).pattern
        self._marks = re.compile(rf"[\W_]*(?:{marks})[\W_]*", re.IGNORECASE)

    def _form(self, text: str, money: str, needs: tuple[str, ...]) -> re.Pattern[str]:
        number = rf"-?(?:{CURRENCY}\s?)?\d{{1,7}}(?:[.,]\d{{1,3}})?"
        per = r"(?:\s?(?:[€元]|EUR))?(?:\s?/\s?\w{1,4})?"
        parts = {
            "name": r"(?P<name>\S.*?)",
            "qty": r"(?P<qty>-?\d{1,6}(?:[.,]\d{1,3})?)",
            "unit": rf"(?P<unit>(?:{CURRENCY}\s?)?\d{{1,7}}(?:[.,]\d{{1,4}})?)" + per,
            "amount": rf"(?P<amount>{money}){TRAILER}",
            "a": rf"(?P<a>{number})",
            "b": rf"(?P<b>{number})",
            "sku": r"(?P<sku>[A-Z]?\d{1,14})",
            "gap": r"\s{2,}",
            "times": r"(?:[xX*@]|[xX]\s?@)",
            "measure": f"(?:{'|'.join(_MEASURES)})",
        }
        expression = text
        for key, part in parts.items():
            expression = expression.replace("{" + key + "}", part)
        left = re.search(r"\{[a-z_]+\}?", expression)
        if left:
            raise BadProfile(f"{text!r}: there is no {left[0]}; there are {', '.join(parts)}")
        form = re.compile(expression, re.IGNORECASE)
        lacking = [key for key in needs if key not in form.groupindex]
        if lacking or ("a" in form.groupindex) != ("b" in form.groupindex):
            raise BadProfile(f"{text!r} lacks {', '.join(f'{{{key}}}' for key in lacking) or '{a} or {b}'}")
        return form

    @staticmethod
    def _label_table(profile: Profile) -> re.Pattern[str]:
        beside = "|".join([r"[\W\d_]", *(rf"\b{q}\b" if q.isascii() else q for q in profile.qualifiers)])
        fields = _one_of(profile.labels.model_dump()).pattern
        return re.compile(rf"[\W_]*(?:{fields})(?![^\W\d_{_CJK}])(?:{beside})*", re.IGNORECASE)

    def label(self, text: str) -> str:
        """The field a label names (``"total"``); empty when it is none."""
        match = self._labels.fullmatch(squashed(text)[:80])
        return (match.lastgroup or "") if match else ""

    def read(self, lines: Sequence[str]) -> Reading:
        """What the receipt says. Never raises; what cannot be made out is left empty."""
        reading = Reading()
        rows: list[Row] = []
        order: tuple[str, ...] = ()
        for line in lines:
            said = self._said(line, order, reading.numbers.get("refers_to", ""))
            if said.columns:
                order, rows = said.columns, [row for row in rows if row.kind == "label"]
            rows += said.rows
            for kind, number in said.numbers:
                reading.numbers.setdefault(kind, number)
            if said.mark:
                setattr(reading, "is_return" if said.mark == "return" else said.mark, True)
        self._adder.fill(reading, rows)
        return reading

    # One line

    def _say(self, line: str, order: tuple[str, ...], refers_to: str) -> Said:
        """`order`: columns of the heading above; `refers_to`: number of the receipt that is taken back."""
        even = plain(line)
        text = even.strip()[:LINE_MAX].rstrip()
        if not _LETTER_OR_DIGIT.search(text):
            return Said()
        columns = self._heading_of(text)
        if columns:
            return Said(columns=tuple(columns))
        lead = len(even) - len(even.lstrip())
        shown = line[lead : lead + len(text)]
        pairs = self._label_pairs(text)
        if pairs:
            return Said(tuple(pairs), numbers=self._numbers_in(text, refers_to))
        row = self._amount_row(text, shown)
        if row is not None:
            return Said((row,))
        mark = self.mark(text)
        if mark:
            return Said((Row("other"),), mark=mark)
        item = self._item(text, shown, order)
        if item is not None:
            return Said((Row("item" if item.name else "bare", item=item),))
        numbers = self._numbers_in(text, refers_to)
        if numbers or not _LETTER.search(text) or _DATE.search(text) or self.label(text):
            return Said((Row("other"),), numbers=numbers)
        return Said((Row("text", item=Item(shown, "", "", "")),))

    def _amount_row(self, text: str, shown: str) -> Row | None:
        """A detail of the item above, or a label with its amount."""
        for form in self._details:
            match = form.fullmatch(text)
            if match:
                return Row("detail", item=Item("", match["qty"], printed(match["unit"]), ""))
        sure = self._at_end.search(text)
        at_end = sure or self._whole_at_end.search(text)
        if not at_end:
            return None
        name = self.label(text[: at_end.start()])
        # "Item 1  5.00" is goods: only whole numbers are counts
        if name and name != "count" and (sure or self._may_be_whole(name, text)):
            left = shown[: at_end.start()].strip(" :")
            return Row("label", name, printed(at_end[1]), Item(left, "", "", ""))
        return None

    def _may_be_whole(self, name: str, text: str) -> bool:
        """Whether "合计 20" without a point may be an amount: where the words or a sign make it sure."""
        sure = _HAS_CJK.search(text) or re.search(CURRENCY, text) or self._digits == 0
        return name in _WHOLE_FIELDS and bool(sure)

    def _label_pairs(self, text: str) -> list[Row]:
        """ "应收:19.50 实收:20.00" is two labels in one line; both must be known."""
        found = self._pairs.findall(text)
        if len(found) < 2:
            return []
        rows = []
        for label, amount in found:
            name = self.label(label)
            if not name:
                return []
            if name != "count" and (("." in amount or "," in amount) or self._may_be_whole(name, text)):
                rows.append(Row("label", name, printed(amount), Item(label.strip(" :"), "", "", "")))
        return rows

    def _item(self, text: str, shown: str, order: tuple[str, ...]) -> Item | None:
        if order[:1] == ("sku",) and (code := _SKU.match(text)):
            text, shown = text[code.end() :], shown[code.end() :]
        if not order and not self._money.search(text):
            return None
        headed = self._headed.get(_columns(order))
        forms = self._loose_forms if order else self._forms
        for form in [headed, *forms] if headed else forms:
            match = form.fullmatch(text)
            if not match or (form in self._tight and not self._multiplies(match)):
                continue
            groups = match.groupdict()
            name = ""
            if groups.get("name") is not None:
                start, end = match.span("name")
                name = shown[start:end].strip()
                if not _LETTER.search(name):
                    continue
            qty, unit = groups.get("qty") or "", printed(groups.get("unit") or "")
            amount = printed(groups["amount"] or "")
            if groups.get("a") is not None:
                sides = self._which(printed(groups["a"]), printed(groups["b"]), amount, order)
                if sides is None:
                    continue
                qty, unit = sides
            return Item(name, qty, unit, amount)
        return None

    def _multiplies(self, match: re.Match[str]) -> bool:
        """Whether `a` times `b` is the amount, so that single spaces are columns and not part of a name."""
        product = milli(printed(match["a"])) * milli(printed(match["b"])) * float(f"1e{self._digits - 6}")
        amount = minor(printed(match["amount"]), self._digits)
        return abs(abs(product) - abs(amount)) <= 1

    def _which(self, a: str, b: str, amount: str, order: tuple[str, ...]) -> tuple[str, str] | None:
        """(quantity, unit price) of two numbers in front of an amount."""
        places = [column for column in order if column in ("qty", "unit")]
        if places == ["unit", "qty"]:
            return b, a
        if places == ["qty", "unit"]:
            return a, b
        pointed_a, pointed_b = any(c in a for c in ".,"), any(c in b for c in ".,")
        if pointed_a and not pointed_b:
            return b, a
        return a, b

    def _heading_of(self, text: str) -> list[str]:
        """The columns of a heading line, from the left; empty when the line is none."""
        wide, close = _WIDE_GAP.split(text), text.split()
        return self._columns_of(wide) or (self._columns_of(close) if close != wide else [])

    def _columns_of(self, words: list[str]) -> list[str]:
        columns = []
        for word in words:
            bare = squashed(word).strip(" :*()")
            hit = self._heading.fullmatch(bare)
            if hit and hit.lastgroup:
                columns.append(hit.lastgroup)
            elif bare:
                return []
        return columns if len(columns) >= 2 else []

    def _numbers_in(self, text: str, refers_to: str) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for kind, expressions in self._numbers.items():
            taken_back = refers_to or found.get("refers_to", "")
            if kind == "receipt" and taken_back and taken_back in text:
                continue
            match = next((hit for hit in (each.search(text) for each in expressions) if hit), None)
            if match:
                found[kind] = match["value"] or ""
        return tuple(found.items())

    def mark(self, text: str) -> str:
        """What a line of nothing else makes of the whole paper (``"return"``); empty when it is none."""
        match = self._marks.fullmatch(squashed(text))
        return (match.lastgroup or "") if match else ""


def _one_of(words: dict[str, list[str]]) -> re.Pattern[str]:
    """An expression for any of the words; the group that matched has the name of their field."""
    fields = (f"(?P<{name}>{'|'.join(each)})" for name, each in words.items() if each)
    return re.compile("|".join(fields), re.IGNORECASE)


def _columns(order: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of a heading without the code; a price that stands last is the amount."""
    columns = [column for column in order if column != "sku"]
    return (*columns[:-1], "amount") if columns and columns[-1] == "unit" else tuple(columns)


def squashed(text: str) -> str:
    """``"合  计:"`` → ``"合计:"``, ``"T O T A L"`` → ``"TOTAL"``, other spaces to one."""
    words = text.split()
    if len(words) < 2:
        return text.strip()
    text = _CJK_GAP.sub("", " ".join(words))
    return _SPELT_OUT.sub(lambda match: match[0].replace(" ", ""), text)
