"""The judged lines of a receipt become one reading: which name belongs to which numbers, which of several
totals was paid, and whether it all adds up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.pos.escpos_tap.amounts import minor
from drivers.pos.escpos_tap.profiles import TENDERS


class Item(NamedTuple):
    """One line of goods, as printed. `qty` and `unit` are empty when the paper does not say."""

    name: str
    qty: str
    unit: str
    amount: str


@dataclass
class Reading:
    """What a receipt says; amounts as printed, empty when it does not say."""

    items: list[Item] = field(default_factory=list)
    adjustments: list[tuple[str, str]] = field(
        default_factory=list
    )  # (label, signed amount): discounts, charges
    subtotal: str = ""
    taxes: list[str] = field(default_factory=list)
    total: str = ""
    tenders: list[tuple[str, str]] = field(default_factory=list)  # (kind, amount)
    change: str = ""
    numbers: dict[str, str] = field(default_factory=dict)  # receipt, till, cashier, refers_to
    is_return: bool = False
    reprint: bool = False
    report: bool = False
    unbalanced: bool = False


class Row(NamedTuple):
    """One line, judged. `kind`: label, item, bare (an item without its name), detail, text, other."""

    kind: str
    label: str = ""
    amount: str = ""
    item: Item = Item("", "", "", "")


class Adder:
    """Adds up receipts. `digits` are the decimals of the currency, `name_line` is the profile's."""

    def __init__(self, digits: int, name_line: str) -> None:
        self._digits = digits
        self._name_line = name_line

    def fill(self, reading: Reading, rows: list[Row]) -> None:
        """Put what the rows say into `reading`."""
        end = _end_of_items(rows)
        reading.items = self._items_of(rows[:end])
        labels = [row for row in rows if row.kind == "label"]
        reading.subtotal = next((row.amount for row in labels if row.label == "subtotal"), "")
        reading.taxes = [row.amount for row in labels if row.label == "tax"]
        reading.change = next((row.amount for row in labels if row.label == "change"), "")
        reading.tenders = [(row.label, row.amount) for row in labels if row.label in TENDERS]
        received = next((row.amount for row in labels if row.label == "received"), "")
        if not reading.tenders and received:
            paid_more = reading.change and self._minor(reading.change)
            reading.tenders = [("cash" if paid_more else "other", received)]
        discounts = [(row.item.name, row.amount) for row in labels if row.label == "discount"]
        reading.adjustments = [(name, f"-{amount.lstrip('-')}") for name, amount in discounts]
        total_at = next((at for at, row in enumerate(rows) if row.label in ("due", "total")), end)
        charges = [row.item for row in rows[end:total_at] if row.kind == "item"]
        reading.adjustments += [(charge.name, charge.amount) for charge in charges]
        self._choose_total(reading, [row for row in labels if row.label in ("due", "total")])
        self._balance(reading)

    def _items_of(self, rows: list[Row]) -> list[Item]:
        after = self._name_after(rows)
        items: list[Item] = []
        pending: Item | None = None
        for at, row in enumerate(rows):
            if row.kind == "detail":
                if items and not items[-1].qty and self._multiplies(row.item, items[-1].amount):
                    items[-1] = items[-1]._replace(qty=row.item.qty, unit=row.item.unit)
                else:
                    pending = row.item
            elif row.kind == "item":
                item = row.item
                if pending and not item.qty and self._multiplies(pending, item.amount):
                    item = item._replace(qty=pending.qty, unit=pending.unit)
                pending = None
                items.append(item)
            elif row.kind == "bare":
                name_at = at + 1 if after else at - 1
                named = 0 <= name_at < len(rows) and rows[name_at].kind == "text"
                items.append(row.item._replace(name=rows[name_at].item.name if named else ""))
        return items

    def _name_after(self, rows: list[Row]) -> bool:
        """Whether lines of bare numbers have their name below them."""
        if self._name_line != "auto":
            return self._name_line == "after"
        kinds = [row.kind for row in rows]
        bare = [at for at, kind in enumerate(kinds) if kind == "bare"]
        if not bare:
            return False
        before = sum(1 for at in bare if at > 0 and kinds[at - 1] == "text")
        after = sum(1 for at in bare if at + 1 < len(kinds) and kinds[at + 1] == "text")
        left_over = bare[-1] + 1 < len(kinds) and kinds[bare[-1] + 1] == "text"
        return after > before or (after == before and left_over)

    def _multiplies(self, detail: Item, amount: str) -> bool:
        product = self._minor(detail.unit) * float(detail.qty.replace(",", "."))
        return abs(abs(product) - abs(self._minor(amount))) <= 1

    def _choose_total(self, reading: Reading, candidates: list[Row]) -> None:
        """Of several totals the one that was paid, else the one that is due, else the last."""
        if not candidates:
            if reading.items and reading.tenders:
                paid = sum(self._minor(amount) for _, amount in reading.tenders) - self._minor(reading.change)
                reading.total = self._format(paid)
            return
        paid = sum(self._minor(amount) for _, amount in reading.tenders) - self._minor(reading.change)
        chosen = next(
            (row for row in candidates if reading.tenders and self._minor(row.amount) == paid), None
        )
        chosen = chosen or next((row for row in candidates if row.label == "due"), None) or candidates[-1]
        reading.total = chosen.amount
        if re.search(r"退|refund", chosen.item.name, re.IGNORECASE):
            reading.is_return = True
        if not reading.subtotal:
            others = [
                row.amount for row in candidates if self._minor(row.amount) != self._minor(chosen.amount)
            ]
            reading.subtotal = others[0] if others else ""

    def _balance(self, reading: Reading) -> None:
        """Which of tax and adjustments count towards the total; discounts that only boast are dropped."""
        if not (reading.total and reading.items):
            return
        goods = sum(self._minor(item.amount) for item in reading.items)
        if self._adds_up(reading, goods):
            return
        last = self._minor(reading.items[-1].amount)
        if len(reading.items) > 1 and goods == 2 * last and self._adds_up(reading, last):
            # The sum of all above it is a subtotal, whose word we do not know
            taken = reading.items.pop().amount
            reading.subtotal = reading.subtotal or taken
            return
        reading.unbalanced = True

    def _adds_up(self, reading: Reading, goods: int) -> bool:
        tax = sum(self._minor(amount) for amount in reading.taxes)
        adjusted = sum(self._minor(amount) for _, amount in reading.adjustments)
        for with_tax, with_adjustments in ((0, 1), (1, 1), (0, 0), (1, 0)):
            if goods + tax * with_tax + adjusted * with_adjustments == self._minor(reading.total):
                if not with_adjustments:
                    reading.adjustments = []
                return True
        return False

    def _minor(self, text: str) -> int:
        return minor(text, self._digits) if text else 0

    def _format(self, value: int) -> str:
        if self._digits == 0:
            return str(value)
        sign, whole = ("-" if value < 0 else ""), abs(value)
        return f"{sign}{whole // 10**self._digits}.{whole % 10**self._digits:0{self._digits}d}"


def _end_of_items(rows: list[Row]) -> int:
    """The first total, subtotal, or (without any) the first tender."""
    for fields in (("due", "total", "subtotal"), (*TENDERS, "received", "change")):
        for at, row in enumerate(rows):
            if row.kind == "label" and row.label in fields:
                return at
    return len(rows)
