from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict, Invalid
from central_server.keys import Keys
from central_server.ledger.books.verify import look_through
from central_server.ledger.cards import activation, cards, life, pins, replacing, rotation
from central_server.ledger.cards.buyers import Buyer, buyer_of
from central_server.ledger.cards.making import Made, card_number, luhn_digit, make_cards
from central_server.ledger.cards.programmes import make_programme, programme
from central_server.ledger.cards.rules import Numbers
from central_server.ledger.models.cards import Card, CardMove, CardPurchase, Pin
from central_server.ledger.models.lots import Lot
from central_server.ledger.purses import expiry, spending, value
from central_server.ledger.purses.purses import held_by, holder_of, open_purse, pin_of, purses_of_token
from central_server.membership import service as membership
from sync.contract.leases import pin_check
from sync.contract.tokens import card_token, phone_token

CheckLots = Callable[[AsyncSession], Awaitable[None]]
DAY_MS = 86_400_000
YEAR_MS = 366 * DAY_MS
BEARER = {
    "kind": "value",
    "zh": "储值卡",
    "en": "Stored value",
    "reload": True,
    "face": 10_000,
    "valid_months": 36,
    "numbers": {"prefix": "6688"},
    "bonus": [{"from_amount": 10_000, "amount": 500}],
    "also": ["points"],
}
POINTS = {"kind": "points", "unit": "PTS", "zh": "积分", "en": "Points", "holder": "member"}
ANNA = Buyer(name="王安娜", paper="id", number="310000199001011234", account="6222")


def chance(seed: str = "x") -> Callable[[int], bytes]:
    state = hashlib.sha256(seed.encode()).digest()

    def random_bytes(count: int) -> bytes:
        nonlocal state
        state = hashlib.sha256(state).digest()
        return (state * 4)[:count]

    return random_bytes


@dataclass
class Desk:
    """Two programmes, ten cards and a member, in one transaction."""

    session: AsyncSession
    keys: Keys
    now_ms: int
    made: list[Made]
    member: str

    @property
    def who(self) -> dict[str, Any]:
        return {"by": "anna", "keys": self.keys}

    async def active(self, place: int, member: str = "", **more: Any) -> str:
        card = self.made[place].id
        await cards.issue_card(self.session, card, member=member, at_ms=self.now_ms, **self.who)
        await activation.activate_card(
            self.session,
            request=f"act {card}",
            card=card,
            tender="cash",
            now_ms=self.now_ms,
            **self.who,
            **more,
        )
        return card

    def token(self, place: int) -> str:
        return card_token(self.keys.token_key, self.made[place].number)

    async def shown(self, place: int, now_ms: int | None = None) -> Any:
        at_ms = self.now_ms if now_ms is None else now_ms
        return await purses_of_token(self.session, self.token(place), keys=self.keys, now_ms=at_ms)

    async def state(self, card: str) -> str:
        return (await cards.card_row(self.session, card)).state


@pytest.fixture
async def desk(database: Database, keys: Keys, now_ms: int, check_lots: CheckLots) -> AsyncIterator[Desk]:
    async with database.transaction() as session:
        await make_programme(session, "points", POINTS, by="anna", at_ms=now_ms)
        await make_programme(session, "value", BEARER, by="anna", at_ms=now_ms)
        made = await make_cards(
            session,
            keys=keys,
            programme_id="value",
            count=10,
            batch="B1",
            random_bytes=chance(),
            by="anna",
            at_ms=now_ms,
        )
        member = "MAAAAAAAAAAAA"
        person = {"name": "王小明", "phone": "13800138000"}
        await membership.enrol(session, keys=keys, member=member, person=person, by="anna", at_ms=now_ms)
        desk = Desk(session, keys, now_ms, made, member)
        yield desk
        await check_lots(session)
        assert (await look_through(session)).wrong is None


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


async def test_an_expired_cards_value_is_kept_and_comes_back_with_it(
    desk: Desk, check_lots: CheckLots
) -> None:
    card = await desk.active(0)
    later_ms = desk.now_ms + 3 * YEAR_MS
    assert (await desk.shown(0, later_ms)).reason == "expired"
    assert not await expiry.expire_cards(desk.session, keys=desk.keys, now_ms=later_ms)
    assert await expiry.expire_with_cards(desk.session, now_ms=later_ms) is None
    assert await desk.state(card) == life.EXPIRED
    purses = await held_by(desk.session, [holder_of(card=card)])
    assert [each.balance for each in purses] == [0]
    await check_lots(desk.session)
    for _ in range(2):
        done = await expiry.revive_card(
            desk.session, request="r", card=card, why="asked", now_ms=later_ms, **desk.who
        )
        assert done["revived"] == 10_500
    shown = await desk.shown(0, later_ms)
    assert (shown.ok, shown.purses[0].balance) == (True, 10_500)


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


async def test_a_card_in_a_name_never_expires(desk: Desk) -> None:
    bearers, named = await desk.active(0), await desk.active(1, desk.member)
    ends = [(await cards.card_row(desk.session, card)).expires_ms for card in (bearers, named)]
    assert ends == [1_889_694_400_000, None]  # 2029-11-18 there
    await cards.hand_over(
        desk.session, bearers, member=desk.member, why="registers it", at_ms=desk.now_ms, **desk.who
    )
    assert (await cards.card_row(desk.session, bearers)).expires_ms is None


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


async def test_a_lot_of_bonus_expires_and_is_kept_apart(desk: Desk) -> None:
    await make_programme(
        desk.session,
        "short",
        BEARER | {"bonus_expiry": {"days": 30}, "numbers": None, "also": []},
        by="anna",
        at_ms=desk.now_ms,
    )
    purse = await open_purse(
        desk.session, "card:CX", await programme(desk.session, "short"), at_ms=desk.now_ms
    )
    await value.load(
        desk.session,
        request="l",
        purse=purse,
        amount=10_000,
        tender="cash",
        by="anna",
        now_ms=desk.now_ms,
        keys=desk.keys,
    )
    await spending.spend(desk.session, request="s", purse=purse, amount=100, by="anna", now_ms=desk.now_ms)
    later_ms = desk.now_ms + 31 * DAY_MS
    for _ in range(2):
        assert await expiry.expire_lots(desk.session, now_ms=later_ms) is None
    lots = await desk.session.execute(sa.select(Lot.kind, Lot.left, Lot.expired).where(Lot.purse == purse))
    assert {tuple(lot) for lot in lots} == {("paid", 10_000, 0), ("bonus", 0, 400)}
    done = await expiry.revive_purse(desk.session, request="v", purse=purse, by="anna", now_ms=later_ms)
    assert done == {"revived": 400, "balance": 10_400}
