"""Pulses as bits, bits as cards: where a frame ends, which format it is, how its number is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Heard
from drivers.cardreader.wiegand import DRIVER
from drivers.cardreader.wiegand.formats import KNOWN, encode, read
from drivers.cardreader.wiegand.protocol import WiegandDecoder, WiegandOptions, encode_frame
from drivers.decode import decode_stream, options_of
from drivers.errors import BadOptions, BadPort
from drivers.ports import open_port
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown

PRINTED = "00101101000000001010001000"  # facility 90, card 324
WITHIN_S = 5


def said(text: str, **options: Any) -> list[dict[str, Any]]:
    return list(decode_stream(DRIVER, options, [text.encode()]))


def numbers(heard: list[Heard]) -> list[str]:
    return [one.what.number for one in heard if isinstance(one.what, CardShown)]


@given(name=st.sampled_from(sorted(KNOWN)), value=st.integers(0, 2**35 - 1))
def test_every_known_format_carries_its_value(name: str, value: int) -> None:
    format_ = KNOWN[name]
    card = read(encode(value, format_), format_)
    assert (card.value, card.parity_ok) == (value & ((1 << card.value_bits) - 1), True)


@given(
    name=st.sampled_from(["H10301", "W34", "H10304", "C1k35s"]), value=st.integers(0), at=st.integers(0, 25)
)
def test_one_bit_turned_over_is_a_misread_card(name: str, value: int, at: int) -> None:
    bits = encode(value, KNOWN[name])
    heard = said(bits[:at] + "10"[int(bits[at])] + bits[at + 1 :])
    assert [one["type"] for one in heard] == ["frame", "card.refused/1"]
    assert (heard[0]["error"], heard[1]["reason"]) == ("parity", "misread")


def test_the_parities_are_those_of_the_published_formats() -> None:
    assert encode(90 << 16 | 324, KNOWN["H10301"]) == PRINTED
    assert encode(0x0414CD7E, KNOWN["W34"]) == "1000001000001010011001101011111100"
    assert KNOWN["H10304"].even[0].count("x") == KNOWN["H10304"].odd[0].count("x") == 19
    assert [len(format_.bits) for format_ in KNOWN.values()] == [26, 34, 37, 37, 35, 24, 32]


def test_a_frame_ends_with_silence_even_when_nobody_noticed_it() -> None:
    decoder = WiegandDecoder(WiegandOptions())
    assert [numbers(decoder.feed(bit.encode(), 2 * n)) for n, bit in enumerate(PRINTED)] == [[]] * 26
    assert decoder.wake_at_ms == 50 + 50
    assert decoder.wake(99) == []
    assert numbers(decoder.wake(100)) == ["5A0144"]
    decoder.feed(PRINTED.encode(), 5_000)
    assert numbers(decoder.feed(b"0", 5_060)) == ["5A0144"]  # the first pulse of the next frame


def test_a_card_that_its_reader_repeats_is_one_card() -> None:
    decoder = WiegandDecoder(WiegandOptions())
    frame = encode_frame(0x5A0144)
    at_ms = [0, 200, 400, 800, 1301]
    assert [len(numbers(decoder.feed(frame, now_ms))) for now_ms in at_ms] == [1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({}, "00B1C2D3"),
        ({"prefix": "0A"}, "0A00B1C2D3"),
        ({"number": "decimal"}, "0011649747"),
        ({"reverse": True}, "D3C2B100"),
        ({"number": "facility_card"}, "17749875"),
    ],
)
def test_the_same_tag_is_written_as_other_readers_write_it(options: dict[str, Any], number: str) -> None:
    value, name = (0xB1C2D3, "H10301") if options.get("number") == "facility_card" else (0x00B1C2D3, "W34")
    assert numbers(WiegandDecoder(WiegandOptions(**options)).feed(encode_frame(value, name), 0)) == [number]


def test_a_board_that_decodes_says_the_same_card() -> None:
    text = "Wiegand HEX = 5A0144, DECIMAL = 5898564, Type W26\r\nWiegand HEX = 4, DECIMAL = 4, Type W4\r\n"
    heard = said(text)
    assert [one.get("number") for one in heard if one["type"] == "card"] == ["5A0144"]
    assert heard[-1]["error"] == "length"
    halves = [[text[:cut].encode(), text[cut:].encode()] for cut in range(len(text))]
    whole = [list(decode_stream(DRIVER, {}, chunks)) for chunks in halves]
    assert all(one == heard for one in whole)


def test_a_format_of_ones_own_comes_before_the_known_ones() -> None:
    given_ = {"own_formats": '{"mine": {"bits": "ppCCCCCCCCCCCCCCCCCCCCCCCC"}}'}
    heard = said("10101101000000001010001000", **given_)  # parities that H10301 refuses
    assert (heard[0]["format"], heard[0]["card"]) == ("mine", 0b101101000000001010001000)


@pytest.mark.parametrize(
    "given_",
    [
        {"formats": "H10301,W99"},
        {"own_formats": '{"mine": {"bits": "FFFFFFFF"}}'},
        {"own_formats": '{"mine": {"bits": "pCCCCCCCCp", "even": ["xxxx"]}}'},
        {"prefix": "0x"},
    ],
)
def test_a_format_that_cannot_be_is_refused_at_once(given_: dict[str, str]) -> None:
    with pytest.raises(BadOptions):
        options_of(DRIVER, given_)


def test_bits_without_an_end_are_no_card_and_do_not_pile_up() -> None:
    decoder = WiegandDecoder(WiegandOptions())
    heard = [one for _ in range(200) for one in decoder.feed(b"01" * 500, 0)]
    assert numbers(heard) == []
    assert len(decoder._window) <= 2 * 256


@pytest.mark.filterwarnings("ignore:Falling back")
async def test_pulses_on_two_pins_are_a_card() -> None:
    gpiozero = pytest.importorskip("gpiozero")
    from gpiozero.pins.mock import MockFactory

    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    try:
        with pytest.raises(BadPort, match="two wires"):
            await open_port("gpio:D0=17", clock=SystemClock())
        with pytest.raises(BadPort, match="two wires"):
            await open_port("gpio:D0=17,D0=27", clock=SystemClock())
        port = await open_port("gpio:D0=17,D1=27", clock=SystemClock())
        wires = {bit: gpiozero.Device.pin_factory.pin(pin) for bit, pin in (("0", 17), ("1", 27))}
        shown: asyncio.Queue[Heard] = asyncio.Queue()

        async def hear(heard: list[Heard]) -> None:
            for one in heard:
                if isinstance(one.what, CardShown | CardRefused):
                    shown.put_nowait(one)

        pumping = asyncio.create_task(pump(WiegandDecoder(WiegandOptions()), port, SystemClock(), hear))
        for value in (0x5A0144, 0x5A0145):
            for bit in encode(value, KNOWN["H10301"]):
                wires[bit].drive_low()
                wires[bit].drive_high()
            card = await asyncio.wait_for(shown.get(), WITHIN_S)
            assert card.what == CardShown(f"{value:06X}", "wiegand")
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
        await port.close()
    finally:
        gpiozero.Device.pin_factory.reset()
        gpiozero.Device.pin_factory = before


@pytest.mark.filterwarnings("ignore:Falling back")
async def test_frames_close_behind_one_another_have_a_line_each(wound: Any) -> None:
    gpiozero = pytest.importorskip("gpiozero")
    from gpiozero.pins.mock import MockFactory

    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, MockFactory()
    try:
        port = await open_port("gpio:D0=17,D1=27", clock=wound)
        pins = [gpiozero.Device.pin_factory.pin(pin) for pin in (17, 27)]
        for bit, later_ms in ((0, 0), (1, 2), (1, 24), (0, 25)):
            wound.now_ms += later_ms
            pins[bit].drive_low()
            pins[bit].drive_high()
        text = [await asyncio.wait_for(port.read(), WITHIN_S) for _ in range(4)]
        assert b"".join(text) == b"011\n0"
        await port.close()
    finally:
        gpiozero.Device.pin_factory.reset()
        gpiozero.Device.pin_factory = before
