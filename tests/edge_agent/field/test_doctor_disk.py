"""The doctor's checks of clock, time zone, disk, database and outbox."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_agent.field.doctor import disk as disks
from edge_agent.field.doctor.clocks import time_zone
from edge_agent.field.doctor.disk import database, disk, outbox
from edge_agent.field.machine import Machine
from sync.contract.events import Passed
from tests.edge_agent.field.doctoring import BOOT, Fixed, answering, the_one, told


async def _with_offset(path: Path, offset_ms: int, open_outbox: Any, wound: Any, sure: int = 1) -> None:
    async with open_outbox(path, wound, boot=BOOT):
        pass
    sql = sqlite3.connect(path)
    with sql:
        sql.execute("INSERT OR REPLACE INTO boot VALUES (?, ?, ?)", (BOOT, offset_ms, sure))
    sql.close()


@pytest.mark.parametrize(
    ("ahead_s", "minded", "states"),
    [
        (0, True, ["ok", "ok"]),
        (5, True, ["warn", "ok"]),
        (-3600, False, ["bad", "warn"]),
        (1, False, ["ok", "warn"]),
    ],
)
async def test_the_clock_is_held_against_head_offices(
    box_of: Any, open_outbox: Any, clock: Any, ahead_s: int, minded: bool, states: list[str]
) -> None:
    from edge_agent.field.doctor import clocks

    box = box_of()
    offset_ms = box.clock.wall - box.clock.mono - 1000 * ahead_s
    await _with_offset(box.database, offset_ms, open_outbox, clock)
    assert [each.state for each in clocks.clock(box, lambda: minded)] == states


async def test_a_clock_that_nobody_has_set_is_doubtful(box_of: Any, open_outbox: Any, clock: Any) -> None:
    from edge_agent.field.doctor import clocks

    box = box_of()
    assert the_one(clocks.clock(box, lambda: False)).state == "warn"  # no database either
    await _with_offset(box.database, 0, open_outbox, clock, sure=0)
    assert the_one(clocks.clock(box, lambda: False)).state == "warn"
    minded = box_of(run=answering(timedatectl="yes"))
    assert the_one(clocks.clock(minded, lambda: False)).state == "ok"


@pytest.mark.parametrize(
    ("zone", "state"), [("Asia/Shanghai", "ok"), ("Etc/UTC", "warn"), ("UTC", "warn"), ("", "warn")]
)
def test_a_time_zone_is_wanted(box_of: Any, planted: Any, zone: str, state: str) -> None:
    if zone:
        planted.link("etc/localtime", f"/usr/share/zoneinfo/{zone}")
    assert the_one(time_zone(box_of())).state == state


@pytest.mark.parametrize(("free_mib", "state"), [(10_000, "ok"), (400, "warn"), (3, "bad")])
def test_room_is_told_before_it_ends(
    box_of: Any, monkeypatch: pytest.MonkeyPatch, free_mib: int, state: str
) -> None:
    found = SimpleNamespace(f_flag=0, f_bavail=free_mib * 256, f_frsize=4096, f_files=10**6, f_favail=10**5)
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    assert the_one(disk(box_of())).state == state


def test_a_read_only_disk_and_one_without_room_for_files_are_told(
    box_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=10**6, f_frsize=4096, f_files=10**6, f_favail=3)
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    assert [each.state for each in disk(box_of())] == ["bad", "ok", "bad"]
    assert "remount,rw" in next(iter(disk(box_of()))).mend


def test_a_folder_that_is_not_there_yet_is_no_disaster(box_of: Any, tmp_path: Path) -> None:
    assert the_one(disk(box_of(settings={"state_dir": str(tmp_path / "none")}))).state == "warn"


async def test_a_whole_database_is_told_with_its_size(box_of: Any, open_outbox: Any, clock: Any) -> None:
    box = box_of()
    assert the_one(database(box)).state == "warn"  # not there yet
    assert list(outbox(box)) == []
    async with open_outbox(box.database, clock, boot=BOOT):
        assert the_one(database(box)).state == "ok"  # beside a running agent


async def test_a_damaged_database_is_told_and_so_is_one_put_aside(
    box_of: Any, open_outbox: Any, clock: Any
) -> None:
    box = box_of()
    async with open_outbox(box.database, clock, boot=BOOT) as full:
        await full.accept([Passed(device="door", inward=n) for n in range(3000)])
    with box.database.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xde\xad" * 4096)
    box.database.with_name("edge.db.damaged-1").write_bytes(b"x")
    aside, damaged = database(box)
    assert (aside.state, damaged.state) == ("warn", "bad")
    assert ".recover" in aside.mend
    box.database.write_bytes(b"no database at all, but text" * 100)
    assert list(database(box))[-1].state == "bad"
    assert told(outbox(box)) == [("warn", "cannot be said: see the database")]


async def test_a_database_on_a_read_only_disk_is_looked_at_without_making_a_file(
    box_of: Any, open_outbox: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = box_of()
    async with open_outbox(box.database, clock, boot=BOOT) as full:
        await full.accept([Passed(device="door", inward=1)])
    before = sorted(box.settings.state_dir.iterdir())
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))
    assert the_one(database(box)).state == "ok"
    assert the_one(outbox(box)).args["shown"] == "till 0, count 1, health 0"
    assert sorted(box.settings.state_dir.iterdir()) == before


async def test_a_database_of_a_later_version_is_told(box_of: Any, open_outbox: Any, clock: Any) -> None:
    box = box_of()
    async with open_outbox(box.database, clock, boot=BOOT):
        pass
    sql = sqlite3.connect(box.database)
    sql.execute("PRAGMA user_version=99")
    sql.close()
    assert the_one(database(box)).state == "bad"


async def test_a_database_too_large_for_our_patience_is_no_finding_of_damage(
    box_of: Any, open_outbox: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = box_of()
    async with open_outbox(box.database, clock, boot=BOOT) as full:
        await full.accept([Passed(device="door", inward=n) for n in range(3000)])
    monkeypatch.setattr(disks, "CHECK_MAX_S", -1.0)
    assert the_one(database(box)).state == "warn"


@pytest.mark.parametrize(("waited_s", "state"), [(5, "ok"), (1200, "warn"), (100_000, "bad")])
async def test_what_waits_is_counted_with_its_age(
    box_of: Any, open_outbox: Any, clock: Any, waited_s: int, state: str
) -> None:
    box = box_of()
    async with open_outbox(box.database, clock, boot=BOOT) as full:
        await full.accept([Passed(device="door", inward=1), Passed(device="door", outward=1)])
    box.clock.mono += 1000 * waited_s
    box.clock.wall += 1000 * waited_s
    found = the_one(outbox(box))
    assert (found.state, found.args["shown"]) == (state, "till 0, count 2, health 0")
    after_a_night = Fixed(box.clock.wall, 50)  # switched off and on: only the wall clock knows how long
    other_boot = box_of(clock=after_a_night, machine=Machine(box.settings.state_dir))
    assert the_one(outbox(other_boot)).state == state


async def test_an_outbox_near_its_limit_is_told(box_of: Any, open_outbox: Any, clock: Any) -> None:
    box = box_of(settings={"outbox": {"max_mib": 16}})
    sql = sqlite3.connect(box.database)
    sql.execute("CREATE TABLE filler (body BLOB)")
    sql.execute("INSERT INTO filler VALUES (zeroblob(15000000))")
    sql.commit()
    sql.close()
    async with open_outbox(box.database, clock, boot=BOOT):
        assert [each.state for each in outbox(box)] == ["ok", "warn"]
