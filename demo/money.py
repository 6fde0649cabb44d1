"""The demo's stored value and points: three programmes, and members who have something on them."""

from __future__ import annotations

import os

from central_server.db import Database
from central_server.keys import Keys
from central_server.ledger import service as ledger
from central_server.membership import service as membership
from central_server.staff.service import COMMAND
from demo.people import KNOWN_STRIPES
from sync.contract.tokens import card_token

WALLET = "wallet"
PIN = "2580"  # of every member who has value here
PIN_ABOVE_MINOR = 20_000
RULES = {
    "kind": "value",
    "zh": "会员储值",
    "en": "Member value",
    "holder": "member",
    "registered": True,
    "reload": True,
    "load_max": 500_000,
    "top_max": 100_000,
    "pin_above": PIN_ABOVE_MINOR,
    "bonus": ({"from_amount": 50_000, "amount": 3_000},),
    "bonus_expiry": {"months": 12, "to_end_of": "day"},
}
HOLDERS = len(KNOWN_STRIPES)  # the members whose cards the demo's reader reads
VALUE_MINOR, POINTS, COUPON_MINOR = 50_000, 1_200, 2_000


async def open_wallets(database: Database, keys: Keys, *, now_ms: int) -> None:
    """¥500 with a bonus of ¥30, 1,200 points and a ¥20 coupon for everybody whose card the reader reads."""
    salt, check = ledger.told_by(PIN, os.urandom)
    tokens = [card_token(keys.token_key, number) for number in KNOWN_STRIPES[:HOLDERS]]
    async with database.transaction() as session:
        programmes = await ledger.load_samples(
            session, by=COMMAND.name, at_ms=now_ms, wanted=("points", "coupons")
        )
        wallet = await ledger.make_programme(session, WALLET, RULES, by=COMMAND.name, at_ms=now_ms)
        found = await membership.members_of(session, tokens, [])
        members = [found[token] for token in tokens if token in found]
        for number, member in enumerate(members):
            holder = ledger.holder_of(member=member)
            purse = await ledger.open_purse(session, holder, wallet, at_ms=now_ms)
            await ledger.load(
                session,
                request=f"demo load {number}",
                purse=purse,
                amount=VALUE_MINOR,
                tender="transfer",
                by=COMMAND.name,
                now_ms=now_ms,
                keys=keys,
            )
            await ledger.set_pin(session, holder, salt, check, keys=keys, by=COMMAND.name, at_ms=now_ms)
            points = await ledger.open_purse(session, holder, programmes["points"], at_ms=now_ms)
            await ledger.correct(
                session,
                request=f"demo points {number}",
                purse=points,
                amount=POINTS,
                approval="demo",
                why="points from before",
                by=COMMAND.name,
                now_ms=now_ms,
            )
        await ledger.give_coupons(
            session,
            request="demo coupons",
            programme_id="coupons",
            members=members,
            amount=COUPON_MINOR,
            by=COMMAND.name,
            now_ms=now_ms,
        )
