"""The golden vectors of ZVT: whole, byte by byte, behind junk and in two pieces, each a line of `decode`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers
from drivers.decode import decode_stream
from drivers.pos.zvt import apdu, bmp, commands, framing, messages, tlv
from drivers.registry import driver

ZVT = driver("pos.zvt")
FOLDER = Path(drivers.__file__).parent / "pos/zvt/cases"
VECTORS = [
    pytest.param(vector, id=vector["id"])
    for path in sorted(FOLDER.glob("*.json"))
    for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]
]
JUNK = (b"", b"x\xffz", b"\x00", b"\x02\x02\x02", bytes(range(200, 256)))


def said(chunks: list[bytes], **options: Any) -> list[dict[str, Any]]:
    return [one for one in decode_stream(ZVT, options, chunks) if one["type"] != "junk"]


def options_of(vector: dict[str, Any], *, named: bool) -> dict[str, Any]:
    transport = {"serial": "serial", "tcp-apdu": "tcp"}[vector["transport"]]
    return vector.get("options", {}) | ({"transport": transport} if named else {})


def test_the_word_that_recordings_have_for_bare_apdus_is_taken_too() -> None:
    assert said([bytes.fromhex("060F00")], transport="tcp-apdu") == said(
        [bytes.fromhex("060F00")], transport="tcp"
    )


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("vector", VECTORS)
def test_a_vector_is_one_line_with_what_it_expects(vector: dict[str, Any], named: bool) -> None:
    raw = bytes.fromhex(vector["input_hex"])
    for junk in JUNK:
        (line,) = said([junk, raw], **options_of(vector, named=named))
        assert {key: line.get(key, "missing") for key in vector["expect"] if key != "note"} == {
            key: value for key, value in vector["expect"].items() if key != "note"
        }


@pytest.mark.parametrize("vector", VECTORS)
def test_a_vector_is_the_same_however_it_is_cut(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["input_hex"])
    whole = said([raw])
    assert said([bytes([byte]) for byte in raw]) == whole
    assert all(said([raw[:cut], raw[cut:]]) == whole for cut in range(1, len(raw)))


def test_a_recording_of_both_sides_on_a_serial_line_is_heard() -> None:
    recorded = framing.encode_frame(bytes.fromhex("0601070400000000019000")[:-1])
    recorded += b"\x06" + framing.encode_frame(bytes.fromhex("800000")) + b"\x06"
    recorded += framing.encode_frame(bytes.fromhex("040f03270029")[:5])  # its length is wrong
    kinds = [(one["type"], one.get("command"), one.get("error")) for one in said([recorded])]
    assert kinds == [
        ("message", "authorisation", None),
        ("ack", None, None),
        ("message", "positive_completion", None),
        ("ack", None, None),
        ("message", None, "framing"),
    ]


def test_the_check_sum_is_kermit_whatever_the_standard_calls_it() -> None:
    assert framing.crc16(bytes.fromhex("06010704000000000190")) == 0x5776  # Portalum.Zvt#56, from a live line


def test_a_frame_that_begins_anew_is_heard_and_the_one_before_is_wrong() -> None:
    frame = framing.encode_frame(bytes.fromhex("060f00"))
    first, second = said([frame[:4] + frame])
    assert (first["error"], "reply_hex" in first, second["command"]) == ("framing", False, "completion")


def test_a_long_message_has_its_length_in_two_bytes() -> None:
    text = b"\x07\x0aHello Wang" * 40
    raw = apdu.encode(0x06D3, bmp.encode(0x06, tlv.encode({"25": text})))
    assert raw[2:5] == b"\xff" + (len(raw) - 5).to_bytes(2, "little")
    for line in (raw, framing.encode_frame(raw)):
        (one,) = said([line[:100], line[100:]])
        assert one["lines"] == ["Hello Wang"] * 40


def test_a_bitmap_that_nobody_knows_ends_the_reading_and_not_the_message() -> None:
    (one,) = said([apdu.encode(0x0601, bytes.fromhex("04000000000150") + b"\x77\x01\x02")])
    assert (one["amount_minor"], one["unread_hex"]) == (150, "eeeeee")


def test_nobody_sees_a_card_number_or_a_track_whole() -> None:
    pan, track = "6225880012345678", "6225880012345678D30121010000012345"
    data = bmp.encode(0x22, bytes.fromhex(pan)) + bmp.encode(0x23, bytes.fromhex(track))
    (one,) = said([apdu.encode(0x040F, b"\x27\x00" + data + b"\x99" + bytes.fromhex(pan))])
    assert one["card_number"] == "622588EEEEEE5678"
    assert "12345" not in json.dumps(one)


def test_german_receipts_keep_their_umlauts_in_each_alphabet() -> None:
    assert messages.text_of("Test ä ö ü ß".encode()) == "Test ä ö ü ß"  # of ecrterm's tests
    assert messages.text_of(b"H\xc4NDLER") == "HÄNDLER"  # live, as terminals send it
    assert messages.text_of(b"Geb\x81hr") == "Gebühr"  # CP437, as the standard has it


@given(st.binary(max_size=60), st.sampled_from([0x040F, 0x0601, 0x04FF, 0x060F, 0x061E, 0x06D3, 0x0600]))
def test_no_data_make_a_message_unreadable(data: bytes, control: int) -> None:
    raw = apdu.encode(control, data)
    message = messages.read(raw)
    assert len(messages.masked(message)) == len(raw)
    assert message.fields["command"] == commands.NAMES[control]


@given(st.binary(max_size=400))
def test_what_is_framed_is_heard_as_it_was(data: bytes) -> None:
    raw = apdu.encode(0x0601, data)
    (got,) = framing.Receiver("serial").feed(framing.encode_frame(raw), 0)
    assert (got.what, got.raw) == ("apdu", raw)


@given(st.dictionaries(st.sampled_from(["07", "1F1F", "41"]), st.binary(max_size=300)))
def test_what_a_container_was_given_is_in_it(tags: dict[str, bytes]) -> None:
    packed = tlv.encode(tags)
    assert dict(tlv.elements(packed)) == tags
    assert tlv.fits(packed)
