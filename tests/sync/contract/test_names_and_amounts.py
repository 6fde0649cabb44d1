"""Money, tokens, sealed boxes, topics and upgrades."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sync.contract import topics, upgrade
from sync.contract.errors import BadEvent, BadId, BadMessage
from sync.contract.events import SEALED_MAX, Passed
from sync.contract.ids import CENTRE, EventId, Lane, check_epoch, check_store, lane_named
from sync.contract.message import Envelope, Spoiled, decode_batch, encode_batch
from sync.contract.money import MINOR_MAX, Money, format_minor, parse_minor
from sync.contract.sealed import Joiner, seal, unseal
from sync.contract.tokens import TOKEN_HEX_DIGITS, card_token, normal_phone, phone_token

KEY = b"k" * 32
PRIVATE = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()


@given(st.integers(-MINOR_MAX, MINOR_MAX), st.sampled_from(["CNY", "JPY", "BHD", "EUR"]))
def test_an_amount_reads_back_as_it_was_written(minor: int, currency: str) -> None:
    assert parse_minor(format_minor(minor, currency), currency) == minor


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        minor = parse_minor(text, "CNY")
    except BadId:
        return
    assert abs(minor) <= MINOR_MAX
    assert parse_minor(format_minor(minor, "CNY"), "CNY") == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.5", "CNY", 1250),
        ("-0.01", "CNY", -1),
        ("+3", "CNY", 300),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
    ],
)
def test_amounts(text: str, currency: str, minor: int) -> None:
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "1.234", "1,50", "¥1", "1e3", "٣", "0x1", "1.", ".5", "--1", "9" * 16, "9" * 99]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(BadId):
        parse_minor(text, "CNY")


def test_money_of_two_currencies_is_not_added() -> None:
    assert str(Money(1250, "CNY") + Money(-50, "CNY") - Money(1, "CNY")) == "11.99 CNY"
    with pytest.raises(BadId):
        Money(1, "CNY") + Money(1, "JPY")
    with pytest.raises(BadId):
        format_minor(1, "cny")


@pytest.mark.parametrize(
    "typed",
    [
        "13800138000",
        "138 0013-8000",
        "+86 138 0013 8000",
        "0086 13800138000",
        "１３８００１３８０００",
        "(138)0013.8000",
    ],
)
def test_a_telephone_number_has_one_token_however_it_is_typed(typed: str) -> None:
    assert normal_phone(typed) == "+8613800138000"
    assert phone_token(KEY, typed) == phone_token(KEY, "13800138000")


@pytest.mark.parametrize("typed", ["", "1234", "+", "0" * 70, "1" * 16, "+86a38", "١٢٣٤٥٦٧", "1\0" * 6])
def test_what_is_no_telephone_number(typed: str) -> None:
    with pytest.raises(BadId):
        normal_phone(typed)


@given(st.text(max_size=80))
def test_any_text_has_a_token_or_is_refused(text: str) -> None:
    for token in (card_token, phone_token):
        try:
            assert len(token(KEY, text)) == TOKEN_HEX_DIGITS
        except BadId:
            continue


def test_tokens_differ_by_key_and_kind_and_not_by_capitals() -> None:
    assert card_token(KEY, "04a1b2c3") == card_token(KEY, "04A1B2C3")
    assert card_token(KEY, "1234567") != phone_token(KEY, "1234567")
    assert card_token(KEY, "1234567") != card_token(b"x" * 32, "1234567")


def test_a_joiner_is_read_by_the_centre_and_nobody_else() -> None:
    joiner = Joiner("王小明", "+8613800138000", "04A1B2C3", consent=True)
    sealed = seal(joiner, PUBLIC)
    assert "王" not in base64.b64decode(sealed).decode("utf-8", "replace")
    assert sealed != seal(joiner, PUBLIC)
    assert unseal(sealed, PRIVATE.private_bytes_raw()) == joiner
    with pytest.raises(BadMessage):
        unseal(sealed, bytes(range(1, 33)))


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()))
def test_any_text_as_a_sealed_box_is_refused(sealed: str) -> None:
    with pytest.raises(BadMessage):
        unseal(sealed, PRIVATE.private_bytes_raw())


def test_a_sealed_box_that_was_touched_anywhere_is_refused() -> None:
    raw = base64.b64decode(seal(Joiner("A"), PUBLIC))
    for index in range(len(raw)):
        changed = raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :]
        with pytest.raises(BadMessage):
            unseal(base64.b64encode(changed).decode(), PRIVATE.private_bytes_raw())
    with pytest.raises(BadMessage):
        unseal("A" * (SEALED_MAX + 1), PRIVATE.private_bytes_raw())


def test_a_joiner_with_a_name_of_kilobytes_is_refused() -> None:
    with pytest.raises(BadMessage):
        unseal(seal(Joiner("x" * 501), PUBLIC), PRIVATE.private_bytes_raw())


@pytest.mark.parametrize("store", ["s", "shop-1", "0", "a" * 32])
def test_stores(store: str) -> None:
    assert check_store(store) == store
    assert topics.read_up(topics.up(store, Lane.COUNT)) == (store, Lane.COUNT)
    assert topics.read_up(topics.here(store)) == (store, None)


@pytest.mark.parametrize("store", ["", "-a", "A", "a" * 33, "a/b", "+", "#", "a b", "a\n", "é", CENTRE])
def test_what_is_no_store(store: str) -> None:
    with pytest.raises(BadId):
        check_store(store)
    with pytest.raises(BadId):
        topics.down(store)


@given(st.text(max_size=40) | st.text("tb1/+#$up downhere\n", max_size=30).map(lambda t: "tb/1/" + t))
def test_any_topic_is_a_stores_or_refused(topic: str) -> None:
    try:
        store, _ = topics.read_up(topic)
    except BadMessage:
        return
    assert topics.may_publish(store, topic)


@given(st.text("s12/+#$up downtb", max_size=20))
def test_a_store_may_read_exactly_one_filter(wanted: str) -> None:
    assert topics.may_read("s1", wanted) == (wanted == "tb/1/s1/down")


def test_names_are_written_one_way() -> None:
    assert str(EventId("s1", "0" * 16, Lane.TILL, 7)) == "s1/0000000000000000/till/7"
    assert lane_named("count") is Lane.COUNT
    for wrong in ("", "tills", "0"):
        with pytest.raises(BadId):
            lane_named(wrong)
    for wrong in ("", "0" * 15, "G" * 16, "0" * 16 + "\n"):
        with pytest.raises(BadId):
            check_epoch(wrong)


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def second(event: dict[str, object]) -> dict[str, object]:
        return {"type": "passed/1", "inward": event["count"]}

    monkeypatch.setitem(upgrade.UPGRADES, "walked/1", lambda event: {"type": "walked/2", "count": event["n"]})
    monkeypatch.setitem(upgrade.UPGRADES, "walked/2", second)
    monkeypatch.setitem(upgrade.UPGRADES, "round/1", lambda event: event)


@pytest.mark.usefixtures("two_steps")
def test_an_old_event_is_brought_up_to_date_step_by_step() -> None:
    old = [
        b'[1,true,"b",1,%s]' % json.dumps(each).encode()
        for each in ({"type": "walked/1", "n": 3}, {"type": "walked/1"})
    ]
    good, bad = decode_batch(encode_batch("0" * 16, Lane.COUNT, 1, old)).events
    assert isinstance(good, Envelope)
    assert good.event == Passed(inward=3)
    assert isinstance(bad, Spoiled)
    with pytest.raises(BadEvent, match="more than"):
        upgrade.upgraded(b'[1,true,"b",1,{"type":"round/1"}]')


@given(st.binary(max_size=60))
def test_any_bytes_are_upgraded_or_refused(noise: bytes) -> None:
    try:
        assert upgrade.upgraded(noise) is None
    except BadEvent:
        return


def test_an_event_that_is_not_old_is_left_alone() -> None:
    assert upgrade.upgraded(b'[1,true,"b",1,' + msgspec.json.encode(Passed()) + b"]") is None
