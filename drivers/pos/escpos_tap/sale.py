"""What the paper says → a sale in minor units and thousandths."""

from __future__ import annotations

from drivers.pos.escpos_tap.amounts import milli, minor
from drivers.pos.escpos_tap.reading import Item, Reading
from sync.contract.events import SaleCompleted, SaleLine, Tender, encode_event
from sync.contract.money import exponent

NAME_MAX = 80  # characters of an item's name
SALE_MAX_BYTES = 40 * 1024  # an event must fit a message of 48 KiB


def sale_of(reading: Reading, till: str, currency: str) -> SaleCompleted:
    """The sale. A paper marked as a return that prints its amounts without a minus is turned negative."""
    digits = exponent(currency)
    total = minor(reading.total, digits)
    turn = -1 if reading.is_return and total > 0 else 1
    lines = [_line(item, digits, turn) for item in reading.items]
    lines += [
        SaleLine(name=name[:NAME_MAX], amount_minor=turn * minor(amount, digits))
        for name, amount in reading.adjustments
    ]
    sale = SaleCompleted(
        till=till or reading.numbers.get("till", ""),
        receipt=reading.numbers.get("receipt", ""),
        currency=currency,
        total_minor=turn * total,
        lines=tuple(lines),
        tenders=tuple(Tender(kind, turn * minor(amount, digits)) for kind, amount in reading.tenders),
        tax_minor=turn * sum(minor(tax, digits) for tax in reading.taxes),
        change_minor=minor(reading.change, digits) if reading.change else 0,
        cashier=reading.numbers.get("cashier", ""),
        refers_to=reading.numbers.get("refers_to", ""),
    )
    return _fitting(sale)


def _line(item: Item, digits: int, turn: int) -> SaleLine:
    amount = turn * minor(item.amount, digits)
    quantity = abs(milli(item.qty)) if item.qty else 1000
    return SaleLine(
        name=item.name[:NAME_MAX],
        amount_minor=amount,
        quantity_milli=-quantity if amount < 0 else quantity,
        unit_price_minor=abs(minor(item.unit, digits)) if item.unit else None,
    )


def _fitting(sale: SaleCompleted) -> SaleCompleted:
    """The sale, its last lines drawn into one if it is too long to travel."""
    kept = list(sale.lines)
    while len(encode_event(sale)) > SALE_MAX_BYTES and len(kept) > 1:
        kept = kept[: len(kept) // 2]
        rest = sum(line.amount_minor for line in sale.lines) - sum(line.amount_minor for line in kept)
        lines = (*kept, SaleLine(name="…", amount_minor=rest))
        folded = SaleCompleted(
            **{name: getattr(sale, name) for name in sale.__struct_fields__ if name != "lines"}, lines=lines
        )
        if len(encode_event(folded)) <= SALE_MAX_BYTES:
            return folded
    return sale
