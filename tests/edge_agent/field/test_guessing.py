"""Which driver a stream is, from its bytes alone."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from drivers.cardreader.rdm6300.protocol import encode_frame
from drivers.manual import own_names
from drivers.registry import driver
from edge_agent.field.guessing import HEARD_MAX_BYTES, candidates, equals, guesses, is_sure
from edge_agent.field.listening import Piece
from edge_agent.field.sniffing import newest
from edge_agent.field.suggested import Framing, read_framing

AT = Framing(9600)
CARD = Piece(10, 4 * encode_frame("62E3086C3B"))
OURS = ("cardreader.magstripe", "cardreader.rdm6300", "counter.beam", "pos.escpos_tap")


def told_by(name: str, scenes: int, seed: int = 5) -> list[Piece]:
    """What the device's simulator says."""
    device, now_ms, pieces = driver(name), 0, []
    for scene in itertools.islice(device.simulate(device.options(), random.Random(seed)), scenes):
        now_ms += scene.wait_ms
        pieces.append(Piece(now_ms, scene.chunk))
    return pieces


@pytest.mark.parametrize("name", own_names())
def test_a_device_is_known_by_what_it_says(name: str) -> None:
    """Or as one that two drivers know: swipes typed by a wedge."""
    found = guesses({AT: newest(told_by(name, 40))}, candidates())
    assert name in [found[0].driver, *equals(found)]
    assert found[0].framing == AT
    assert found[0].tally.good > found[0].tally.wrong
    assert is_sure(found) or equals(found)


@pytest.mark.parametrize("size", [1, 100, HEARD_MAX_BYTES])
def test_noise_is_nobody(size: int) -> None:
    assert guesses({AT: [Piece(0, random.Random(size).randbytes(size))]}, candidates()) == []


def test_silence_is_nobody() -> None:
    assert guesses({AT: [], None: [Piece(0, b"")]}, candidates()) == []
    assert not is_sure([])


def test_the_right_speed_stands_before_what_a_wrong_one_gave() -> None:
    wrong = Piece(0, random.Random(2).randbytes(56))
    found = guesses({Framing(115200): [wrong], AT: [CARD], Framing(4800): [wrong]}, candidates())
    assert (found[0].driver, found[0].framing) == ("cardreader.rdm6300", AT)
    assert is_sure(found)


@pytest.mark.parametrize(("parity", "odd"), [("E", 0), ("O", 1)])
def test_seven_bits_with_parity_are_seen_in_what_was_heard_as_eight(parity: str, odd: int) -> None:
    heard = bytes(byte | 0x80 if byte.bit_count() % 2 != odd else byte for byte in CARD.chunk)
    (best, *_) = guesses({AT: [Piece(0, heard)]}, candidates())
    assert (best.driver, best.framing) == ("cardreader.rdm6300", Framing(9600, 7, parity, 1))
    assert best.pieces[0].chunk == CARD.chunk


def test_two_drivers_that_do_equally_well_are_no_sure_guess() -> None:
    (best, *_) = guesses({AT: [CARD]}, candidates(["cardreader.rdm6300"]))
    assert is_sure([best])
    other = best._replace(driver="counter.beam")
    assert equals([best, other]) == ["counter.beam"]
    assert is_sure([best._replace(evidence=99), other._replace(evidence=99)])  # both know it
    assert not is_sure([best._replace(evidence=3), other._replace(evidence=3)])
    assert not is_sure([best._replace(tally=best.tally._replace(wrong=99))])


def test_a_driver_that_cannot_be_loaded_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        if name == "counter.beam":
            raise ImportError("no library")
        return driver(name)

    monkeypatch.setattr("edge_agent.field.guessing.driver", broken)
    assert [each.driver.name for each in candidates(OURS)] == [n for n in OURS if n != "counter.beam"]


@pytest.mark.parametrize(
    ("text", "framing"), [("8N1", (8, "N", 1)), ("7e1", (7, "E", 1)), ("8N2", (8, "N", 2))]
)
def test_a_framing_is_written_as_everybody_does(text: str, framing: tuple[int, str, int]) -> None:
    assert read_framing(text) == framing
    assert str(Framing(9600, *framing)) == f"9600 {text.upper()}"


@pytest.mark.parametrize("text", ["", "8N", "9N1", "8X1", "8N3", "eight"])
def test_a_framing_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_framing(text)
