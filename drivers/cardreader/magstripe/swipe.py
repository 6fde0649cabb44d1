"""One swipe: what its tracks say together, and what may be said of it.

A bank's card swiped by mistake is masked here, before anything else can see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from drivers.base import Heard, Note
from drivers.cardreader.magstripe.tracks import (
    is_payment_card,
    luhn_of,
    masked,
    read_track,
    xor_lrc,
)
from sync.contract.events import CardRefused
from sync.contract.questions import CardShown

TEXT_MAX = 400  # three tracks have 226 characters


@dataclass
class Track:
    """One track as it was read: its text between the sentinels, or what went wrong."""

    number: int  # 1, 2 or 3
    body: str = ""
    sentinel: str = "%"
    error: str = ""  # "read" (the reader says so), "end_sentinel", "parity", "lrc"
    extras: dict[str, Any] = field(default_factory=dict)  # of bits: lrc, reversed, inverted

    @property
    def text(self) -> str:
        return f"{self.sentinel}{self.body}?"


@dataclass
class Swipe:
    """Tracks that belong together, in the order in which they came."""

    at_byte: int
    tracks: list[Track] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)  # terminator, event_size

    def has(self, number: int) -> bool:
        return any(track.number == number for track in self.tracks)


def judge(swipe: Swipe, *, till: str, prefixes: Sequence[str]) -> list[Heard]:
    """The note for the technician, and the question or the refusal."""
    read = {t.number: told for t in swipe.tracks if not t.error and (told := read_track(t.number, t.body))}
    errors = {t.number: t.error for t in swipe.tracks if t.number not in read}
    numbers = [str(told["number"]) for told in read.values()]
    bank = next((number for number in _candidates(swipe, numbers) if is_payment_card(number, prefixes)), None)
    fields: dict[str, Any] = {f"track{n}_error": why or "format" for n, why in sorted(errors.items())}
    fields |= swipe.extras
    if bank is not None:
        fields |= {
            "kind": "payment_card",
            "must_not_store": True,
            "masked": masked(bank),
            "luhn": True,
            "number": None,
            "error": "payment_card_refused",
        }
        return _said(
            swipe, Note("swipe", fields, "payment_card"), CardRefused(till=till, reason="payment_card")
        )
    fields |= _texts(swipe)
    fields |= {f"track{n}": told for n, told in sorted(read.items())}
    if not numbers:
        fields |= {"number": None, "error": next(iter(errors.values()), "") or "format"}
        return _said(swipe, Note("swipe", fields, "misread"), CardRefused(till=till, reason="misread"))
    fields["luhn"] = luhn_of(numbers[0])
    if len(numbers) > 1:
        fields["tracks_agree"] = len(set(numbers)) == 1
    if len(set(numbers)) > 1:
        fields |= {"number": None, "error": "track_mismatch"}
        return _said(
            swipe, Note("swipe", fields, "track_mismatch"), CardRefused(till=till, reason="track_mismatch")
        )
    confidence = "single-track" if errors and len(numbers) == 1 else ""
    fields |= {"kind": "member", "number": numbers[0]}
    if confidence:
        fields["confidence"] = confidence
    return _said(swipe, Note("swipe", fields), CardShown(numbers[0], "magstripe", confidence))


def _candidates(swipe: Swipe, numbers: list[str]) -> list[str]:
    """Everything on the card that could be a bank's number, on tracks that failed too."""
    found = list(numbers)
    for track in swipe.tracks:
        digits = "".join(c if c.isdecimal() else " " for c in track.body.replace(" ", "")).split()
        found += [run for run in digits[:1] if 13 <= len(run) <= 19]
        if track.number == 3 and digits:
            found.append(digits[0][2:])
    return found


def _texts(swipe: Swipe) -> dict[str, Any]:
    """The tracks as they stood; one that failed is not told, for who knows what it is."""
    fields: dict[str, Any] = {}
    good = [track for track in swipe.tracks if not track.error]
    for track in good:
        fields[f"track{track.number}_text"] = track.text
        if (lrc := xor_lrc(track.number, track.body)) is not None:
            fields[f"track{track.number}_lrc"] = lrc
    for track in swipe.tracks:
        fields |= track.extras
    if good:
        fields["text"] = "".join(track.text for track in good)[:TEXT_MAX]
    return fields


def _said(swipe: Swipe, note: Note, what: CardShown | CardRefused) -> list[Heard]:
    return [Heard(swipe.at_byte, note), Heard(swipe.at_byte, what)]
