"""Questions, cards and joiners at a till."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from drivers.base import Heard, Note
from edge_agent.identity import Identity
from edge_agent.joining import JoinRefused
from edge_agent.session import Session
from edge_agent.shown import Claimed, birthday_near
from edge_agent.store.replica import Replica
from edge_agent.tally import Tally
from edge_agent.till import CARD_STAYS_MS, Till
from sync.contract.events import CardPresented, CardRefused, MemberJoined, Passed, SaleCompleted, SaleLine
from sync.contract.ids import Lane
from sync.contract.message import Envelope, Words, decode_batch
from sync.contract.questions import (
    Balance,
    BalanceAsked,
    CardShown,
    Declined,
    MemberKnown,
    NobodyKnown,
    Paid,
    Pay,
    PhoneGiven,
)
from sync.contract.sealed import Joiner, unseal
from sync.contract.tokens import card_token, phone_token
from sync.contract.told import MemberGone, MemberTold

STORE = "hz-004"
SECRET = X25519PrivateKey.from_private_bytes(bytes(range(32)))
TOKEN_KEY = b"t" * 32
IDENTITY = Identity(
    store=STORE,
    mqtt_url="mqtt://localhost",
    login=STORE,
    password="p",
    token_key=TOKEN_KEY,
    store_key=b"s" * 32,
    centre_public_key=SECRET.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
)
WANG = MemberTold(
    member="m1",
    name="王**",
    cards=(card_token(TOKEN_KEY, "8001"),),
    lost_cards=(card_token(TOKEN_KEY, "8002"),),
    phones=(phone_token(TOKEN_KEY, "13800138000"),),
    points=120,
    birthday="02-29",
)
CARD = CardShown("8001", "magstripe")


class Shop:
    """A till with its outbox and replica."""

    def __init__(self, till: Till, outbox: Any, replica: Replica, clock: Any) -> None:
        self.till, self.outbox, self.replica, self.clock = till, outbox, replica, clock

    async def recorded(self) -> list[Any]:
        ready = await self.outbox.oldest({Lane.TILL: 0})
        return (
            [e.event for e in decode_batch(ready.payload).events if isinstance(e, Envelope)] if ready else []
        )

    def session(self, device: str = "reader-1") -> tuple[Session, Tally]:
        tally = Tally(self.clock)
        session = Session(
            device=device,
            till_name="1",
            till=self.till,
            outbox=self.outbox,
            tally=tally,
            answer=lambda answer: None,
        )
        return session, tally


@pytest.fixture
async def shop(tmp_path: Path, clock: Any, open_outbox: Any) -> Any:
    async with open_outbox(tmp_path / "e.db", clock) as outbox:
        replica = await Replica.open(outbox._db, STORE, IDENTITY.store_key)
        await replica.apply(Words(STORE, 0, [(1, WANG)]))
        till = Till(
            identity=IDENTITY,
            replica=replica,
            outbox=outbox,
            clock=clock,
            now_ms=clock.wall_ms,
            random_bytes=os.urandom,
            payment_card=lambda number: number.startswith("4"),
        )
        yield Shop(till, outbox, replica, clock)


@pytest.mark.parametrize("question", [CARD, PhoneGiven("138 0013 8000"), PhoneGiven("+8613800138000")])
async def test_a_member_is_known_by_card_and_by_telephone(shop: Shop, question: Any) -> None:
    answer = await shop.till.answer(question)
    assert isinstance(answer, MemberKnown)
    assert (answer.name, answer.points) == ("王**", 120)


async def test_a_lost_card_a_strange_card_and_rubbish_know_nobody(shop: Shop) -> None:
    assert await shop.till.answer(CardShown("8002", "magstripe")) == NobodyKnown("lost")
    assert await shop.till.answer(CardShown("9999", "magstripe")) == NobodyKnown()
    assert await shop.till.answer(CardShown("%%", "magstripe")) == NobodyKnown()


async def test_no_number_stands_on_the_disk_in_clear_nor_any_token(shop: Shop, tmp_path: Path) -> None:
    await shop.till.present("1", CARD, device="reader-1")
    await shop.till.join("1", name="李小明", phone="13900139000", card="8123", consent=True)
    # Events carry tokens, as they travel; what the replica keeps carries neither.
    tables = await shop.outbox._db.read(
        lambda sql: [
            sql.execute("SELECT * FROM member").fetchall(),
            sql.execute("SELECT * FROM token").fetchall(),
        ]
    )
    kept = repr(tables)
    for secret in ("8001", "8123", "13800138000", "13900139000", "李小明", *WANG.cards, *WANG.phones):
        assert secret not in kept
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in ("8123", "13900139000", "李小明"):
        assert secret.encode() not in raw


async def test_a_card_is_shown_and_recorded_and_goes_on_the_next_receipt_only(shop: Shop) -> None:
    session, _ = shop.session()
    paper, _ = shop.session("receipts")
    sale = SaleCompleted(till="1", receipt="1", currency="CNY", total_minor=100)
    await session.hear([Heard(0, CARD)])
    await paper.hear([Heard(0, sale), Heard(9, sale)])
    shown, first, second = await shop.recorded()
    token = WANG.cards[0]
    assert shown == CardPresented(
        device="reader-1", till="1", card=token, technology="magstripe", member="m1"
    )
    assert (first.card, first.member, first.device) == (token, "m1", "receipts")
    assert (second.card, second.member) == ("", "")
    assert [swipe.known for swipe in shop.till.recent("1")] == [True]


async def test_a_card_shown_long_ago_is_forgotten(shop: Shop) -> None:
    await shop.till.present("1", CARD)
    shop.clock.wind(CARD_STAYS_MS + 1)
    assert shop.till.claim("1") is None


async def test_a_device_is_named_and_its_problems_counted(shop: Shop) -> None:
    session, tally = shop.session("door")
    await session.hear(
        [Heard(0, Note("frame", {}, "checksum")), Heard(3, Passed(inward=1)), Heard(9, Note("frame"))]
    )
    assert (tally.events_total, tally.problems_total, tally.last_problem, tally.rate_per_min) == (
        1,
        1,
        "checksum",
        1,
    )
    shop.clock.wind(61_000)
    assert tally.rate_per_min == 0


async def test_a_refused_card_is_shown_as_refused(shop: Shop) -> None:
    session, _ = shop.session()
    await session.hear([Heard(0, CardRefused(till="", reason="payment_card"))])
    assert shop.till.recent("1")[0].refused == "payment_card"
    assert await shop.recorded() == [CardRefused(device="reader-1", till="1", reason="payment_card")]


async def test_who_joins_is_known_at_once_and_only_the_centre_can_read_who(shop: Shop) -> None:
    member = await shop.till.join("1", name="李小明", phone="13900139000", card="8123", consent=True)
    assert (member.name, member.flags) == ("李**", ("new",))
    assert await shop.till.answer(CardShown("8123", "rfid125")) == member
    (event,) = await shop.recorded()
    assert isinstance(event, MemberJoined)
    secret = SECRET.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    assert unseal(event.sealed, secret) == Joiner(
        name="李小明", phone="13900139000", card="8123", consent=True
    )


async def test_a_double_click_joins_once(shop: Shop) -> None:
    first, second = await asyncio.gather(
        *(shop.till.join("1", name="赵云", phone="13700001111", card="7000", consent=True) for _ in range(2)),
        return_exceptions=True,
    )
    assert isinstance(second, JoinRefused)
    assert second.reason == "known"
    assert len(await shop.recorded()) == 1
    assert await shop.till.answer(CardShown("7000", "rfid125")) == first


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"consent": False}, "consent"),
        ({"phone": "12"}, "phone"),
        ({"phone": "", "card": ""}, "phone"),
        ({"card": "!!"}, "card"),
        ({"card": "4111111111111111"}, "payment_card"),
        ({"phone": "13800138000"}, "known"),
        ({"card": "8002"}, "known"),
    ],
)
async def test_who_cannot_join_is_told_why(shop: Shop, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(JoinRefused) as refused:
        await shop.till.join("1", **({"name": "李", "phone": "13900139000", "consent": True} | given))
    assert refused.value.reason == reason
    assert await shop.recorded() == []


async def test_a_page_that_does_not_keep_up_misses_the_oldest(shop: Shop) -> None:
    watching = shop.till.watch("1")
    first = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    for number in range(100):
        await shop.till.present("1", CardShown(f"{number:04}", "magstripe"))
        shop.clock.wind(1)
    began = (await first).wall_ms
    assert (await anext(watching)).wall_ms - began > 50
    await watching.aclose()
    assert not shop.till._watchers


class TestWords:
    async def test_a_hole_is_not_taken_and_a_repeat_is_harmless(self, shop: Shop) -> None:
        assert not await shop.replica.apply(Words(STORE, 5, [(6, MemberGone(member="m1"))]))
        assert not await shop.replica.apply(Words("elsewhere", 0, [(6, MemberGone(member="m1"))]))
        assert await shop.replica.apply(Words(STORE, 0, [(1, MemberGone(member="m1"))]))
        assert isinstance(await shop.till.answer(CARD), MemberKnown)

    async def test_a_member_gone_is_gone_with_all_cards(self, shop: Shop) -> None:
        await shop.replica.apply(Words(STORE, 1, [(2, MemberGone(member="m1"))]))
        assert await shop.till.answer(CARD) == NobodyKnown()
        assert (
            await shop.outbox._db.read(lambda sql: sql.execute("SELECT count(*) FROM token").fetchone()[0])
            == 0
        )

    async def test_a_card_that_went_to_somebody_else_stays_theirs(self, shop: Shop) -> None:
        lee = MemberTold(member="m2", name="李**", cards=WANG.cards)
        gone = MemberTold(member="m1", name="王**")
        await shop.replica.apply(Words(STORE, 1, [(2, lee), (3, gone)]))
        answer = await shop.till.answer(CARD)
        assert isinstance(answer, MemberKnown)
        assert answer.member == "m2"

    async def test_a_card_that_came_back_is_its_first_owners_again(self, shop: Shop) -> None:
        lee = MemberTold(member="m2", name="李**", cards=WANG.cards)
        await shop.replica.apply(Words(STORE, 1, [(2, lee)]))
        # What was said of Wang meanwhile was overtaken by the newest word and never came here.
        back = Words(STORE, 2, [(4, MemberTold(member="m2", name="李**")), (5, WANG)])
        await shop.replica.apply(back)
        answer = await shop.till.answer(CARD)
        assert isinstance(answer, MemberKnown)
        assert answer.member == "m1"

    async def test_the_numbers_are_there_after_a_restart(self, shop: Shop) -> None:
        again = await Replica.open(shop.outbox._db, STORE, IDENTITY.store_key)
        assert (again.everyone, again.own) == (0, 1)


@pytest.mark.parametrize(
    ("birthday", "near"),
    [("11-15", True), ("11-10", False), ("", False), ("02-30", False), ("rubbish", False)],
)
def test_a_birthday_is_near_within_three_days(birthday: str, near: bool) -> None:
    assert birthday_near(birthday, 1_700_000_000_000) is near  # 2023-11-14


def test_a_birthday_is_near_by_the_stores_own_calendar() -> None:
    # 2023-11-14, 22:13 UTC: it is the 15th already in Shanghai.
    assert birthday_near("11-18", 1_700_000_000_000, ZoneInfo("Asia/Shanghai"))
    assert not birthday_near("11-18", 1_700_000_000_000, ZoneInfo("UTC"))


async def test_a_receipt_too_long_for_a_message_keeps_its_total_and_its_first_lines(shop: Shop) -> None:
    lines = tuple(SaleLine(f"{n:03d} " + "a very long name " * 20, 100) for n in range(1000))
    sale = SaleCompleted(till="1", receipt="9", currency="CNY", total_minor=100_000, lines=lines)
    session, tally = shop.session("receipts")
    await session.hear([Heard(0, sale)])
    (recorded,) = await shop.recorded()
    assert (recorded.total_minor, recorded.receipt) == (100_000, "9")
    assert recorded.lines == lines[: len(recorded.lines)]
    assert len(recorded.lines) > 50
    assert tally.last_problem == "too_large"


class Rules:
    """Money for the asking, and a note of who asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.declines = False

    async def pay(self, question: Pay) -> Paid | Declined:
        self.asked.append(question)
        if self.declines:
            return Declined("empty")
        return Paid(approved_minor=question.amount_minor)

    async def balance(self, card: str = "", member: str = "") -> Balance:
        self.asked.append((card, member))
        return Balance(name="王**")


