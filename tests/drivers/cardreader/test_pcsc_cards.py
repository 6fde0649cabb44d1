"""Cards on a PC/SC reader: which one it is, asked for once, and once more where that may help."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.cardreader.pcsc import DRIVER
from drivers.cardreader.pcsc.atr import read_atr, storage_card_atr
from drivers.cardreader.pcsc.protocol import PcscDecoder, PcscOptions, encode_line
from drivers.cardreader.pcsc.recording import OBJECT_BYTES_MAX, Objects
from drivers.decode import decode_stream
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown

ATR = storage_card_atr(0x0003).hex().upper()
UID = "04A1B2C3D4E580"
COMES = {"reader": "r", "atr": ATR}
TELLS = {"apdu": "FFCA000000", "response": UID + "9000"}
GOES = {"removed": True}
ASKS = b'{"apdu": "FFCA000000"}\n'


class Reader:
    """Our decoder, as the port would speak to it."""

    def __init__(self, **options: Any) -> None:
        self.decoder = PcscDecoder(PcscOptions(**options))
        self.problems: list[str] = []

    def say(self, *said: dict[str, Any], at_ms: int = 0) -> list[str]:
        """The numbers shown, and "refused"."""
        shown: list[str] = []
        for heard in self.decoder.feed(b"".join(map(encode_line, said)), at_ms):
            match heard.what:
                case CardShown(number=number):
                    shown.append(number)
                case CardRefused():
                    shown.append("refused")
                case note if note.problem:
                    self.problems.append(note.problem)
        return shown


def test_a_card_that_comes_is_asked_for_its_uid_and_shown() -> None:
    reader = Reader()
    assert reader.say(COMES) == []
    assert reader.decoder.replies() == ASKS
    assert reader.say(TELLS) == [UID]
    assert reader.decoder.replies() == b""


def test_a_removed_card_is_told_by_the_same_word_however_it_is_recorded() -> None:
    told = [
        next(decode_stream(DRIVER, {}, [encode_line(said)]))
        for said in (GOES, {"apdu": "FFCA000000", "error": "80100069"})
    ]
    assert [each["error"] for each in told] == ["removed", "removed"]
    assert "problem" not in told[0]  # that a card is taken away is nothing wrong


def test_a_card_that_flickers_is_one_card_and_one_that_was_away_is_new() -> None:
    reader = Reader()
    assert reader.say(COMES, TELLS, at_ms=0) == [UID]
    assert reader.say(GOES, at_ms=60_000) == []
    assert reader.say(COMES, TELLS, at_ms=60_400) == []
    assert reader.say(GOES, at_ms=70_000) == []
    assert reader.say(COMES, TELLS, at_ms=70_500) == [UID]


@pytest.mark.parametrize("trouble", [{"response": "6300"}, {"error": "80100068"}])
def test_a_card_that_moved_is_asked_again_and_refused_in_the_end(trouble: dict[str, str]) -> None:
    reader = Reader()
    reader.say(COMES)
    shown = []
    for _ in range(2):
        assert reader.decoder.replies() == ASKS
        shown += reader.say({"apdu": "FFCA000000", **trouble})
    assert (shown, reader.decoder.replies()) == ([], ASKS)
    assert reader.say({"apdu": "FFCA000000", **trouble}) == ["refused"]
    assert reader.decoder.replies() == b""


def test_a_card_taken_away_while_it_was_asked_is_no_misread_card() -> None:
    reader = Reader()
    assert reader.say(COMES, {"apdu": "FFCA000000", "error": "8010000C"}, GOES) == []
    assert reader.problems == ["removed"]


@pytest.mark.parametrize("code", ["80100069", "0x8010000c", 0x80100069])
def test_pcscs_word_for_a_card_that_is_gone_is_understood_however_written(code: str | int) -> None:
    reader = Reader()
    assert reader.say({"error": code}) == []
    assert reader.problems == ["removed"]


def test_a_card_without_a_uid_is_refused() -> None:
    reader = Reader()
    assert reader.say(COMES, {"apdu": "FFCA000000", "response": "6A81"}) == ["refused"]
    assert reader.problems == ["not_supported"]


def test_a_reader_that_wants_the_length_or_keeps_the_answer_gets_its_way() -> None:
    reader = Reader()
    reader.say(COMES)
    reader.decoder.replies()
    reader.say({"apdu": "FFCA000000", "response": "6C07"})
    assert reader.decoder.replies() == b'{"apdu": "FFCA000007"}\n'
    reader.say({"apdu": "FFCA000007", "response": "6107"})
    assert reader.decoder.replies() == b'{"apdu": "00C0000007"}\n'
    assert reader.say({"apdu": "00C0000007", "response": UID + "9000"}) == [UID]


@pytest.mark.parametrize(
    ("uid", "problem"), [("08C0FFEE", "random_id"), ("00000000", "all-zero"), ("0102", "uid_length")]
)
def test_what_is_new_at_every_tap_is_nobody(uid: str, problem: str) -> None:
    reader = Reader()
    assert reader.say(COMES, {"apdu": "FFCA000000", "response": uid + "9000"}) == []
    assert reader.problems == [problem]


def test_other_exchanges_of_a_recording_show_nobody() -> None:
    reader = Reader()
    assert reader.say({"apdu": "FFB0000410", "response": "00" * 16 + "9000"}) == []
    assert reader.problems == []


# ── answers to reset ────────────────────────────────────────────────────────────────────────────────────


def test_an_atr_says_what_the_card_is() -> None:
    atr = read_atr(bytes.fromhex("3B8F8001804F0CA000000306030001000000006A"))
    assert atr is not None
    assert (atr.rid, atr.standard, atr.name, atr.technology) == ("A000000306", 3, 1, "iso14443")
    technologies = {0x0B: "iso15693", 0x11: "felica", 0x0D: "chip", 0x05: "iso14443"}
    for standard, technology in technologies.items():
        told = read_atr(storage_card_atr(0x0014, standard))
        assert told is not None
        assert told.technology == technology


@given(name=st.integers(0, 0xFFFF), at=st.integers(4, 19), flip=st.integers(1, 255))
def test_an_atr_with_a_wrong_byte_is_none(name: int, at: int, flip: int) -> None:
    atr = bytearray(storage_card_atr(name))
    atr[at] ^= flip
    assert read_atr(bytes(atr)) is None


@given(st.binary(max_size=40))
def test_no_bytes_make_reading_an_atr_raise(data: bytes) -> None:
    read_atr(data)
    read_atr(b"\x3b" + data)


# ── recordings ──────────────────────────────────────────────────────────────────────────────────────────


def shown(text: str) -> list[str]:
    return [one["number"] for one in decode_stream(DRIVER, {}, [text.encode()]) if one["type"] == "card"]


@pytest.mark.parametrize("indent", [None, 0, 1, 4])
def test_a_recording_may_be_of_any_shape(indent: int | None) -> None:
    for said in (TELLS, [TELLS], {"vectors": [{"id": "x", **TELLS, "expect": {"uid": "y"}}]}):
        assert shown(json.dumps(said, indent=indent)) == [UID]
    assert shown(json.dumps(TELLS).replace("04A1", "04 a1 ")) == [UID]


def test_a_recording_longer_than_one_object_may_be_is_read_in_parts() -> None:
    text = json.dumps([{**TELLS, "response": f"04{n:012X}9000"} for n in range(1, 200)], indent=1)
    assert len(text) > 2 * OBJECT_BYTES_MAX
    assert len(shown(text)) == 199
    assert len(shown(f'{{"all": {text}}}')) == 199


@given(before=st.text(max_size=30), cut=st.integers(0, 200))
def test_objects_are_found_behind_whatever_stands_before_them(before: str, cut: int) -> None:
    data = before.encode("utf-8", "surrogatepass") + b"\n" + encode_line(TELLS)
    objects = Objects()
    found = objects.feed(data[:cut]) + objects.feed(data[cut:]) + objects.pause()
    assert TELLS in [one.said for one in found] or '"' in before


def test_nesting_without_an_end_is_no_trouble() -> None:
    assert shown('{"a":' * 3000) == []
    assert shown('{"a":' + "[" * 3900 + json.dumps(TELLS)) == [UID]
