"""Facts of tills as rows. Pure, and hot: rows are laid end to end, as SQLite's driver wants them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from central_server.calendar import AHEAD_MS, FLOOR_MS, Calendar
from central_server.facts import Fact
from central_server.sales.models import RETURN, SALE
from sync.contract.events import SaleCompleted
from sync.contract.money import MINOR_MAX, exponent
from sync.contract.questions import Visit

NAME_MAX = 200  # characters of a line's name; longer is cut
TEXT_MAX = 64  # of a till, receipt number, article number or cashier
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

HourKey = tuple[int, str]  # hour_ms, currency
_encode = msgspec.json.Encoder().encode


class Rows(NamedTuple):
    """What a list of sales becomes. `sales` and `lines`: values in the order of their tables' columns."""

    sales: list[Any]
    lines: list[Any]
    hours: dict[HourKey, list[int]]  # sales, returns, revenue, items, member sales, member revenue
    visits: dict[str, list[Visit]]  # by member


def rows_of(
    store: str,
    facts: Sequence[Fact[SaleCompleted]],
    calendar: Calendar,
    members: Mapping[str, str],
    originals: Mapping[int, int],
    now_ms: int,
) -> Rows:
    """The rows of `facts`. `members` knows tokens and ids, `originals` the sale that a fact's key takes back.

    Raises ValueError when an event cannot be a sale: no currency of ISO 4217, or more than any shop takes.
    """
    check(facts)
    sales: list[Any] = []
    lines: list[Any] = []
    hours: dict[HourKey, list[int]] = {}
    visits: dict[str, list[Visit]] = {}
    latest_ms = now_ms + AHEAD_MS
    place = calendar.place
    for fact in facts:
        key, event, stamp = fact.key, fact.event, fact.stamp
        at_ms, sure = stamp.wall_ms, 1 if stamp.sure else 0
        if not FLOOR_MS <= at_ms <= latest_ms:
            at_ms, sure = now_ms, 0
        day, hour_ms = place(at_ms)
        currency, total = event.currency, event.total_minor
        card = event.card
        member = members.get(event.member) or members.get(card, "") if members else ""
        is_return = total < 0
        sales += (
            key,
            store,
            text(event.till),
            text(event.receipt),
            at_ms,
            sure,
            day,
            hour_ms,
            RETURN if is_return else SALE,
            currency,
            total,
            event.tax_minor,
            event.change_minor,
            _tenders(event),
            member,
            text(card) if card else "",
            text(event.cashier) if event.cashier else "",
            text(event.refers_to) if event.refers_to else "",
            originals.get(key) if originals else None,
        )
        items = 0
        for number, line in enumerate(event.lines, 1):
            quantity, name, amount = line.quantity_milli, line.name, line.amount_minor
            if len(name) > NAME_MAX or not name.isprintable():
                name = text(name, NAME_MAX)
            sku = line.sku
            lines += (key, number, name, text(sku) if sku else "", quantity, line.unit_price_minor, amount)
            items += quantity
        sums = hours.get((hour_ms, currency))
        if sums is None:
            sums = hours[hour_ms, currency] = [0, 0, 0, 0, 0, 0]
        sums[1 if is_return else 0] += 1
        sums[2] += total
        sums[3] += items
        if member:
            sums[5] += total
            if not is_return:
                sums[4] += 1
                visits.setdefault(member, []).append(Visit(at_ms, store, total, currency))
    return Rows(sales, lines, hours, visits)


def check(facts: Sequence[Fact[SaleCompleted]]) -> None:
    """Raises ValueError when an event among `facts` cannot be kept; the inbox then finds out which."""
    for currency in {fact.event.currency for fact in facts}:
        exponent(currency)
    totals = [fact.event.total_minor for fact in facts]
    if totals and (max(totals) > MINOR_MAX or min(totals) < -MINOR_MAX):
        raise ValueError(f"a total of more than {MINOR_MAX} minor units is no sale")


def text(value: str, most: int = TEXT_MAX) -> str:
    """`value` as a database and a page can take it: no control characters, and not endless."""
    if len(value) <= most and value.isprintable():
        return value
    return _CONTROL.sub(" ", value[:most])


def _tenders(event: SaleCompleted) -> str:
    tenders = event.tenders
    return _encode([(tender.kind, tender.amount_minor) for tender in tenders]).decode() if tenders else "[]"