async def test_a_device_pays_from_the_card_last_shown_and_needs_no_rules_of_its_own(shop: Any) -> None:
    rules = shop.till._payments = Rules()
    told: list[Any] = []
    session, _ = shop.session()
    session._answer = told.append
    pay = Pay(till="", txn="7", amount_minor=500, currency="CNY", pin="2468")
    await session.hear([Heard(0, CARD), Heard(9, pay), Heard(20, BalanceAsked(till=""))])
    token = card_token(TOKEN_KEY, "8001")
    assert told[1:] == [Paid(approved_minor=500), Balance(name="王**")]
    assert (rules.asked[0].till, rules.asked[0].card, rules.asked[0].member) == ("1", token, "m1")
    assert rules.asked[1] == (token, "m1")


async def test_a_payment_asked_again_is_about_the_card_it_was_taken_from(shop: Any) -> None:
    rules = shop.till._payments = Rules()
    pay = Pay(till="1", txn="7", amount_minor=500, currency="CNY")
    await shop.till.present("1", CARD)
    await shop.till.ask(pay)
    await shop.till.present("1", CardShown("8002", "magstripe"))
    await shop.till.ask(pay)  # its answer was lost on the way
    shop.till.claim("1")
    await shop.till.ask(pay)
    assert {each.card for each in rules.asked} == {card_token(TOKEN_KEY, "8001")}
    await shop.till.present("1", CardShown("8002", "magstripe"))
    await shop.till.ask(msgspec.structs.replace(pay, txn="8"))
    assert rules.asked[-1].card == card_token(TOKEN_KEY, "8002")


