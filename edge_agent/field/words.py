"""The technician's words: English stands in the code with {names} in braces, and is translated when shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from config.one_line import one_line
from config.text import catalogue

_PACKAGE = Path(__file__).parents[1]


def _(sentence: str) -> str:
    """Marks a sentence for the catalogues."""
    return sentence


def filled(sentence: str, args: Mapping[str, object], lang: str) -> str:
    """The sentence in a language, its braces filled; what stands in them cannot drive a terminal."""
    translated = catalogue(_PACKAGE, lang).gettext(sentence) if sentence else ""
    return (
        translated.format_map({name: one_line(str(arg)) for name, arg in args.items()})
        if args
        else translated
    )


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, width: int) -> str:
    """The text with spaces up to `width` columns; a longer one stays as it is."""
    return text + " " * (width - columns(text))
