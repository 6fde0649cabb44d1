"""Which driver understands a line, and how the line is set: every decoder is given what came, and counted.

A decoder that makes something of any bytes proves nothing. So each is also given the same bytes with
neighbours exchanged, and what it understands of those, too, counts against it: right checksums and whole
frames do not survive that, loose rules do. Facts count for more than notes, and complaints count against.

A line of seven bits with parity, heard as 8N1, has its parity in the top bit of every byte. That is seen in
the bytes themselves, so it needs no listening of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from drivers.base import Driver
from drivers.registry import driver, names
from edge_agent.field.listening import Piece, Tally, tally_of
from edge_agent.field.suggested import Framing

BROKEN = (ImportError, AttributeError, TypeError)  # what an outsider's driver that is none raises
HEARD_MAX_BYTES = 16 * 1024  # what is kept of one framing to guess from: the newest
BYTES_MIN = 4  # fewer say nothing about parity
CONTROL_SEED = 1
MOVED_BYTES = 24  # within so many are bytes exchanged: longer than what frames begin with
SURE = 2  # evidence from which there is no need to listen on, unless another driver has as much
CLEAR = 10  # … and from which that does not matter: both drivers know the device
FACT = 3  # what a fact is worth in notes

# In the order in which they are met in shops.
FRAMINGS = (
    *(Framing(baud) for baud in (9600, 115200, 19200, 38400, 57600, 4800, 2400, 1200)),
    *(Framing(baud, 8, "E") for baud in (9600, 19200, 115200)),
)


class Guess(NamedTuple):
    """A driver's success with what came over a line set so; the framing is None where there is none (TCP)."""

    evidence: int
    driver: str
    framing: Framing | None
    tally: Tally
    pieces: Sequence[Piece]  # what it was judged by


class Candidate(NamedTuple):
    """A driver that may be the one, with the options it has by itself."""

    driver: Driver
    options: object


def candidates(among: Iterable[str] | None = None) -> list[Candidate]:
    """The drivers (all there are) that can be tried: complete, and content with their default options."""
    found = []
    for name in names() if among is None else among:
        try:
            each = driver(name)
            found.append(Candidate(each, each.options()))
        except (*BROKEN, ValidationError):
            continue
    return found


def guesses(heard: Mapping[Framing | None, Sequence[Piece]], among: Sequence[Candidate]) -> list[Guess]:
    """Every driver that has evidence for it, the most convincing first."""
    found = [
        guess
        for framing, pieces in heard.items()
        for shown, read in _readings(framing, pieces)
        for each in among
        if (guess := _judged(each, shown, read)).evidence > 0
    ]
    return sorted(found, key=lambda guess: (-guess.evidence, guess.tally.wrong, guess.driver))


def is_sure(found: Sequence[Guess]) -> bool:
    """Whether the first guess stands: more was understood than went wrong, and nobody is as good."""
    if not found or found[0].evidence < SURE or found[0].tally.wrong >= found[0].tally.good:
        return False
    return found[0].evidence >= CLEAR or not equals(found)


def equals(found: Sequence[Guess]) -> list[str]:
    """The drivers that did as well as the first."""
    best = found[0]
    return [each.driver for each in found if each.evidence == best.evidence and each.driver != best.driver]


def _judged(candidate: Candidate, framing: Framing | None, pieces: Sequence[Piece]) -> Guess:
    tally = _tally(candidate, pieces)
    worth = _worth(tally)
    chance = max(0, _worth(_tally(candidate, _shuffled(pieces)))) if worth > 0 else 0
    # The share that is not by chance, squared: who gets half of it from anything has proven little.
    evidence = round(worth * (1 - chance / worth) ** 2) if worth > chance else 0
    return Guess(evidence, candidate.driver.name, framing, tally, pieces)


def _worth(tally: Tally) -> int:
    return FACT * tally.facts + tally.notes - tally.wrong


def _tally(candidate: Candidate, pieces: Sequence[Piece]) -> Tally:
    return tally_of(candidate.driver.decoder(candidate.options), pieces)


def _shuffled(pieces: Sequence[Piece]) -> list[Piece]:
    """The same bytes in pieces of the same lengths and times, each moved a few places: text stays text."""
    chance = random.Random(CONTROL_SEED)
    every = b"".join(piece.chunk for piece in pieces)
    moved = b"".join(
        bytes(chance.sample(block, len(block)))
        for block in (every[at : at + MOVED_BYTES] for at in range(0, len(every), MOVED_BYTES))
    )
    found, at = [], 0
    for piece in pieces:
        found.append(Piece(piece.t_ms, moved[at : at + len(piece.chunk)]))
        at += len(piece.chunk)
    return found


def _readings(
    framing: Framing | None, pieces: Sequence[Piece]
) -> Iterator[tuple[Framing | None, Sequence[Piece]]]:
    """The pieces as they came; and without their top bits, where those are a parity."""
    yield framing, pieces
    every = b"".join(piece.chunk for piece in pieces)
    if framing is None or (framing.bits, framing.parity) != (8, "N") or len(every) < BYTES_MIN:
        return
    if max(every) < 0x80:
        return  # seven bits without parity look the same as eight
    for parity, odd in (("E", 0), ("O", 1)):
        if all(byte.bit_count() % 2 == odd for byte in every):
            plain = [Piece(piece.t_ms, bytes(byte & 0x7F for byte in piece.chunk)) for piece in pieces]
            yield Framing(framing.baud, 7, parity, 1), plain
