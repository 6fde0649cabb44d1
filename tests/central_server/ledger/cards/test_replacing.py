"""Cards that end: replaced, made one with another, paid out."""

from __future__ import annotations

from typing import Any

import pytest

from central_server.errors import Conflict
from central_server.ledger.cards import cards, life, replacing
from central_server.ledger.purses import spending
from central_server.membership import service as membership
from tests.central_server.ledger.cards.card_world import ANNA, Desk


async def test_a_lost_card_is_replaced_with_its_purses_and_stays_as_a_tombstone(desk: Desk) -> None:
    card, new = await desk.active(1, desk.member), desk.made[2].id
    before = await desk.shown(1)
    await cards.lose_card(desk.session, card, why="called", at_ms=desk.now_ms, **desk.who)
    for _ in range(2):
        await replacing.replace_card(
            desk.session, request="r", card=card, new=new, why="lost", now_ms=desk.now_ms, **desk.who
        )
    after = await desk.shown(2)
    assert [(each.purse, each.balance) for each in after.purses] == [
        (each.purse, each.balance) for each in before.purses
    ]
    assert ((await desk.shown(1)).reason, await desk.state(card)) == ("lost", life.REPLACED)
    assert (await replacing.follow(desk.session, card)).id == new
    profile = await membership.profile(desk.session, keys=desk.keys, member=desk.member)
    assert {(each.token, each.state, each.replaced_by) for each in profile.cards} == {
        (desk.token(1), "replaced", desk.token(2)),
        (desk.token(2), "active", ""),
    }
    with pytest.raises(Conflict):
        await cards.lose_card(desk.session, card, why="again", at_ms=desk.now_ms, **desk.who)


async def test_two_cards_become_one(desk: Desk) -> None:
    card, into = await desk.active(0), await desk.active(1)
    (purse,) = (await desk.shown(0)).purses
    who: dict[str, Any] = {"purse": purse.purse, "by": "anna", "now_ms": desk.now_ms}
    paid = await spending.spend(desk.session, request="p", amount=1_000, **who)
    done = await replacing.merge_cards(
        desk.session, request="m", card=card, into=into, why="asked", now_ms=desk.now_ms, **desk.who
    )
    assert list(done["moved"].values()) == [9_500]
    assert [each.balance for each in (await desk.shown(1)).purses] == [20_000]
    of = bytes.fromhex(paid["transfer"])  # what comes back later goes to the card that is left
    back = await spending.refund(desk.session, request="b", amount=1_000, of=of, **who)
    assert back["balance"] == 21_000
    assert await desk.state(card) == life.CANCELLED
    with pytest.raises(Conflict):
        await replacing.merge_cards(
            desk.session, request="n", card=into, into=into, why="asked", now_ms=desk.now_ms, **desk.who
        )


async def test_a_refunded_card_pays_what_was_paid_and_takes_the_bonus_back(desk: Desk) -> None:
    card = await desk.active(0)
    with pytest.raises(Conflict):
        await cards.cancel_card(desk.session, card, why="asked", at_ms=desk.now_ms, **desk.who)
    done = await replacing.refund_card(
        desk.session,
        request="r",
        card=card,
        tender="transfer",
        payee=ANNA,
        why="asked",
        now_ms=desk.now_ms,
        **desk.who,
    )
    assert done == {"paid_out": 10_000, "fee": 0, "bonus_gone": 500}
    assert ((await desk.shown(0)).reason, await desk.state(card)) == ("stopped", life.REFUNDED)
