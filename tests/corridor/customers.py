"""What people do in the shops of a simulated world: no two events have the same content."""

from __future__ import annotations

from sync.contract.events import (
    CardPresented,
    Event,
    Occupancy,
    Passed,
    SaleCompleted,
    SaleLine,
    Tender,
    Visited,
)
from sync.contract.tokens import card_token
from tests.corridor.centre_box import KEYS
from tests.corridor.store_box import StoreBox

CARDS = 30  # that customers of the chain carry


def happens(store: StoreBox) -> list[Event]:
    """What somebody in the shop does, and who walks in meanwhile."""
    chance, what = store.chance, store.chance.random()
    events: list[Event] = []
    if what < 0.55:
        events.append(sale(store))
    elif what < 0.65:
        card = card_of(chance.randrange(1, CARDS))
        events.append(
            CardPresented(device="pad", till=f"{store.next_number()}", card=card, technology="rfid125")
        )
    if what > 0.5:
        events += people(store, chance.choice((1, 1, 1, 2, 10, 40)))
        events += shoppers(store)
    return events


def sale(store: StoreBox) -> SaleCompleted:
    """A receipt or a return, sometimes of somebody who has shown a card."""
    chance = store.chance
    total = chance.randrange(-2_000, 90_000)
    return SaleCompleted(
        device="receipts",
        till="1",
        receipt=f"{store.name}-{store.next_number()}",
        currency="CNY",
        total_minor=total,
        lines=tuple(SaleLine(f"thing {n}", total // 3 + n) for n in range(chance.randrange(4))),
        tenders=(Tender("cash", total),),
        card=card_of(chance.randrange(1, CARDS)) if chance.random() < 0.4 else "",
    )


def people(store: StoreBox, many: int) -> list[Event]:
    """So many go through the door, each counted."""
    return [
        Passed(device="door", inward=store.chance.randrange(4), outward=1, line=f"{store.next_number()}")
        for _ in range(many)
    ]


def shoppers(store: StoreBox) -> list[Event]:
    """Somebody leaves a sales area, and its camera says how many are there now."""
    number = store.next_number()
    return [
        Visited(device="camera", zone=f"area {number % 3}", dwell_ms=number * 97),
        Occupancy(device="camera", zone=f"area {number % 3}", people=number % 5_000),
    ]


def card_of(number: int) -> str:
    """The token of one of the chain's cards."""
    return card_token(KEYS.token_key, f"{number:010X}")
