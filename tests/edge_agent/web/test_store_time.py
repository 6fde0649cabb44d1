"""Times on the store's pages are the store's, whatever zone the box is set to; the sheet says which."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from config.edge import EdgeSettings
from edge_agent.app import Edge, World
from edge_agent.sheet import Sheet
from edge_agent.shift import Shift
from edge_agent.web.app import build
from edge_agent.web.render import templates
from edge_agent.wedge import wedge_decoder
from tests.edge_agent.web.conftest import NoLine
from tests.edge_agent.web.till_money import SimplePayments

AT_MS = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


@pytest.mark.parametrize(
    ("zone", "day", "said"),
    [
        ("Asia/Shanghai", "2023-11-15 06:13", "Asia/Shanghai"),
        ("America/St_Johns", "2023-11-14 18:43", "America/St_Johns"),
    ],
)
def test_a_moment_is_said_in_the_stores_zone(zone: str, day: str, said: str) -> None:
    filters = templates("en", ZoneInfo(zone)).filters
    assert (filters["day"](AT_MS), filters["zone"](AT_MS)) == (day, said)


def test_without_a_zone_it_is_the_boxs_and_how_far_from_utc() -> None:
    said = templates("en").filters["zone"](AT_MS)
    assert re.fullmatch(r"UTC[+-]\d\d:\d\d", said)


async def test_the_sheet_of_a_shift_says_its_zone_and_the_clock_is_told(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def current(till: str) -> Shift:
        return Shift(till=till, number=1, sheet=Sheet(from_ms=AT_MS))

    edge.till.zone = ZoneInfo("Asia/Shanghai")
    monkeypatch.setattr(edge.shifts, "current", current)
    app = build(
        till=edge.till,
        status=edge.status,
        metrics=None,
        wedge=lambda: wedge_decoder(edge.settings),
        lang="en",
        token="token",
        history=SimplePayments(),
        shifts=edge.shifts,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1"
    ) as client:
        sheet = (await client.get("/till/shift?till=1")).text
        page = (await client.get("/till?till=1")).text
    assert "2023-11-15 06:13" in sheet
    assert "times: Asia/Shanghai" in sheet
    assert 'data-zone="Asia/Shanghai"' in page


async def test_the_zone_is_a_setting(tmp_path: Path) -> None:
    settings = EdgeSettings.model_validate({"state_dir": str(tmp_path), "timezone": "Asia/Tokyo"})
    edge = Edge(settings, World(dialler=lambda *_: NoLine()))
    await edge.start()
    try:
        assert edge.till.zone == ZoneInfo("Asia/Tokyo")
    finally:
        await edge.stop()
