"""One presence of a card is one event, and phantoms are none."""

from __future__ import annotations

import pytest

from drivers.base import Note
from drivers.cardreader.rdm6300.protocol import Rdm6300Decoder, Rdm6300Options, encode_frame
from sync.contract.questions import CardShown

CARD = "62E3086CED"


def shown(*frames: tuple[int, str]) -> list[str]:
    decoder = Rdm6300Decoder(Rdm6300Options())
    heard = [one for at_ms, number in frames for one in decoder.feed(encode_frame(number), at_ms)]
    return [one.what.number for one in heard if isinstance(one.what, CardShown)]


def test_the_encoder_says_what_the_datasheet_shows() -> None:
    assert encode_frame(CARD) == bytes.fromhex("0236324533303836434544303803")
    assert encode_frame(CARD, id20la=True) == bytes.fromhex("023632453330383643454430380d0a03")


def test_a_card_held_for_a_second_is_one_card() -> None:
    assert shown(*((at_ms, CARD) for at_ms in range(0, 1000, 65))) == [CARD]


def test_a_card_that_comes_back_is_a_card_again() -> None:
    assert shown((0, CARD), (65, CARD), (600, CARD), (665, CARD)) == [CARD, CARD]


def test_a_card_that_flickers_is_one_card() -> None:
    assert shown((0, CARD), (65, CARD), (500, CARD), (900, CARD), (1300, CARD), (1365, CARD)) == [CARD]


def test_one_frame_or_two_far_apart_are_no_card() -> None:
    assert shown((0, CARD)) == []
    assert shown((0, CARD), (301, CARD)) == []


@pytest.mark.parametrize("phantom", ["000000078F", "F000060007", "B59A99E5A9"])
def test_a_phantom_between_a_cards_frames_is_no_card(phantom: str) -> None:
    assert shown((0, CARD), (30, phantom), (65, CARD), (130, CARD)) == [CARD]


def test_all_zeros_are_never_a_card() -> None:
    assert shown(*((at_ms, "0000000000") for at_ms in range(0, 1000, 65))) == []


def test_a_reader_that_leaves_the_version_out_of_its_sum_is_told_and_taken_if_wished() -> None:
    sum_of_tag = 0xE3 ^ 0x08 ^ 0x6C ^ 0xED
    frames = b"\x02%s%02X\x03" % (CARD.encode(), sum_of_tag) * 2
    strict = Rdm6300Decoder(Rdm6300Options()).feed(frames, 0)
    assert [one.what.problem for one in strict if isinstance(one.what, Note)] == ["checksum", "checksum"]
    assert all(
        one.what.fields["version_in_checksum"] is False for one in strict if isinstance(one.what, Note)
    )
    lenient = Rdm6300Decoder(Rdm6300Options(sum_without_version=True)).feed(frames, 0)
    assert [one.what.number for one in lenient if isinstance(one.what, CardShown)] == [CARD]


def test_what_is_printed_on_a_card_is_told() -> None:
    fields = Rdm6300Decoder(Rdm6300Options()).feed(encode_frame("0A00B1C2D3"), 0)[0].what.fields
    assert fields["printed"] == "0011649747 177,49875"
