"""A customer waits for a till: from the page's question to the durable answer, with the line up and down.

Centre, broker and the store's agent are real programs on this machine, their databases on its disk with FULL.
A client asks as the page does, by HTTP; every payment is a new one, from what was set aside when the card was
shown: one commit of SQLite and one of the anchor before the answer. Then the centre and its broker end, and
the same cards pay on.

    p50_ms, p99_ms            POST /till/pay to its answer, line up
    offline_p50_ms, _p99_ms   the same, line down
    ask_p50_ms, _p99_ms       of which the rules and the disk, without HTTP and the page's fragment (line up)
    grant_p50_ms, _p99_ms     a card shown, to the page saying that its lease is there, by way of the broker
    fsync_p50_ms              one row committed by bare sqlite3 on the same disk
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

from bench import rig
from bench.latency import bare_commits_ms
from bench.report import options, percentile, report
from bench.till import TillPage
from central_server.db import Database
from central_server.keys import Keys
from central_server.ledger import service as ledger
from central_server.membership.bulk import create_many
from central_server.staff.service import COMMAND
from demo.money import RULES
from demo.people import members
from sync.clock import SystemClock

TILL = "1"
GRANT_MAX_S = 5.0
LOADED_MINOR = 50_000
AMOUNT = "1.23"
_NOTHING = "ready here ¥0.00".encode()
# As careful as the defaults are, they would end a measurement: one card pays more often here than in a year.
EDGE = {
    "money": {
        "pays_per_hour": 1_000,
        "offline_card_minor": 10_000_000,
        "offline_store_minor": 1_000_000_000,
        "idle_s": 3_600,
    }
}
CENTRE = {"leases": {"value_per_store": 1_000_000_000, "ttl_s": 3_600}}


def main() -> int:
    asked = options(
        "Pay from a lease at the till's page, to the durable answer.",
        cards=(60, "cards, each of which is granted a lease"),
        pays=(5, "payments of each card with the line up, and as many with the line down"),
        folder=("", "where to measure; var/bench if empty"),
    )
    with rig.folder(asked.folder) as where:
        found = asyncio.run(measure(where, asked.cards, asked.pays))
        found["fsync_p50_ms"] = round(percentile(bare_commits_ms(where), 50), 2)
    report(found, asked.json)
    return 0


async def measure(where: Path, cards: int, pays: int) -> dict[str, Any]:
    async with rig.centre(where, more=CENTRE) as stands:
        first, *phones = await _people(stands, cards + 1)
        stands.edge_more = EDGE
        async with rig.edge(stands):
            await _line(stands, "online")
            async with TillPage(stands.places.edge_port, TILL) as page:
                await _learnt(page, first)
                granted_ms = [await _granted(stands, page, phone) for phone in phones]
                online_ms, ask_ms = await _pay(page, phones, pays)
                assert stands.central is not None
                await stands.central.stop()
                await _line(stands, "offline")
                offline_ms, _ = await _pay(page, phones, pays)
    return {
        "p50_ms": round(percentile(online_ms, 50), 2),
        "p99_ms": round(percentile(online_ms, 99), 2),
        "offline_p50_ms": round(percentile(offline_ms, 50), 2),
        "offline_p99_ms": round(percentile(offline_ms, 99), 2),
        "ask_p50_ms": round(percentile(ask_ms, 50), 2),
        "ask_p99_ms": round(percentile(ask_ms, 99), 2),
        "grant_p50_ms": round(percentile(granted_ms, 50), 2),
        "grant_p99_ms": round(percentile(granted_ms, 99), 2),
        "cards": cards,
        "payments": len(online_ms) + len(offline_ms),
    }


async def _people(stands: rig.Rig, count: int) -> list[str]:
    """Members with value on them, as head office has them; their telephone numbers."""
    keys = Keys.open(stands.places.folder / "central")
    now_ms = SystemClock().wall_ms()
    people = members(count, random.Random(8), now_ms)
    database = Database(stands.database_url)
    try:
        async with database.transaction() as session:
            await create_many(session, keys=keys, people=people)
            wallet = await ledger.make_programme(session, "wallet", RULES, by=COMMAND.name, at_ms=now_ms)
            for each in people:
                holder = ledger.holder_of(member=each.id)
                await ledger.load(
                    session,
                    request=f"load {each.id}",
                    purse=await ledger.open_purse(session, holder, wallet, at_ms=now_ms),
                    amount=LOADED_MINOR,
                    tender="transfer",
                    by=COMMAND.name,
                    now_ms=now_ms,
                    keys=keys,
                )
    finally:
        await database.close()
    return [f"138{number + 1:08d}" for number in range(count)]


async def _line(stands: rig.Rig, link: str) -> None:
    async with asyncio.timeout(60):
        while (await asyncio.to_thread(rig.edge_status, stands))["link"] != link:
            await asyncio.sleep(0.1)


async def _learnt(page: TillPage, phone: str) -> None:
    """Wait until the store has been told of its members; that one's card is then no new one any more."""
    async with asyncio.timeout(60):
        while not await page.look_up(phone):
            await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)  # the words about the others are behind


async def _granted(stands: rig.Rig, page: TillPage, phone: str) -> float:
    """One card is shown; how many ms until an open page is told what is ready."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stands.places.edge_port)
    try:
        writer.write(
            f"GET /till/events?till={TILL} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Accept: text/event-stream\r\ncookie: tillbeam_lang=en\r\n\r\n".encode()
        )
        await reader.readuntil(b"event: badge")
        await asyncio.sleep(0.01)
        began_s = time.perf_counter()
        looking = asyncio.ensure_future(page.look_up(phone))
        try:
            async with asyncio.timeout(GRANT_MAX_S):
                while not _ready(await reader.readuntil(b"\n\n")):
                    pass
            return (time.perf_counter() - began_s) * 1000
        finally:
            await looking
    finally:
        writer.close()


def _ready(event: bytes) -> bool:
    return b"event: card\n" in event and b"ready here" in event and _NOTHING not in event


async def _pay(page: TillPage, phones: list[str], pays: int) -> tuple[list[float], list[float]]:
    """Each card is shown and pays some times: ms of each question, and of the box's own part of it.

    Raises RuntimeError when one is not paid in full.
    """
    took_ms, ask_ms = [], []
    for phone in phones:
        await page.look_up(phone)
        await asyncio.sleep(0.02)
        for _ in range(pays):
            began_s = time.perf_counter()
            told = await page.pay(AMOUNT)
            took_ms.append((time.perf_counter() - began_s) * 1000)
            ask_ms.append(page.ask_ms)
            if (told.outcome, told.approved) != ("pay", 123):
                raise RuntimeError(f"{phone} has not paid: {told}")
    return took_ms, ask_ms
