"""A few weeks before the demo begins, told to the centre in its own words: batches through the inbox."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from central_server.db import Database
from central_server.keys import Keys
from central_server.membership.bulk import NewMember, create_many
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from central_server.uplink.apply import Arrived, apply
from central_server.uplink.handlers import handlers
from demo.areas import Stay, stays, told
from demo.people import members
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.simulator import shop_of, sold
from sync.contract.events import Event, Passed, SaleCompleted
from sync.contract.ids import Lane
from sync.contract.message import Batch, Envelope
from sync.contract.tokens import card_token

ZONE = ZoneInfo("Asia/Shanghai")
OPENS, CLOSES = 9, 22
# Visitors in each hour from nine to ten at night: lunch, and the way home.
BY_HOUR = (18, 24, 38, 52, 40, 30, 28, 34, 56, 62, 48, 32, 16)
WEEKEND = 1.45
MEMBER_SHARE = 0.35
REGULARS, REGULAR_SHARE = 60, 0.4  # the first members come so much more often
BATCH_EVENTS = 2_000
SAMPLED_DAYS = 2  # of how many people are in each area; more would take long, and nobody looks


@dataclass(frozen=True)
class Shop:
    """A store of the demo: how busy it is, how many visitors buy, and whether a camera watches them."""

    id: str
    name: str
    region: str
    busy: float
    buying: float
    camera: bool


SHOPS = (
    Shop("demo", "西湖店 West Lake", "杭州 Hangzhou", 1.0, 0.31, True),
    Shop("demo-airport", "机场店 Airport", "杭州 Hangzhou", 1.7, 0.19, False),
    Shop("demo-harbour", "滨江店 Harbour", "宁波 Ningbo", 0.7, 0.38, True),
)


async def fill(
    database: Database, keys: Keys, *, chance: random.Random, now_ms: int, days: int, people: int
) -> None:
    """Stores, members and `days` days of visitors and sales up to `now_ms`."""
    async with database.transaction() as session:
        group = await stores.add_org(session, COMMAND, "group", "好邻居 Good Neighbour", None, now_ms=now_ms)
        company = await stores.add_org(session, COMMAND, "company", "浙江 Zhejiang", group.id, now_ms=now_ms)
        for shop in SHOPS:
            new = stores.NewStore(
                shop.id, shop.name, region=shop.region, format="convenience", org_id=company.id
            )
            await stores.add_store(session, COMMAND, new, now_ms=now_ms)
        crowd = members(people, chance, now_ms)
        await create_many(session, keys=keys, people=crowd)
    table = handlers(keys)
    for shop in SHOPS:
        epoch = f"{zlib.crc32(shop.id.encode()):016x}"
        for lane, happened in _by_lane(shop, crowd, keys, chance, now_ms, days).items():
            for start in range(0, len(happened), BATCH_EVENTS):
                some = happened[start : start + BATCH_EVENTS]
                batch = Batch(epoch, lane, start + 1, some)
                payload = zlib.compress(msgspec.json.encode([epoch, lane, start + 1, some]))
                arrived = Arrived(shop.id, batch, payload, now_ms)
                async with database.transaction() as session:
                    await apply(session, table, [arrived], now_ms)


def _by_lane(
    shop: Shop, crowd: list[NewMember], keys: Keys, chance: random.Random, now_ms: int, days: int
) -> dict[Lane, list[Envelope]]:
    lanes: dict[Lane, list[Envelope]] = {Lane.TILL: [], Lane.COUNT: []}
    now = datetime.fromtimestamp(now_ms / 1000, ZONE)
    morning = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
    receipt = 1000
    while morning <= now:
        for at_ms, event in _day(shop, morning, chance, sampled_from=now - timedelta(days=SAMPLED_DAYS)):
            if at_ms >= now_ms:
                break
            if isinstance(event, SaleCompleted):
                receipt += 1
                known = crowd[:REGULARS] if chance.random() < REGULAR_SHARE else crowd
                holder = chance.choice(known) if chance.random() < MEMBER_SHARE else None
                event = msgspec.structs.replace(
                    event,
                    device="receipts",
                    receipt=f"{receipt:08d}",
                    card=card_token(keys.token_key, holder.cards[0]) if holder else "",
                    member=holder.id if holder else "",
                )
                lanes[Lane.TILL].append(_told(at_ms, event))
            else:
                lanes[Lane.COUNT].append(_told(at_ms, event))
        morning += timedelta(days=1)
    return lanes


def _day(
    shop: Shop, morning: datetime, chance: random.Random, *, sampled_from: datetime
) -> Iterator[tuple[int, Event]]:
    """What happened on one day, in order."""
    options = Options(till="1")
    weekday = WEEKEND if morning.weekday() >= 5 else 1.0
    mood = chance.uniform(0.85, 1.15) * weekday * shop.busy
    happened: list[tuple[int, Event]] = []
    stood: list[Stay] = []
    for hour, usual in enumerate(BY_HOUR, start=OPENS):
        for _ in range(round(chance.gauss(usual, usual**0.5) * mood)):
            came = morning + timedelta(hours=hour, seconds=chance.uniform(0, 3600))
            stays_s = chance.gauss(600, 240)
            left = min(
                came + timedelta(seconds=max(60, stays_s)), morning + timedelta(hours=CLOSES, minutes=20)
            )
            happened.append((_ms(came), Passed(device="door", inward=1)))
            happened.append((_ms(left), Passed(device="door", outward=1)))
            if shop.camera:
                stood += stays(came, left, usual / max(BY_HOUR), chance)
            if chance.random() < shop.buying:
                paid = left - timedelta(seconds=45)
                happened.append((_ms(paid), sold(shop_of("zh"), options, "0", chance)))
    happened += [(_ms(when), event) for when, event in told(stood, sampled_from=sampled_from)]
    happened.sort(key=lambda each: each[0])
    yield from happened


def _told(at_ms: int, event: Event) -> Envelope:
    return Envelope(at_ms, True, "00000000", at_ms % 10**9, event)


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
