"""The PyPI package rdm6300 0.1.1 reads what our encoder says, and our decoder says what its own tests say."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from drivers.base import Note
from drivers.cardreader.rdm6300.protocol import Rdm6300Decoder, Rdm6300Options, encode_frame
from drivers.cardreader.rdm6300.simulator import SOME_CARDS, hold
from drivers.ports.pseudo import PtyPort
from sync.contract.questions import CardShown

READ_S = 20.0  # it ends with the third card
GONE_S = 0.3  # after which the package takes a card for gone
THEIR_CARDS = {"67003B51C6": 3887558, "67003BA86C": 3909740, "67003BA867": 3909735}  # valid, in its tests


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[PtyPort]:
    port = PtyPort(tmp_path / "reader")
    yield port
    await port.close()


def package() -> Any:
    return pytest.importorskip("rdm6300", reason="rdm6300 is missing: pip install rdm6300==0.1.1")


@pytest.mark.parametrize("number", [*SOME_CARDS[:3], *THEIR_CARDS])
def test_what_we_encode_their_parser_takes(number: str) -> None:
    digits = [int(digit, 16) for digit in encode_frame(number)[1:-1].decode()]
    card = package().reader.BaseReader._parse_fragment(digits)
    assert (card.is_valid, card.value, card.type) == (True, int(number[2:], 16), int(number[:2], 16))


async def test_their_reader_on_our_line_sees_each_of_our_cards_once(line: PtyPort) -> None:
    came: list[int] = []

    class Seen(package().BaseReader):  # type: ignore[misc]
        def card_inserted(self, card: Any) -> None:
            came.append(card.value)

        def tick(self) -> None:
            if len(came) == 3 or time.monotonic() > ends:
                self.stop()

    ends = time.monotonic() + READ_S
    reader = Seen(str(line.device))
    try:
        for number in SOME_CARDS[:3]:
            for scene in hold(number, random.Random(1)):
                line.say(scene.chunk)
        await asyncio.to_thread(reader.start)
    finally:
        reader.close()
    assert came == [int(number[2:], 16) for number in SOME_CARDS[:3]]


def test_our_decoder_says_what_their_tests_say() -> None:
    stream = b"67003B51C6CB\x03"  # without its start, as their test has it
    stream += b"".join(b"\x02%s\x03" % card for card in (
        b"67003B51C6CB", b"67003BA86C98", b"67003BA86793",
        b"68003B51C6CB",  # a wrong sum
        b"68003B51C6CBDA",  # too long
        b"67003B51C6CB", "SomeThingCrappyÚTFŐ".encode(), b"67003B51C6CB",
    ))  # fmt: skip
    heard = Rdm6300Decoder(Rdm6300Options(agree=1)).feed(stream, 0)
    notes = [one.what for one in heard if isinstance(one.what, Note)]
    good = [note.fields["tag_decimal"] for note in notes if not note.problem]
    assert good == [3887558, 3909740, 3909735, 3887558, 3887558]
    assert [note.problem for note in notes if note.problem] == ["checksum"]
    shown = [one.what.number for one in heard if isinstance(one.what, CardShown)]
    assert shown == list(THEIR_CARDS)


@pytest.mark.parametrize("phantom", ["0000000000", "000000078F", "F000060007", "B59A99E5A9"])
def test_phantoms_that_their_parser_takes_are_no_card_of_ours(phantom: str) -> None:
    frame = encode_frame(phantom)
    assert package().reader.BaseReader._parse_fragment([int(d, 16) for d in frame[1:-1].decode()]).is_valid
    heard = Rdm6300Decoder(Rdm6300Options()).feed(frame, 0)
    assert not any(isinstance(one.what, CardShown) for one in heard)


async def test_a_line_cut_in_the_midst_of_any_frame_shows_nobody_else(tmp_path: Path) -> None:
    card, frame = SOME_CARDS[0], encode_frame(SOME_CARDS[0])
    for cut in range(len(frame) + 1):
        line = PtyPort(tmp_path / f"line-{cut}")
        reader = package().Reader(str(line.device))
        try:
            line.say(frame[:cut])
            reading = asyncio.create_task(asyncio.to_thread(reader.read, GONE_S))
            await asyncio.sleep(0.02)
            await line.close()
            told = None
            with suppress(Exception):  # its pyserial's: the line has gone
                told = await reading
            assert told is None or told.value == int(card[2:], 16)
            heard = Rdm6300Decoder(Rdm6300Options(agree=1)).feed(frame[:cut], 0)
            ours = [one.what.number for one in heard if isinstance(one.what, CardShown)]
            assert ours == ([card] if cut == len(frame) else [])
        finally:
            reader.close()
