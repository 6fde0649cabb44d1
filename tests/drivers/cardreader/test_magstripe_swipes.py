"""Stripes as cards of the shop and of banks, in every form that readers tell them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.cardreader.magstripe import DRIVER
from drivers.cardreader.magstripe.bits import read_bits
from drivers.cardreader.magstripe.protocol import encode_bits, encode_keys, encode_text, track1, track2
from drivers.decode import decode_stream

MEMBER = "6287019900000010"
VISA = "4111111111111111"
numbers = st.text("0123456789", min_size=4, max_size=19).map(lambda digits: "7" + digits[1:])


def said(data: bytes, **options: Any) -> list[dict[str, Any]]:
    return list(decode_stream(DRIVER, options, [data]))


def shown(data: bytes, **options: Any) -> list[str]:
    return [one["number"] for one in said(data, **options) if one["type"] == "card"]


def refused(data: bytes, **options: Any) -> list[str]:
    return [one["reason"] for one in said(data, **options) if one["type"] == "card.refused/1"]


@given(number=numbers)
def test_every_form_of_a_stripe_gives_its_number(number: str) -> None:
    assert shown(encode_text(track2(number))) == [number]
    assert shown(encode_bits(track2(number))) == [number]
    assert shown(encode_bits(track1(number))) == [number]
    for size in (24, 16):
        assert shown(encode_keys(track1(number) + track2(number), size=size)) == [number]


@given(number=numbers)
def test_bits_are_read_backwards_and_inverted(number: str) -> None:
    bits = encode_bits(track2(number)).decode()
    flipped = bits.translate(str.maketrans("01", "10"))
    for way in (bits, bits[::-1], flipped, flipped[::-1]):
        reading = read_bits(way)
        assert reading is not None
        assert (reading.text, reading.error) == (track2(number), "")


@pytest.mark.parametrize("form", ["text", "bits", "evdev"])
@pytest.mark.parametrize("auto", [True, False])
def test_a_bank_card_is_refused_and_its_number_never_told(form: str, auto: bool) -> None:
    data = {
        "text": encode_text(track1(VISA), track2(VISA)),
        "bits": encode_bits(track2(VISA)),
        "evdev": encode_keys(track2(VISA)),
    }[form]
    options = {} if auto else {"form": form}
    assert refused(data, **options) == ["payment_card"]
    assert VISA not in json.dumps(said(data, **options))
    assert VISA[6:12] + "1111" not in json.dumps(said(data, **options))


@pytest.mark.parametrize(
    "text",
    [
        f";{VISA}?\r", f";{VISA}D3012101?\r", "%B3782 822463 10005^A/B^3012?\r", f";E?+01{VISA}=1?\r",
        f"%E?;{VISA}=3012\r", ";5555555555554444=3012?\n", ";2223003122003222=3012?\n",
    ],
)  # fmt: skip
def test_bank_cards_in_odd_clothes_are_bank_cards(text: str) -> None:
    assert refused(text.encode()) == ["payment_card"]
    assert "".join(filter(str.isdigit, text))[:12] not in json.dumps(said(text.encode()))


def test_a_number_of_ours_is_a_card_only_when_the_prefix_says_so() -> None:
    assert shown(encode_text(track2(MEMBER))) == [MEMBER]
    assert refused(encode_text(track2(MEMBER)), prefixes=["99"]) == ["payment_card"]
    assert refused(encode_text(track2(MEMBER)), prefixes=[]) == ["payment_card"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("%B6006491280000000001^GIFT/CARD^49511200000?\r", "6006491280000000001"),
        (";608619000000000000001?\r", "608619000000000000001"),
        ("%B9912345678^DOE/MARY ANN^3012101?\r", "9912345678"),
        ("%b9912345678^doe/jane^3012101?\r", "9912345678"),
        ("%9912345678?\r", "9912345678"),
        (";9912345678?", "9912345678"),
        ("\x00\xff~;9912345678=3012?8\r", "9912345678"),
    ],
)
def test_cards_that_no_bank_would_make_are_cards_of_ours(text: str, number: str) -> None:
    assert shown(text.encode("latin-1")) == [number]


def test_a_month_that_is_none_makes_no_expiry() -> None:
    note = said(b"%B6006491280000000001^GIFT/CARD^49511200000?\r")[0]
    assert (note["track1"]["expiry"], note["track1"]["discretionary"]) == (None, "49511200000")


def test_swipes_back_to_back_are_told_apart() -> None:
    once = track1("9912345678") + track2("9912345678")
    assert shown((once * 3).encode()) == ["9912345678"] * 3
    rows = ";991234567812=3012?;991234567813=3012?"
    assert shown(rows.encode()) == ["991234567812", "991234567813"]


def test_track_three_is_the_second_semicolon_or_a_plus() -> None:
    for sentinel in ";+":
        note = said(f";9912345678=3012?{sentinel}019912345678=123==1=00?\r".encode())[0]
        assert note["track3"] == {"format": "01", "number": "9912345678", "discretionary": "123==1=00"}
        assert note["tracks_agree"] is True


def test_a_track_that_was_cut_is_no_card() -> None:
    assert refused(b";991234567890=30\r") == ["misread"]
    assert refused(b"%E?;E?\r") == ["misread"]


@given(st.binary(max_size=400).filter(lambda junk: not set(junk) & set(b"%;+01")))
def test_junk_is_no_swipe(junk: bytes) -> None:
    assert said(junk) == []


@pytest.mark.parametrize(
    "number",
    [
        "4222222222222",
        "4000000000000000006",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "30569309025904",
        "6011111111111117",
        "3530111333300000",
        "6759649826438453",
        "2200000000000004",
        "135410014004955",
        "5060990580000217499",
        "6362970000457013",
        "8171999927660000",
        "9792000000000003",
    ],
)
def test_cards_of_every_scheme_are_refused(number: str) -> None:
    for data in (
        encode_text(track2(number)),
        encode_text(track1(number), ";E?"),
        encode_bits(track2(number)),
    ):
        assert refused(data) == ["payment_card"]
        assert number not in json.dumps(said(data))


def test_what_is_wrong_with_bits_is_told() -> None:
    def error(bits: str) -> Any:
        return next(one["error"] for one in said(bits.encode()) if one["type"] == "swipe")

    whole = encode_bits(track2(MEMBER, after="3012"), zeros=20).decode()
    broken = {at: whole[:at] + "10"[int(whole[at])] + whole[at + 1 :] for at in (22, 60, len(whole) - 29)}
    assert error(broken[22]) == "start_sentinel"
    assert error(broken[60]) == "parity"
    assert error(broken[len(whole) - 29]) == "parity"  # in the end sentinel
    assert error(whole[: len(whole) - 30] + "0" * 20) == "end_sentinel"
    assert said(b"0" * 200) == said(b"1" * 200) == []


def test_a_swipe_that_was_cut_off_is_told() -> None:
    assert refused(b";62870199000000") == refused(b"%B6287019900000") == ["misread"]
    assert refused(b";6287") == []


def test_a_gift_card_without_a_name_keeps_its_digits() -> None:
    told = said(b"%B6035718888888888888^2551?\r")[0]
    assert (told["track1"]["surname"], told["track1"]["expiry"]) == (None, None)
    assert told["track1"]["discretionary"] == "2551"
