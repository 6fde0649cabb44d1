"""What a payment terminal waits for stands on the till's pages, and a PIN gets to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from edge_agent.app import Edge
from edge_agent.shown import Wanted
from edge_agent.web.events import till_events
from sync.contract.questions import Declined
from sync.contract.terminal import CardAwaited, PinAwaited, PinGiven

PIN = PinAwaited(till="1", limit_ms=10_000, amount_minor=90_000, currency="CNY")


async def heard(page: AsyncGenerator[bytes, None], kind: str) -> str:
    """The next event of that kind."""
    async with asyncio.timeout(5):
        async for event in page:
            if event.startswith(f"event: {kind}\n".encode()):
                return event.decode()
    raise AssertionError("the stream has ended")


async def waited_for(edge: Edge, what: str) -> None:
    async with asyncio.timeout(5):
        while (edge.till.waits.wanted("1") or Wanted("1", "")).what != what:
            await asyncio.sleep(0)


def standing(edge: Edge) -> int:
    wanted = edge.till.waits.wanted("1")
    assert wanted is not None
    return wanted.number


@pytest.fixture
async def asking(edge: Edge, running: Any) -> Any:
    """Asks for a PIN, for as long as the test lasts."""
    async with running(edge.till.waits.pin(PIN)) as (task,):
        await waited_for(edge, "pin")
        yield task


async def test_pages_say_what_is_asked_for_until_it_is_there(edge: Edge, running: Any) -> None:
    page = till_events(edge.till, "1", edge.status, "en", recent_shown=8)
    await heard(page, "badge")
    async with running(
        edge.till.waits.card(CardAwaited(till="1", limit_ms=10_000, amount_minor=1_250, currency="CNY"))
    ):
        assert 'data-wanted="card"' in await heard(page, "wanted")
        assert "Please show your member card" in await heard(page, "face")
        edge.till.waits.never_mind("1", "")
        assert await heard(page, "wanted") == "event: wanted\ndata:\n\n"
        assert "data-wanted" not in await heard(page, "face")
    await page.aclose()


async def test_a_page_that_is_opened_meanwhile_asks_for_the_pin_too(
    edge: Edge, browser: httpx.AsyncClient, asking: Any
) -> None:
    text = (await browser.get("/till?till=1")).text
    assert 'data-wanted="pin"' in text
    assert "¥900.00" in text


async def test_a_pin_gets_to_who_waits_and_to_nobody_later(
    edge: Edge, browser: httpx.AsyncClient, asking: Any
) -> None:
    number = standing(edge)
    for body, status in (
        ({"pin": "12a4", "number": number}, 422),
        ({"pin": "2580"}, 422),
        ({"pin": "2580", "number": number + 1}, 409),
        ({"pin": "2580", "number": number}, 204),
    ):
        assert (await browser.post("/till/pin", json={"till": "1"} | body)).status_code == status
    assert await asking == PinGiven(pin="2580")
    assert "2580" not in repr(await asking)
    late = {"till": "1", "number": number, "pin": "2580"}
    assert (await browser.post("/till/pin", json=late)).status_code == 409


async def test_a_pin_that_was_typed_for_one_amount_does_not_pay_the_next(
    edge: Edge, browser: httpx.AsyncClient, running: Any, asking: Any
) -> None:
    number = standing(edge)
    assert f'data-number="{number}"' in (await browser.get("/till?till=1")).text
    async with running(edge.till.waits.pin(replace(PIN, amount_minor=990_000))) as (next_one,):
        assert await asking == Declined("pin_needed")
        await waited_for(edge, "pin")
        for pin, status in (("2580", 409), ("", 204)):
            said = await browser.post("/till/pin", json={"till": "1", "number": number, "pin": pin})
            assert said.status_code == status
        assert edge.till.waits.give_pin("1", standing(edge), "1379")
        assert await next_one == PinGiven(pin="1379")


async def test_a_customer_who_will_not_type_it_ends_the_wait(
    edge: Edge, browser: httpx.AsyncClient, asking: Any
) -> None:
    assert (await browser.post("/till/pin", json={"till": "1", "number": standing(edge)})).status_code == 204
    assert await asking == Declined("pin_needed")
