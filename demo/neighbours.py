"""The chain's other stores on an ordinary day: most boxes are well, one is silent, one has a bad disk."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

import msgspec

from central_server.db import Database
from central_server.keys import Keys
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from central_server.stores.hierarchy import NewStore
from central_server.uplink.apply import Arrived, apply
from central_server.uplink.handlers import handlers
from sync.contract.events import Alarm, DeviceState, Event, Heartbeat
from sync.contract.ids import Lane
from sync.contract.message import Batch, Envelope

HOUR_MS = 3_600_000
DEVICES = ("receipts", "reader", "door")


@dataclass(frozen=True)
class Neighbour:
    """A store and how its box is."""

    id: str
    name: str
    region: str
    silent_s: int = 20
    waiting: int = 0
    oldest_s: int = 0
    disk_free_mib: int = 22_400
    down: str = ""  # a device
    alarm: str = ""
    version: str = "0.1.0"


NEIGHBOURS = (
    Neighbour("demo-airport", "机场店 Airport", "杭州 Hangzhou", disk_free_mib=21_870),
    Neighbour("demo-harbour", "滨江店 Harbour", "宁波 Ningbo", silent_s=35, disk_free_mib=23_115),
    Neighbour("sh-012", "徐家汇店 Xujiahui", "上海 Shanghai", silent_s=5_400, waiting=318, oldest_s=1_260),
    Neighbour("sh-003", "静安店 Jing'an", "上海 Shanghai", disk_free_mib=212, alarm="disk_full", waiting=2),
    Neighbour("nj-007", "新街口店 Xinjiekou", "南京 Nanjing", down="door"),
    Neighbour("sz-001", "观前街店 Guanqian", "苏州 Suzhou", silent_s=12),
    Neighbour("wx-002", "三阳店 Sanyang", "无锡 Wuxi", silent_s=130, disk_free_mib=9_640),
    Neighbour("hz-021", "湖滨店 Lakeside", "杭州 Hangzhou", silent_s=48, version="0.0.9"),
)


async def move_in(database: Database, keys: Keys, *, chance: random.Random, now_ms: int) -> None:
    """Enter those that are missing, let their boxes enrol, and say how they were in the last day."""
    table = handlers(keys)
    for each in NEIGHBOURS:
        async with database.transaction() as session:
            if not each.id.startswith("demo-"):
                new = NewStore(each.id, each.name, region=each.region, format="convenience")
                await stores.add_store(session, COMMAND, new, now_ms=now_ms)
            code = await stores.new_code(session, keys, COMMAND, each.id, now_ms=now_ms)
        await stores.enrol(database, keys, code, address="127.0.0.1", version=each.version, now_ms=now_ms)
        heard_ms = now_ms - each.silent_s * 1000
        told = _day(each, chance, heard_ms)
        epoch = f"{zlib.crc32(each.id.encode()):016x}"
        payload = zlib.compress(msgspec.json.encode([epoch, Lane.HEALTH, 1, told]))
        batch = Batch(epoch, Lane.HEALTH, 1, told)
        async with database.transaction() as session:
            await apply(session, table, [Arrived(each.id, batch, payload, heard_ms)], heard_ms)


def _day(each: Neighbour, chance: random.Random, heard_ms: int) -> list[Envelope]:
    happened: list[tuple[int, Event]] = [
        (heard_ms - 24 * HOUR_MS, DeviceState(device=name, state="up")) for name in DEVICES
    ]
    for hour in range(24, 0, -1):
        for minute in range(0, 60, 5):
            at_ms = heard_ms - hour * HOUR_MS + minute * 60_000
            happened.append((at_ms, _beat(each, chance.choice((0, 0, 0, 1, 2, 5)), 0, 24 - hour)))
    if each.down:
        happened.append((heard_ms - 900_000, DeviceState(device=each.down, state="down", detail="PortGone")))
    if each.alarm:
        happened.append((heard_ms - 2 * HOUR_MS, Alarm(name=each.alarm, raised=True, detail="212 MiB")))
    happened.append((heard_ms, _beat(each, each.waiting, 1 if each.down else 0, 25)))
    happened.sort(key=lambda one: one[0])
    return [Envelope(at_ms, True, "00000000", at_ms % 10**9, event) for at_ms, event in happened]


def _beat(each: Neighbour, waiting: int, down: int, hours_up: int) -> Heartbeat:
    return Heartbeat(
        version=each.version,
        uptime_s=hours_up * 3600,
        outbox_rows=waiting,
        oldest_s=each.oldest_s if waiting == each.waiting else 0,
        disk_free_mib=each.disk_free_mib,
        clock_skew_ms=3,
        clock_sure=True,
        devices_up=len(DEVICES) - down,
        devices_down=down,
        rss_mib=58,
    )
