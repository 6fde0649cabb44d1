"""A till that sells: plausible receipts of a Chinese convenience store or a Western one, from one seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from drivers.base import Scene
from drivers.pos.escpos_tap.encoder import Language, PaperStyle, encode_receipt
from drivers.pos.escpos_tap.options import Options
from sync.contract.events import SaleCompleted, SaleLine, Tender

RETURNS_PER_SALE = 0.03
WEIGHED_PER_LINE = 0.15


class _Shop(NamedTuple):
    name: str
    cashiers: tuple[str, ...]
    goods: tuple[tuple[str, int], ...]  # (name, price in minor units)
    weighed: tuple[tuple[str, int], ...]  # (name, price of a kilogram)
    # (kind, weight). Never stored value: no card was shown for these sales, and a receipt that says one paid
    # stands in the reconciliation as a payment that nobody can find.
    tenders: tuple[tuple[str, float], ...]


_SHOPS: dict[Language, _Shop] = {
    "zh": _Shop(
        "好邻居便利店",
        ("张敏", "李伟", "王芳"),
        (
            *(("可口可乐500ml", 350), ("农夫山泉", 200), ("统一绿茶", 400), ("康师傅红烧牛肉面", 550)),
            *(("关东煮", 1250), ("肉松面包", 680), ("原味酸奶", 790), ("三明治", 980), ("茶叶蛋", 200)),
            *(("维达抽纸", 1590), ("舒肤佳香皂", 720), ("雀巢咖啡", 850), ("德芙巧克力", 1290)),
        ),
        (("红富士苹果", 1280), ("香蕉", 698), ("五花肉", 4360)),
        (("mobile", 0.77), ("cash", 0.14), ("card", 0.09)),
    ),
    "en": _Shop(
        "ACME MARKET",
        ("Anna", "Jonas", "Mei"),
        (
            *(("Milk 1L", 120), ("Bread", 235), ("Käse Emmentaler", 410), ("Crème brûlée", 650)),
            *(("Espresso", 250), ("Orange juice", 329), ("Pasta 500g", 119), ("Olive oil", 799)),
            *(("Chocolate", 189), ("Newspaper", 280), ("Sparkling water", 99), ("Eggs 10 pack", 299)),
        ),
        (("Apples", 349), ("Bananas", 199), ("Tomatoes", 379)),
        (("card", 0.59), ("cash", 0.35), ("mobile", 0.06)),
    ),
}


def shop_of(language: Language) -> _Shop:
    """The simulated shop that prints in that language."""
    return _SHOPS[language]


def simulate(options: Options, chance: random.Random) -> Iterator[Scene]:
    """Receipts, some seconds apart, for ever; the till keeps its language, style and numbering."""
    chinese = options.currency == "CNY" or options.encoding.startswith("gb")
    language: Language = "zh" if chinese else "en"
    style: PaperStyle = chance.choice(("gbk", "epson")) if chinese else "epson"
    number = chance.randrange(1000, 9000)
    last: SaleCompleted | None = None
    while True:
        number += 1
        if last is not None and last.total_minor > 0 and chance.random() < RETURNS_PER_SALE:
            sale = taken_back(last, f"{number:08d}", chance)
        else:
            sale = sold(_SHOPS[language], options, f"{number:08d}", chance)
        last = sale
        job = encode_receipt(sale, style, language, _SHOPS[language].name)
        cut = chance.randrange(1, len(job))  # a serial line does not keep a job together
        yield Scene(wait_ms=chance.randrange(4_000, 25_000), chunk=job[:cut])
        yield Scene(wait_ms=chance.randrange(5, 60), chunk=job[cut:])


def sold(shop: _Shop, options: Options, receipt: str, chance: random.Random) -> SaleCompleted:
    """One basket."""
    count = min(12, 1 + int(chance.expovariate(0.45)))
    lines = tuple(_basket_line(shop, chance) for _ in range(count))
    total = sum(line.amount_minor for line in lines)
    kind = chance.choices([kind for kind, _ in shop.tenders], [weight for _, weight in shop.tenders])[0]
    given = -(-total // 500) * 500 if kind == "cash" else total  # notes and coins of five and up
    return SaleCompleted(
        till=options.till,
        receipt=receipt,
        currency=options.currency,
        total_minor=total,
        lines=lines,
        tenders=(Tender(kind, given),),
        change_minor=given - total,
        cashier=chance.choice(shop.cashiers),
    )


def taken_back(sale: SaleCompleted, receipt: str, chance: random.Random) -> SaleCompleted:
    """One line of `sale` brought back."""
    line = chance.choice(sale.lines)
    back = SaleLine(
        name=line.name,
        amount_minor=-line.amount_minor,
        quantity_milli=-line.quantity_milli,
        unit_price_minor=line.unit_price_minor,
    )
    return SaleCompleted(
        till=sale.till,
        receipt=receipt,
        currency=sale.currency,
        total_minor=back.amount_minor,
        lines=(back,),
        tenders=(Tender(sale.tenders[0].kind, back.amount_minor),),
        cashier=sale.cashier,
        refers_to=sale.receipt,
    )


def _basket_line(shop: _Shop, chance: random.Random) -> SaleLine:
    if chance.random() < WEIGHED_PER_LINE:
        name, price = chance.choice(shop.weighed)
        grams = chance.randrange(120, 2400)
        amount = (price * grams + 500) // 1000
        return SaleLine(name=name, amount_minor=amount, quantity_milli=grams, unit_price_minor=price)
    name, price = chance.choice(shop.goods)
    pieces = chance.choices((1, 2, 3, 6), (75, 17, 5, 3))[0]
    return SaleLine(
        name=name, amount_minor=price * pieces, quantity_milli=pieces * 1000, unit_price_minor=price
    )
