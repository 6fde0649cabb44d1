"""Keys as a US keyboard has them, whatever is set on the desktop; tracks and lines of what was typed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.cardreader.keyboard import (
    EV_KEY,
    EV_LED,
    EV_SYN,
    KEY_CAPSLOCK,
    KEYS,
    LED_CAPSL,
    SHIFTED,
    Keyboard,
    encode_event,
    encode_keys,
)
from drivers.cardreader.wedge import DRIVER
from drivers.decode import decode_stream

CODES = {character: code for code, character in reversed(KEYS.items())}  # not those of the keypad
SHIFT, CTRL, ALT = 42, 29, 56
TYPEABLE = "".join(sorted(set(KEYS.values()) | set(SHIFTED.values())))


def press(*keys: int, size: int = 24) -> bytes:
    """These keys go down in this order and up in the other."""
    strokes = [(key, 1) for key in keys] + [(key, 0) for key in reversed(keys)]
    return b"".join(
        encode_event(EV_KEY, key, value, now_us=5_000_000, size=size)
        + encode_event(EV_SYN, 0, 0, now_us=5_000_000, size=size)
        for key, value in strokes
    )


def typed(data: bytes) -> str:
    keyboard = Keyboard()
    keys = keyboard.feed(data) + keyboard.feed(b"", last=True)
    return "".join(key.character or f"<{key.terminator}>" for key in keys)


def said(data: bytes, **options: Any) -> list[dict[str, Any]]:
    return list(decode_stream(DRIVER, options, [data]))


def shown(data: bytes, **options: Any) -> list[str]:
    return [one["number"] for one in said(data, **options) if one["type"] == "card"]


def refused(data: bytes) -> list[str]:
    return [one["reason"] for one in said(data) if one["type"] == "card.refused/1"]


@given(text=st.text(TYPEABLE, min_size=1, max_size=60), size=st.sampled_from([24, 16]), caps=st.booleans())
def test_what_a_reader_types_is_what_is_read(text: str, size: int, caps: bool) -> None:
    assert typed(encode_keys(text, size=size, caps=caps)) == text + "<KEY_ENTER>"


def test_the_signs_of_a_track_stand_where_an_american_keyboard_has_them() -> None:
    signs = {"%": (SHIFT, 6), ";": (39,), "?": (SHIFT, 53), "=": (13,), "^": (SHIFT, 7), "+": (SHIFT, 13)}
    for sign, keys in signs.items():
        assert typed(press(*keys) + press(28)) == f"{sign}<KEY_ENTER>"


def test_caps_lock_turns_letters_round_and_nothing_else() -> None:
    text = press(CODES["a"]) + press(SHIFT, CODES["a"]) + press(CODES["1"]) + press(SHIFT, CODES["1"])
    lock = press(KEY_CAPSLOCK)
    assert typed(text + lock + text + lock + text) == "aA1!" + "Aa1!" + "aA1!"


def test_the_light_of_caps_lock_has_the_last_word() -> None:
    on, off = (encode_event(EV_LED, LED_CAPSL, light, now_us=5_000_000) for light in (1, 0))
    text = b"".join(press(CODES[c]) for c in "abcd")
    assert typed(text + on + text + off + text) == "abcd" + "ABCD" + "abcd"
    assert typed(press(KEY_CAPSLOCK) + on + text + press(KEY_CAPSLOCK) + off + text) == "ABCD" + "abcd"


def test_either_shift_held_over_several_keys_counts_until_both_are_up() -> None:
    keys = [
        (42, 1),
        (30, 1),
        (30, 0),
        (54, 1),
        (42, 0),
        (30, 1),
        (30, 0),
        (54, 0),
        (30, 1),
        (30, 0),
        (28, 1),
        (28, 0),
    ]
    data = b"".join(encode_event(EV_KEY, *key) + encode_event(EV_SYN, 0, 0) for key in keys)
    assert typed(data) == "AAa<KEY_ENTER>"


def test_a_key_that_stays_down_was_typed_once() -> None:
    held = [encode_event(EV_KEY, 30, value) + encode_event(EV_SYN, 0, 0) for value in (1, 2, 2, 0)]
    assert typed(b"".join(held)) == "a"


def test_control_and_alt_make_no_characters_but_alt_and_a_number_does() -> None:
    assert typed(press(CTRL, CODES["a"]) + press(ALT, CODES["b"]) + press(28)) == "<KEY_ENTER>"
    keypad = dict(zip("0123456789", (82, 79, 80, 81, 75, 76, 77, 71, 72, 73), strict=True))
    down, up = encode_event(EV_KEY, ALT, 1), encode_event(EV_KEY, ALT, 0)
    percent = down + b"".join(press(keypad[digit]) for digit in "037") + up
    enter = down + b"".join(press(keypad[digit]) for digit in "013") + up
    assert typed(percent + enter) == "%<KEY_ENTER>"


def test_keys_that_the_kernel_lost_make_no_card() -> None:
    swipe = encode_keys(";9912345678=3012?")
    hole = swipe[: 24 * 12] + encode_event(EV_SYN, 3, 0, now_us=2_000_000)
    heard = said(hole + swipe)
    assert [one["error"] for one in heard if "error" in one] == ["dropped"]
    assert shown(hole + swipe) == ["9912345678"]
    half, rest = b"".join(press(CODES[c]) for c in "00116"), encode_keys("49747")
    assert shown(half + hole[-24:] + rest) == []
    assert shown(half + hole[-24:] + rest + encode_keys("0011649747")) == ["0011649747"]


@pytest.mark.parametrize("size", [24, 16])
def test_a_stream_that_lost_bytes_anywhere_is_picked_up_again(size: int) -> None:
    whole = encode_keys(";9912345678=3012?", size=size)
    for event in (8, 9, 20, 21):
        for lost in range(1, size):
            at = event * size
            assert typed(whole[:at] + whole[at + lost :] + whole).endswith(";9912345678=3012?<KEY_ENTER>")


@pytest.mark.parametrize(
    ("line", "options", "number"),
    [
        ("0011649747", {}, "0011649747"),
        ("0011649747", {"lines": "decimal_to_hex"}, "00B1C2D3"),
        ("0011649747", {"lines": "decimal_to_hex", "prefix": "0A"}, "0A00B1C2D3"),
        ("04a1b2c3d4e580", {}, "04A1B2C3D4E580"),
        ("6287-0199-0000-0010", {}, "6287019900000010"),
    ],
)
def test_a_line_without_tracks_is_a_number(line: str, options: dict[str, str], number: str) -> None:
    assert shown(encode_keys(line), **options) == [number]
    assert shown(encode_keys(line, terminator=15, size=16), **options) == [number]
    assert shown(encode_keys(line)[: -4 * 24], **options) == [number]  # no Enter: a pause will do


@pytest.mark.parametrize("line", ["abc", "hello world!", "x" * 80])
def test_what_is_no_number_is_nobody_and_is_not_repeated(line: str) -> None:
    heard = said(encode_keys(line))
    assert [one["type"] for one in heard] == ["line"]
    assert line not in json.dumps(heard)


def test_lines_may_be_ignored() -> None:
    assert said(encode_keys("0011649747"), lines="ignore") == []
    assert said(encode_keys("no number"), lines="decimal_to_hex")[0]["error"] == "not_decimal"
    assert shown(encode_keys(";9912345678?"), lines="ignore") == ["9912345678"]


@pytest.mark.parametrize(
    "text",
    ["4111111111111111", "4111 1111 1111 1111", "%B4111111111111111^A/B^3012?", ";4111111111111111=30"],
)
def test_a_bank_card_is_refused_and_its_number_never_told(text: str) -> None:
    data = encode_keys(text)
    assert refused(data) == ["payment_card"]
    assert "11111111" not in json.dumps(said(data))


def test_a_swipe_and_a_line_behind_one_another_are_two() -> None:
    data = encode_keys(";9912345678?") + encode_keys("0011649747") + encode_keys("%E?;E?")
    assert shown(data) == ["9912345678", "0011649747"]
    assert refused(data) == ["misread"]
