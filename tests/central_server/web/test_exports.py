"""Files take their turn and come to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from central_server.web.deps import WebOptions
from central_server.web.exports import Exports
from central_server.web.shell import install
from central_server.web.tables import csv_response


@pytest.fixture
def more() -> asyncio.Event:
    """Set when the file may go on."""
    return asyncio.Event()


@pytest.fixture
async def client(more: asyncio.Event) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.clock = SimpleNamespace(wall_ms=lambda: 1_800_000_000_000)  # the refusal is a page

    async def rows() -> AsyncIterator[list[object]]:
        yield ["x" * 100_000]
        await more.wait()
        yield ["end"]

    @app.get("/slow.csv")
    async def slow() -> Response:
        return csv_response("slow.csv", ["a"], rows())

    @app.get("/page")
    async def quick() -> str:
        return "here"

    install(app, WebOptions())
    app.add_middleware(Exports, at_once=1, wait_s=0.2, longest_s=2.0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://centre.test") as made:
        yield made


async def test_who_gets_no_turn_is_told_to_come_again_and_pages_need_none(
    client: httpx.AsyncClient, more: asyncio.Event
) -> None:
    first, second = (asyncio.create_task(client.get("/slow.csv")) for _ in range(2))
    await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    refused = await second
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    assert (await client.get("/page")).status_code == 200
    more.set()
    assert (await first).text.endswith("end\r\n")
    assert (await client.get("/slow.csv")).status_code == 200


async def test_a_file_that_takes_too_long_is_cut_and_gives_its_turn_back(
    client: httpx.AsyncClient, more: asyncio.Event
) -> None:
    with pytest.raises(TimeoutError):
        await client.get("/slow.csv")
    more.set()
    assert (await client.get("/slow.csv")).status_code == 200
