"""Alarms are called by words on the store's page, in both languages; what nobody knows by its own name."""

from __future__ import annotations

import re
from pathlib import Path

from central_server.stores import service
from central_server.stores.alarm_words import ALARMS
from sync.contract.events import Alarm

MANUAL = Path(__file__).parents[3] / "docs" / "operating.md"


def test_every_alarm_of_the_manual_has_its_words() -> None:
    table = MANUAL.read_text().partition("| alarm | means | do |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` ", table, re.M)) == set(ALARMS)


async def test_the_page_says_an_alarm_in_words(client, as_viewer, add_store, database, clock, facts) -> None:
    as_viewer("admin")
    await add_store("s1")
    now = clock.wall_ms()
    raised = [(Alarm(name=name, raised=True, detail="72"), now) for name in ("leases_doubtful", "odd_one")]
    async with database.transaction() as session:
        await service.alarms(session, "s1", facts(*raised), now)
    page = (await client.get("/fleet/s1")).text
    assert "Leases are in doubt, for the disk was put back" in page
    assert "<b>odd_one</b>" in page
