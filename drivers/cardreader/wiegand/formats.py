"""Formats of Wiegand frames, as drawings: one character a bit, the first one sent on the left.

    H10301   bits   pFFFFFFFFCCCCCCCCCCCCCCCCp      F facility, C card number, anything else neither
             even   xxxxxxxxxxxxx.............      the bits whose ones are even in number,
             odd    .............xxxxxxxxxxxxx      and odd; the parity bit is among them

Source: HID, "Understanding card data formats" (H10301, H10302, H10304, C1k35s); 34 bits as EM4100 and MIFARE
readers send four bytes, 26 bits as they send three.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

BITS_MIN, BITS_MAX = 5, 128


class Format(BaseModel):
    """A format as somebody draws it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: str = Field(
        min_length=BITS_MIN,
        max_length=BITS_MAX,
        pattern="^[FCp.]*C[FCp.]*$",
        description="F: facility, C: card number, p or .: neither.",
    )
    even: list[str] = Field(
        default=[], max_length=4, description="x at each bit of a group in which the ones are even in number."
    )
    odd: list[str] = Field(default=[], max_length=4, description="The same, odd.")

    @model_validator(mode="after")
    def _as_long_as_the_frame(self) -> Format:
        for group in (*self.even, *self.odd):
            if len(group) != len(self.bits) or not set(group) <= {"x", "."}:
                raise ValueError(f"{group!r} is not {len(self.bits)} characters of x and .")
        return self


class Read(NamedTuple):
    """A frame by a format."""

    facility: int | None  # None: the format has none
    card: int
    value: int  # facility and card, as the bits between the parities stand
    value_bits: int
    parity_ok: bool


def read(bits: str, format_: Format) -> Read:
    """`bits` are as many as the format's."""
    facility, card, both = ("".join(_picked(bits, format_.bits, letters)) for letters in ("F", "C", "FC"))
    return Read(
        facility=int(facility, 2) if facility else None,
        card=int(card, 2),
        value=int(both, 2),
        value_bits=len(both),
        parity_ok=all(_ones(bits, group) % 2 == 0 for group in format_.even)
        and all(_ones(bits, group) % 2 == 1 for group in format_.odd),
    )


def encode(value: int, format_: Format) -> str:
    """The frame that carries `value`: its low bits into F and C, then the parities.

    A group's parity bit is the one of its bits that is drawn `p` and is in no group before it.
    """
    fields = sum(letter in "FC" for letter in format_.bits)
    digits = iter(f"{value & ((1 << fields) - 1):0{fields}b}")
    bits = [next(digits) if letter in "FC" else "0" for letter in format_.bits]
    groups = [(group, 0) for group in format_.even] + [(group, 1) for group in format_.odd]
    settled: set[int] = set()
    # The group that reaches over fewest parity bits is settled first: others may count its bit.
    for group, wanted in sorted(groups, key=lambda g: len(_parities(g[0], format_))):
        at = next(place for place in _parities(group, format_) if place not in settled)
        settled.add(at)
        if _ones("".join(bits), group) % 2 != wanted:
            bits[at] = "1"
    return "".join(bits)


def _picked(bits: str, drawing: str, letters: str) -> list[str]:
    return [bit for bit, letter in zip(bits, drawing, strict=True) if letter in letters]


def _ones(bits: str, group: str) -> int:
    return sum(bit == "1" for bit in _picked(bits, group, "x"))


def _parities(group: str, format_: Format) -> list[int]:
    return [n for n, letter in enumerate(format_.bits) if letter == "p" and group[n] == "x"]


def _halves(facility: int, card: int, *, overlap: int = 0) -> Format:
    """Even parity before the first half, odd behind the second; with `overlap` they share the middle."""
    size = facility + card + 2
    first = size // 2 + overlap
    return Format(
        bits="p" + "F" * facility + "C" * card + "p",
        even=["x" * first + "." * (size - first)],
        odd=["." * (size - first) + "x" * first],
    )


KNOWN: dict[str, Format] = {
    "H10301": _halves(8, 16),
    "W34": _halves(16, 16),
    "H10304": _halves(16, 19, overlap=1),
    "H10302": _halves(0, 35, overlap=1),
    "C1k35s": Format(
        bits="ppFFFFFFFFFFFFCCCCCCCCCCCCCCCCCCCCp",
        even=[".xxx.xx.xx.xx.xx.xx.xx.xx.xx.xx.xx."],
        odd=[".xx.xx.xx.xx.xx.xx.xx.xx.xx.xx.xx.x", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    "W24": Format(bits="F" * 8 + "C" * 16),
    "W32": Format(bits="F" * 16 + "C" * 16),
}
