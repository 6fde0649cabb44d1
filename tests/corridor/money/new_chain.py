"""The chain that every walk begins with: three stores, two members and a bearer, their purses, some money.

Made once in a process by the programs' own functions; each walk has a copy.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.ledger.books.accounts import AccountName, accounts_of, available
from central_server.ledger.books.posting import NewTransfer, post, posting_id
from central_server.ledger.cards.programmes import make_programme
from central_server.ledger.models.lots import Purse
from central_server.ledger.purses.lots import Add, settle_lots
from central_server.ledger.purses.purses import holder_of, open_purse, tell_purses
from central_server.membership import service as membership
from central_server.modules import load_models
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from config.central import CentralSettings
from config.money import LeaseSettings
from sync.contract.ids import member_id
from tests.corridor.centre_box import KEYS
from tests.corridor.money.books import Caps
from tests.corridor.money.clocks import START_MS

STORES = ("shop-1", "shop-2", "shop-3")
CURRENCY, POINTS = "CNY", "PTS"
BEGIN_WITH = 60  # in each purse
LEASES = LeaseSettings(
    value_default=25,
    points_default=25,
    value_per_card=80,
    points_per_card=80,
    value_per_store=120,
    points_per_store=120,
    ttl_s=900,
    per_hour=10_000,
    stores_per_hour=10_000,
    grace_hours=1,
)
CAPS = Caps({CURRENCY: 80, POINTS: 80}, {CURRENCY: 120, POINTS: 120}, 1)
PROGRAMMES = {
    "value": {
        "kind": "value",
        "unit": CURRENCY,
        "zh": "储值",
        "en": "Value",
        "holder": "member",
        "reload": True,
        "top_max": 100,
    },
    "points": {
        "kind": "points",
        "unit": POINTS,
        "zh": "积分",
        "en": "Points",
        "holder": "member",
        "pay_per_unit": 1,
    },
}


@dataclass(frozen=True)
class Customer:
    """Somebody, the tokens of their cards, and their purses by unit."""

    member: str
    cards: tuple[str, ...]
    purses: dict[str, str]


def settings(folder: Path) -> CentralSettings:
    return CentralSettings(state_dir=folder, leases=LEASES)


async def make_chain(database: Database) -> None:
    """Fill an empty database."""
    load_models()
    await database.create_all()
    chance = random.Random("chain")
    async with database.transaction() as session:
        for name in STORES:
            await stores.add_store(session, COMMAND, stores.NewStore(name, name), now_ms=START_MS)
        programmes = {
            id_: await make_programme(session, id_, given, by="walk", at_ms=START_MS)
            for id_, given in PROGRAMMES.items()
        }
        for number, cards in enumerate((2, 1, 1)):
            member = member_id(chance.randbytes(16))
            person = {"name": f"n{number}", "phone": f"1380000000{number}"}
            await membership.enrol(
                session, keys=KEYS, member=member, person=person, by="walk", at_ms=START_MS
            )
            for card in range(cards):
                await membership.add_card(
                    session,
                    keys=KEYS,
                    member=member,
                    number=f"{number}{card}CAFE0123",
                    technology="rfid125",
                    by="walk",
                    at_ms=START_MS,
                )
            holder = holder_of(member=member)
            for programme in programmes.values():
                purse = await open_purse(session, holder, programme, at_ms=START_MS)
                await load(session, purse, programme.rules.unit, BEGIN_WITH, f"begin {purse}", START_MS)


async def load(session: AsyncSession, purse: str, unit: str, amount: int, request: str, now_ms: int) -> None:
    """Money is paid in at head office, or points are earned."""
    from_ = AccountName("cash", "centre", unit) if unit == CURRENCY else AccountName("bonus", "points", unit)
    ids = await accounts_of(session, [from_, available(purse, unit)])
    id_ = posting_id("walk", request)
    transfer = NewTransfer(
        id_, ids[from_], ids[available(purse, unit)], unit, amount, "load", request, now_ms
    )
    await post(session, [transfer])
    kind = "paid" if unit == CURRENCY else "earned"
    await settle_lots(session, [Add(id_, purse, amount, kind)], now_ms=now_ms)
    await tell_purses(session, [purse], at_ms=now_ms)


async def customers(database: Database) -> list[Customer]:
    """Who there is, in an order that is always the same."""
    from central_server.membership.models import MemberCard

    async with database.reading() as session:
        cards = (
            await session.execute(sa.select(MemberCard.member, MemberCard.token).order_by(MemberCard.token))
        ).all()
        purses = (
            await session.execute(sa.select(Purse.holder, Purse.unit, Purse.id).order_by(Purse.id))
        ).all()
    members = sorted({member for member, _ in cards})
    return [
        Customer(
            member,
            tuple(token for of, token in cards if of == member),
            {unit: purse for holder, unit, purse in purses if holder == holder_of(member=member)},
        )
        for member in members
    ]
