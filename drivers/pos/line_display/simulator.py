"""A till that shows its customers each article, the total and the change, on a display of either dialect.

What stands on such a display is read back with `ScreenReader`, which is the screen itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from drivers.base import Scene
from drivers.pos.line_display.encoder import characters, encode_screen, fitted
from drivers.pos.line_display.options import Options
from drivers.pos.line_display.screen import COLUMNS

SOME_GOODS = (("Milk 1L", 120), ("Bread", 235), ("Kaese", 410), ("Apples", 355), ("Tea", 890))
SOME_GOODS_ZH = (("可口可乐", 350), ("方便面", 550), ("五花肉", 2980), ("大米", 6990), ("茅台", 149900))


def simulate(
    options: Options, chance: random.Random, goods: Sequence[tuple[str, int]] | None = None
) -> Iterator[Scene]:
    """A customer every 8 to 60 seconds, without end."""
    goods = goods or (SOME_GOODS_ZH if options.chinese else SOME_GOODS)
    total_word, change_word = ("合计", "找零") if options.chinese else ("TOTAL", "CHANGE")
    welcome = "欢迎光临" if options.chinese else "Welcome"
    while True:
        yield Scene(chance.randint(8_000, 60_000), _screen(options, (welcome, ""), ("", "")))
        total = 0
        for _ in range(chance.randint(1, 6)):
            name, price = chance.choice(goods)
            total += price
            lines = (name, _amount(price)), (total_word, _amount(total))
            yield Scene(chance.randint(800, 4_000), _screen(options, *lines))
        given = total + chance.choice((0, 50, 500))
        lines = (total_word, _amount(total)), (change_word, _amount(given - total))
        yield Scene(chance.randint(3_000, 15_000), _screen(options, *lines))


def _amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _screen(options: Options, upper: tuple[str, str], lower: tuple[str, str]) -> bytes:
    lines = []
    for left, right in (upper, lower):
        name = characters(left, options.code_page)[0]
        lines.append(fitted(name, COLUMNS - len(right), options.code_page) + right.encode())
    return encode_screen(options.dialect, lines[0], lines[1], page=options.code_page)
