"""A card that a receipt took, or that was shown long ago, stands on the till's pages as what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import pytest

from edge_agent.app import Edge
from edge_agent.till import CARD_STAYS_MS
from edge_agent.web import events
from edge_agent.web.events import till_events
from sync.contract.questions import CardShown
from tests.edge_agent.web.till_money import SimplePayments

CARD = CardShown(number="6287019900000010", technology="magstripe")
STRANGE = CardShown(number="6287019900009999", technology="magstripe")


@pytest.fixture
async def page(edge: Edge) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """What an open page of till 1 hears, from the card that stands there on."""
    stream = till_events(edge.till, "1", edge.status, "en", recent_shown=8)
    yield stream
    await stream.aclose()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BADGE_EVERY_S", 0.01)


async def heard(page: AsyncGenerator[bytes, None], kind: str) -> str:
    """The next event of that kind."""
    async with asyncio.timeout(5):
        async for event in page:
            if event.startswith(f"event: {kind}\n".encode()):
                return event.decode()
    raise AssertionError("the stream has ended")


async def test_the_page_says_which_receipt_took_the_card(
    edge: Edge, page: AsyncGenerator[bytes, None], browser: httpx.AsyncClient
) -> None:
    await heard(page, "badge")
    await edge.till.present("1", CARD)
    assert "data-aside" not in await heard(page, "swipe")
    edge.till.claim("1", "000123")
    said = await heard(page, "card")
    loaded = (await browser.get("/till?till=1")).text
    for text in (said, loaded):
        assert 'data-aside="receipt"' in text
        assert "on receipt 000123 – show the card again to pay with it" in text
    await edge.till.present("1", CARD)
    assert "data-aside" not in await heard(page, "swipe")


async def test_the_page_says_that_a_payment_terminal_was_paid_with_the_card(
    edge: Edge, page: AsyncGenerator[bytes, None]
) -> None:
    await heard(page, "badge")
    await edge.till.present("1", CARD)
    assert "data-aside" not in await heard(page, "swipe")
    (swipe,) = edge.till.recent("1")
    edge.till.spent("1", "zvt:#1", swipe.card)
    said = await heard(page, "card")
    assert 'data-aside="paid"' in said
    assert "paid at the terminal – show the card again" in said
    await edge.till.present("1", CARD)
    assert "data-aside" not in await heard(page, "swipe")


@pytest.mark.parametrize("card", [CARD, STRANGE])
async def test_a_receipt_without_a_number_takes_it_too_whoever_it_is_of(
    edge: Edge, browser: httpx.AsyncClient, card: CardShown
) -> None:
    await edge.till.present("1", card)
    edge.till.claim("1")
    assert "on a receipt – show the card again" in (await browser.get("/till?till=1")).text


async def test_a_card_without_a_member_is_set_aside_too(edge: Edge, browser: httpx.AsyncClient) -> None:
    edge.till._payments = SimplePayments()
    await edge.till.present("1", STRANGE)
    edge.till.claim("1", "7")
    text = (await browser.get("/till?till=1")).text
    assert "on receipt 7" in text
    assert 'data-purse="value"' in text


async def test_a_page_hears_when_a_card_has_stood_there_too_long(
    edge: Edge, page: AsyncGenerator[bytes, None], browser: httpx.AsyncClient, clock: Any, quick: None
) -> None:
    edge.till._clock = clock
    await heard(page, "badge")
    await edge.till.present("1", CARD)
    assert "王**" in await heard(page, "face")
    clock.wind(CARD_STAYS_MS + 1)
    said = await heard(page, "card")
    assert 'data-aside="long_ago"' in said
    assert "shown a while ago – show the card again" in said
    assert "王**" not in await heard(page, "face")
    assert 'data-aside="long_ago"' in (await browser.get("/till?till=1")).text


async def test_the_customers_screen_keeps_who_paid_and_forgets_them_with_the_next_receipt(
    edge: Edge, page: AsyncGenerator[bytes, None]
) -> None:
    edge.till._payments = SimplePayments()
    await heard(page, "badge")
    await edge.till.present("1", CARD)
    assert "王**" in await heard(page, "face")
    edge.till.claim("1", "000123")
    edge.till.news(edge.till.recent("1")[0].card)
    edge.till.claim("1", "000124")
    for _ in range(2):  # what was known of the first customer; then nothing of them any more
        said = await heard(page, "face")
    assert "Show your member card" in said
    assert "王**" not in said


async def test_a_page_whose_stream_came_late_is_told_what_stands_there(
    edge: Edge, page: AsyncGenerator[bytes, None], quick: None
) -> None:
    await edge.till.present("1", CARD)  # between the page and its stream
    assert "王**" in await heard(page, "card")
    assert "王**" in await heard(page, "recent")


async def test_a_page_that_was_open_while_the_agent_began_anew_forgets_its_card(
    page: AsyncGenerator[bytes, None], quick: None
) -> None:
    assert "Ready for a card" in await heard(page, "card")
