"""Somebody takes the box away: nothing on its disk says who the customers are, nor a number, nor a PIN.

The programs are real, and so is the use: cards by number and by stripe, a telephone number, a new member, a
payment with a PIN that was wrong first, a top-up, a refund, with the line up and down. Then every byte of the
agent's folder and of its log is looked through, in clear and in the ways in which programs write such things.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from bench import rig
from bench.till import TillPage
from central_server.db import Database
from central_server.keys import Keys
from central_server.ledger import service as ledger
from central_server.ledger.models.cards import Pin
from central_server.membership.bulk import create_many
from central_server.staff.service import COMMAND
from demo.money import RULES
from demo.people import KNOWN_STRIPES, members
from sync.clock import SystemClock

NAME, PHONE, CARD = "欧阳石泉", "13977778888", "6287019912345679"
OLD_PHONE, OLD_CARD = "13800000001", KNOWN_STRIPES[0]
PIN, WRONG_PIN = "918273645546", "445566778899"
ONLINE_MAX_S = 60
FORM_MIN_BYTES = 6  # shorter ones stand among random digests by chance


async def test_a_stolen_box_tells_no_name_number_or_pin(tmp_path: Path) -> None:
    async with rig.centre(tmp_path) as stands:
        names, salt, check = await _head_office(stands)
        async with rig.edge(stands), TillPage(stands.places.edge_port, "1") as page:
            await _use(stands, page)
            assert stands.central is not None
            await stands.central.stop()
            await _link(stands, "offline")
            assert (await page.pay("3")).approved == 300
            assert await page.look_up(OLD_CARD)
    disk = _disk(tmp_path)
    assert any(b"9-STOLEN" in content for content in disk.values())  # we are looking in the right place
    assert any(_masked(NAME) in content for content in disk.values())
    secrets = {NAME, PHONE, CARD, OLD_PHONE, OLD_CARD, PIN, WRONG_PIN, *names}
    found = [
        (secret, path.name, form[:40])
        for secret in secrets
        for form in _forms(secret)
        if len(form) >= FORM_MIN_BYTES
        for path, content in disk.items()
        if form in content
    ]
    assert not found
    for what in (salt, check):  # four digits can be guessed from these
        for form in (what, what.hex().encode(), what.hex().upper().encode(), base64.b64encode(what)):
            assert not [path for path, content in disk.items() if form in content]


async def _head_office(stands: rig.Rig) -> tuple[list[str], bytes, bytes]:
    """Members, the first with value and a PIN; their names, and what head office keeps of the PIN."""
    keys = Keys.open(stands.places.folder / "central")
    now_ms = SystemClock().wall_ms()
    people = members(5, random.Random(3), now_ms)
    salt, check = await asyncio.to_thread(ledger.told_by, PIN, lambda count: bytes(range(7, 7 + count)))
    database = Database(stands.database_url)
    try:
        async with database.transaction() as session:
            await create_many(session, keys=keys, people=people)
            rules = RULES | {"pin_above": 500}
            wallet = await ledger.make_programme(session, "wallet", rules, by=COMMAND.name, at_ms=now_ms)
            holder = ledger.holder_of(member=people[0].id)
            await ledger.load(
                session,
                request="load",
                purse=await ledger.open_purse(session, holder, wallet, at_ms=now_ms),
                amount=50_000,
                tender="transfer",
                by=COMMAND.name,
                now_ms=now_ms,
                keys=keys,
            )
            await ledger.set_pin(session, holder, salt, check, keys=keys, by=COMMAND.name, at_ms=now_ms)
        async with database.reading() as session:
            assert (await session.scalars(sa.select(Pin.salt))).one() == salt.hex()
    finally:
        await database.close()
    return [each.fields["name"] for each in people], salt, check


async def _use(stands: rig.Rig, page: TillPage) -> None:
    """A morning at the till."""
    await _link(stands, "online")
    async with asyncio.timeout(ONLINE_MAX_S):
        while not await page.look_up(OLD_PHONE):
            await asyncio.sleep(0.2)
    await page.join(NAME, PHONE, CARD)
    assert await page.look_up(PHONE)
    assert await page.look_up(f";{OLD_CARD}=30121010000000?")
    txn = "9-STOLEN"
    assert (await page.pay("20", txn=txn)).outcome == "pin_needed"
    assert (await page.pay("20", txn=txn, pin=WRONG_PIN)).outcome == "pin_wrong"
    assert (await page.pay("20", txn=txn, pin=PIN)).approved == 2_000
    assert (await page.top_up("50", receipt="R1")).approved == 5_000
    assert (await page.refund("5", txn)).approved == 500


async def _link(stands: rig.Rig, link: str) -> None:
    async with asyncio.timeout(ONLINE_MAX_S):
        while (await asyncio.to_thread(rig.edge_status, stands))["link"] != link:
            await asyncio.sleep(0.1)


def _disk(folder: Path) -> dict[Path, bytes]:
    """Every file of the agent's, with its log and settings."""
    files = [*(folder / "edge").rglob("*"), folder / "edge.log", folder / "edge.yaml"]
    return {path: path.read_bytes() for path in files if path.is_file()}


def _masked(name: str) -> bytes:
    return f"{name[0]}**".encode()


def _forms(secret: str) -> Iterator[bytes]:
    """The ways in which a text lies on disks; numbers also with their digits packed, and backwards."""
    plain = secret.encode()
    yield plain
    yield plain[::-1]
    yield secret.encode("utf-16-le")
    yield secret.encode("gb18030")
    yield plain.hex().encode()
    yield secret.encode("unicode_escape")
    for start in range(3):  # wherever it stands in what was encoded
        yield base64.b64encode(b"\0" * start + plain)[4:-4]
    if secret.isdigit():
        yield bytes.fromhex(secret if len(secret) % 2 == 0 else secret + "f")
        yield int(secret).to_bytes(8, "big")
        yield int(secret).to_bytes(8, "little")
