"""What a card is made of is said in words on the member's page."""

from __future__ import annotations

import re
from pathlib import Path

from central_server.membership.pages import TECHNOLOGIES

LIST = Path(__file__).parents[3] / "drivers" / "cardreader" / "README.md"


def test_every_technology_that_readers_tell_has_its_words() -> None:
    told = set(re.findall(r"^\| `([a-z0-9]+)` \|", LIST.read_text(), re.M))
    assert told >= {"magstripe", "iso15693", "keyboard"}
    assert told <= set(TECHNOLOGIES)