async def test_a_payment_that_was_declined_may_be_asked_again_with_another_card(shop: Any) -> None:
    rules = shop.till._payments = Rules()
    rules.declines = True
    pay = Pay(till="1", txn="7", amount_minor=500, currency="CNY")
    await shop.till.present("1", CARD)
    assert await shop.till.ask(pay) == Declined("empty")
    await shop.till.present("1", CardShown("8002", "magstripe"))
    await shop.till.ask(pay)
    assert rules.asked[-1].card == card_token(TOKEN_KEY, "8002")


async def test_pages_hear_of_a_payment_without_its_pin(shop: Any) -> None:
    shop.till._payments = Rules()
    watching = shop.till.watch("1")
    heard = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    await shop.till.ask(Pay(till="1", txn="7", amount_minor=500, currency="CNY", card="t", pin="2468"))
    deed = await heard
    await watching.aclose()
    assert (deed.answer, deed.question.pin) == (Paid(approved_minor=500), "")


async def test_whoever_sets_money_aside_hears_of_every_card_shown(shop: Any) -> None:
    presented: list[tuple[str, str]] = []
    shop.till._presented = lambda card, member: presented.append((card, member))
    await shop.till.present("1", CARD)
    await shop.till.present("1", CardShown("8002", "magstripe"))
    await shop.till.present("1", CardShown("!", "magstripe"))
    assert presented == [(card_token(TOKEN_KEY, "8001"), "m1"), (card_token(TOKEN_KEY, "8002"), "")]


