"""The life of a card: made, sold, opened, lost, frozen, handed over; its PIN and its buyer."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from central_server.errors import Conflict, Invalid
from central_server.ledger.cards import activation, cards, life, pins, rotation
from central_server.ledger.cards.buyers import Buyer, buyer_of
from central_server.ledger.cards.making import card_number, luhn_digit, make_cards
from central_server.ledger.cards.rules import Numbers
from central_server.ledger.models.cards import Card, CardMove, CardPurchase, Pin
from central_server.ledger.purses.purses import holder_of, pin_of, purses_of_token
from central_server.membership import service as membership
from sync.contract.leases import pin_check
from sync.contract.tokens import card_token, phone_token
from tests.central_server.ledger.cards.card_world import ANNA, Desk, chance


def test_the_check_digit_is_luhns() -> None:
    assert luhn_digit("7992739871") == "3"
    number = card_number(Numbers(prefix="6688", digits=16), b"\xff" * 16)
    assert len(number) == 16
    assert number.startswith("6688")
    assert luhn_digit(number[:-1]) == number[-1]


def test_every_move_that_is_not_in_the_table_is_refused() -> None:
    for move in life.MOVES:
        for state in life.STATES:
            if state in life.MOVES[move].before:
                assert life.after(state, move) in life.STATES
            else:
                with pytest.raises(Conflict):
                    life.after(state, move)
    for end in (life.REPLACED, life.REFUNDED, life.CANCELLED):
        assert life.moves_from(end) == []


async def test_numbers_leave_once_and_only_tokens_and_four_digits_stay(desk: Desk) -> None:
    rows = list(await desk.session.scalars(sa.select(Card)))
    assert len({each.number for each in desk.made}) == len(rows) == 10
    assert {row.token for row in rows} == {card_token(desk.keys.token_key, each.number) for each in desk.made}
    assert all(each.number not in str(vars(row)) for row in rows for each in desk.made)
    with pytest.raises(Conflict):
        await make_cards(
            desk.session,
            keys=desk.keys,
            programme_id="value",
            count=1,
            batch="B1",
            random_bytes=chance("y"),
            by="anna",
            at_ms=desk.now_ms,
        )


async def test_a_bearers_card_is_sold_with_its_face_value_and_its_bonus(desk: Desk) -> None:
    card = await desk.active(0)
    shown = await desk.shown(0)
    assert shown.ok
    assert [(each.programme.id, each.balance) for each in shown.purses] == [("value", 10_500)]
    moves = await desk.session.scalars(
        sa.select(CardMove.move).where(CardMove.card == card).order_by(CardMove.id)
    )
    assert list(moves) == ["make", "issue", "activate"]


async def test_a_card_that_nobody_has_activated_opens_nothing(desk: Desk) -> None:
    assert (await desk.shown(0)).reason == "stopped"
    shown = await purses_of_token(desk.session, "f" * 32, keys=desk.keys, now_ms=desk.now_ms)
    assert shown.reason == "unknown"
    with pytest.raises(Conflict):
        await activation.activate_card(
            desk.session, request="a", card=desk.made[0].id, tender="cash", now_ms=desk.now_ms, **desk.who
        )


async def test_a_members_card_opens_their_points_and_so_does_their_telephone(desk: Desk) -> None:
    await desk.active(1, desk.member)
    shown = await desk.shown(1)
    assert (shown.member, shown.name) == (desk.member, "王**")
    assert [each.programme.id for each in shown.purses] == ["value", "points"]
    phone = phone_token(desk.keys.token_key, "13800138000")
    by_phone = await purses_of_token(desk.session, phone, keys=desk.keys, now_ms=desk.now_ms)
    assert {each.purse for each in by_phone.purses} == {each.purse for each in shown.purses}
    told = (await membership.told_members(desk.session, [desk.member]))[desk.member]
    assert told.value_minor == 10_500
    assert told.cards == (desk.token(1),)


async def test_a_lost_card_is_lost_at_the_members_too_and_can_be_found(desk: Desk) -> None:
    card = await desk.active(1, desk.member)
    await cards.lose_card(desk.session, card, why="called", at_ms=desk.now_ms, **desk.who)
    assert (await desk.shown(1)).reason == "lost"
    told = (await membership.told_members(desk.session, [desk.member]))[desk.member]
    assert told.lost_cards == (desk.token(1),)
    await cards.lose_card(desk.session, card, why="found", at_ms=desk.now_ms, found=True, **desk.who)
    assert (await desk.shown(1)).ok


async def test_a_card_lost_at_the_members_is_refused_here(desk: Desk) -> None:
    await desk.active(1, desk.member)
    await membership.lose_card(
        desk.session, keys=desk.keys, member=desk.member, token=desk.token(1), by="anna", at_ms=desk.now_ms
    )
    assert (await desk.shown(1)).reason == "lost"


async def test_a_frozen_card_opens_nothing_and_needs_a_reason(desk: Desk) -> None:
    card = await desk.active(0)
    with pytest.raises(Invalid):
        await cards.freeze_card(desk.session, card, why=" ", at_ms=desk.now_ms, **desk.who)
    await cards.freeze_card(desk.session, card, why="looks stolen", at_ms=desk.now_ms, **desk.who)
    assert (await desk.shown(0)).reason == "frozen"
    await cards.freeze_card(desk.session, card, why="was not", frozen=False, at_ms=desk.now_ms, **desk.who)
    assert (await desk.shown(0)).ok


async def test_a_batch_is_sold_as_one_purchase(desk: Desk) -> None:
    company = Buyer("unit", name="某公司", paper="license", number="91310000", account="1001")
    wanted = {"request": "b", "batch": "B1", "now_ms": desk.now_ms, **desk.who}
    await make_cards(
        desk.session,
        keys=desk.keys,
        programme_id="value",
        count=100,
        batch="B2",
        random_bytes=chance("z"),
        by="anna",
        at_ms=desk.now_ms,
    )
    with pytest.raises(Invalid):  # ten times ¥100 needs no name, a hundred times does
        await activation.activate_batch(
            desk.session, **(wanted | {"batch": "B2", "request": "b2"}), tender="transfer"
        )
    await cards.stock_cards(
        desk.session, [each.id for each in desk.made[:3]], place="s1", by="anna", at_ms=desk.now_ms
    )
    for _ in range(2):
        done = await activation.activate_batch(desk.session, tender="cash", buyer=company, **wanted)
        assert done == {"cards": 10, "paid": 100_000}
    assert [(await desk.shown(n)).purses[0].balance for n in range(10)] == [10_500] * 10


async def test_a_pin_is_kept_closed_and_counts_for_the_card_only(desk: Desk) -> None:
    card = await desk.active(0)
    for easy in ("1111", "1234", "9876", "12", "12a4"):
        with pytest.raises(Invalid):
            pins.checked_pin(easy)
    salt, check = pins.told_by("2580", chance())
    await pins.set_pin(
        desk.session, holder_of(card=card), salt, check, by="anna", keys=desk.keys, at_ms=desk.now_ms
    )
    shown = await desk.shown(0)
    assert bytes.fromhex(shown.pin_check) == pin_check("2580", bytes.fromhex(shown.pin_salt))
    await cards.hand_over(
        desk.session, card, member=desk.member, why="a present", at_ms=desk.now_ms, **desk.who
    )
    assert await pin_of(desk.session, member=desk.member, card=card, keys=desk.keys) == ("", "")
    assert (await desk.shown(0)).member == desk.member


async def test_pins_and_buyers_are_closed_anew_with_a_new_key(desk: Desk, tmp_path: Path) -> None:
    card = await desk.active(0, buyer=ANNA)
    await pins.set_pin(desk.session, holder_of(card=card), b"s", b"c", at_ms=desk.now_ms, **desk.who)
    newer = desk.keys.rotated(tmp_path)
    assert await rotation.reclose_pins(desk.session, keys=newer) is None
    assert await rotation.reclose_buyers(desk.session, keys=newer) is None
    pin, buyer = (
        await desk.session.get_one(Pin, holder_of(card=card)),
        await desk.session.get_one(CardPurchase, f"act {card}/load"),
    )
    assert not newer.needs_rotation(pin.closed)
    assert not newer.needs_rotation(buyer.buyer)
    assert await buyer_of(desk.session, f"act {card}/load", keys=newer) == ANNA
