"""On a disk without room for one row more the line goes on, and a till is served by what is known."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from edge_agent.clocks import Calendar
from edge_agent.downlink import Downlink
from edge_agent.store.database import limit_pages
from edge_agent.store.replica import Replica
from sync.contract.message import Words, encode
from sync.contract.questions import MemberKnown
from sync.contract.told import EVERYONE, MemberTold

STORE = "hz-004"


async def test_words_that_find_no_room_are_left_and_taken_when_they_come_again(
    tmp_path: Path, clock: Any, open_outbox: Any
) -> None:
    members = [MemberTold(member=f"m{n}", name="x" * 900, cards=(f"card-{n}",)) for n in range(40)]
    payload = encode(Words(EVERYONE, 0, list(enumerate(members, 1))))
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        replica = await Replica.open(outbox._db, STORE, bytes(32))
        downlink = Downlink(outbox, replica, "1")
        await outbox._db.bare(lambda sql: limit_pages(sql, None))
        await downlink.take(payload)
        assert downlink.here(greet=False).everyone == 0
        await outbox._db.bare(lambda sql: limit_pages(sql, 64))
        await downlink.take(payload)
        assert downlink.here(greet=False).everyone == 40
        assert isinstance(await replica.look_up("card-39"), MemberKnown)


async def test_the_time_is_known_though_it_cannot_be_noted(
    tmp_path: Path, clock: Any, open_outbox: Any, monkeypatch: Any
) -> None:
    async def no_room(work: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        calendar = await Calendar.open(outbox._db, clock, "0badcafe", lambda: False)
        monkeypatch.setattr(outbox._db, "write", no_room)
        await calendar.heard_centre(clock.wall_ms() + 60_000, clock.mono_ms())
        assert calendar.sure
        assert calendar.now_ms() == clock.wall_ms() + 60_000