async def test_a_payment_without_any_card_is_asked_as_it_is(shop: Any) -> None:
    rules = shop.till._payments = Rules()
    await shop.till.ask(Pay(till="1", txn="7", amount_minor=500, currency="CNY"))
    assert rules.asked[0].card == ""
    assert await shop.till.ask(BalanceAsked(till="1")) == Declined("no_card")


async def test_pages_hear_which_receipt_took_the_card_and_which_took_none(shop: Shop) -> None:
    heard: list[Any] = []

    async def page() -> None:
        async for each in shop.till.watch("1"):
            heard.append(each)

    watching = asyncio.ensure_future(page())
    await asyncio.sleep(0)
    paper, _ = shop.session("receipts")
    await shop.till.present("1", CARD)
    for receipt in ("000123", "000124"):
        sale = SaleCompleted(till="1", receipt=receipt, currency="CNY", total_minor=100)
        await paper.hear([Heard(0, sale)])
    watching.cancel()
    swipe, *claims = heard
    assert claims == [Claimed("1", "000123", WANG.cards[0]), Claimed("1", "000124")]
    standing = shop.till.on_page("1")
    assert standing == msgspec.structs.replace(swipe, aside="receipt", receipt="000123")


async def test_a_card_that_was_refused_after_it_is_not_the_one_a_receipt_takes(shop: Shop) -> None:
    await shop.till.present("1", CARD)
    shop.till.show_refused("1", "misread")
    assert shop.till.claim("1", "7") is not None
    assert [(each.refused, each.aside) for each in shop.till.recent("1")] == [("misread", ""), ("", "")]


async def test_a_card_shown_long_ago_is_set_aside(shop: Shop) -> None:
    assert shop.till.on_page("1") is None
    await shop.till.present("1", CARD)
    shop.clock.wind(CARD_STAYS_MS)
    assert shop.till.on_page("1") == shop.till.recent("1")[0]
    shop.clock.wind(1)
    standing = shop.till.on_page("1")
    assert standing is not None
    assert standing.aside == "long_ago"
