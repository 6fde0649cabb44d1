"""The README's pictures: there, small, and fetching nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from demo.shots import BYTES_MAX, PICTURES

NAMES = (
    "overview-zh",
    "overview-en",
    "till-zh",
    "till-en",
    "fleet",
    "members",
    "traffic",
    "dwell-zh",
    "dwell-en",
    "camera-zh",
    "camera-en",
    "edge",
    "pay",
    "liability",
    "reconciliation",
)


@pytest.mark.parametrize("name", NAMES)
async def test_a_picture_is_there_and_small(name: str) -> None:
    picture = (PICTURES / f"{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= BYTES_MAX


async def test_the_terminals_picture_fetches_no_font() -> None:
    drawn = (PICTURES / "config-error.svg").read_text("utf-8")
    assert "did you mean" in drawn.replace("&#160;", " ")
    assert not re.findall(r"url\((?!#)", drawn)
