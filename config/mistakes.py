"""Mistakes in a settings file: where, what, and what was probably meant.

ConfigError
└── BadSettings              the file cannot be used; holds every mistake found
    └── SettingsUnreadable   there is no such file, or we may not read it

Sentences stand here in English with {names} in braces and are translated when they are shown, so one
mistake can be told in either language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from pydantic_core import PydanticCustomError

from config.text import catalogue

Steps = tuple[str | int, ...]
"""The way to a setting: ("devices", 0, "port")."""

OUR_OWN = "tillbeam"  # pydantic's name for the kind of error that `wrong` makes

MISTAKES_SHOWN_MAX = 200  # more than anyone reads at once; the rest is counted
SUGGESTION_LIKENESS = 0.6  # difflib's ratio: "recipts" finds "receipts", "door" does not find "port"


class Sentence(str):
    """A text of ours among a mistake's arguments, to be translated; every other one is shown as it is."""

    __slots__ = ()


class ConfigError(Exception):
    """The root of everything this package raises."""


class BadSettings(ConfigError):
    """The settings cannot be used. `mistakes` has every one of them, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake], lang: str = "en") -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(tell(self.mistakes, lang)))


class SettingsUnreadable(BadSettings):
    """There is no such file, or we may not read it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A character in a file; line and column count from 1, as editors do."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong at one place."""

    place: Place
    steps: Steps
    says: str  # an English sentence with {names}
    hint: str = ""  # what was probably meant, likewise
    args: Mapping[str, object] = field(default_factory=dict)  # what stands in the braces

    def text(self, lang: str) -> str:
        """`file:line:column: path: what is wrong; what was probably meant`, in one line."""
        text = filled(self.says, self.args, lang)
        if self.hint:
            hint = filled(self.hint, self.args, lang)
            text = filled(_("{says}; {hint}"), {"says": text, "hint": hint}, lang)
        if self.steps:
            text = filled(_("{path}: {says}"), {"path": path_text(self.steps), "says": text}, lang)
        return f"{self.place}: {text}".replace("\n", " ")


def _(sentence: str) -> str:
    """Marks a sentence for the catalogues."""
    return sentence


def filled(sentence: str, args: Mapping[str, object], lang: str) -> str:
    """The sentence in a language, with its braces filled; arguments that are sentences are translated too."""
    words = catalogue(Path(__file__).parent, lang)
    texts = {name: words.gettext(arg) if isinstance(arg, Sentence) else arg for name, arg in args.items()}
    translated = words.gettext(sentence)
    return translated.format_map(texts) if args else translated


def path_text(steps: Steps) -> str:
    """("devices", 0, "port") → "devices[0].port"."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def tell(mistakes: Iterable[Mistake], lang: str) -> list[str]:
    """A line for each mistake, the most important thing first: where it is."""
    every = list(mistakes)
    lines = [mistake.text(lang) for mistake in every[:MISTAKES_SHOWN_MAX]]
    if len(every) > MISTAKES_SHOWN_MAX:
        lines.append(filled(_("… and {count} more"), {"count": len(every) - MISTAKES_SHOWN_MAX}, lang))
    return lines


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or ""."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=SUGGESTION_LIKENESS)
    return by_lower[close[0]] if close else ""


def wrong(says: str, hint: str = "", **args: object) -> PydanticCustomError:
    """What a validator of our own raises, so that the sentence reaches the reader in his language.

    A rule about two fields stands in a validator of the later one; a nested ValidationError keeps its places.
    """
    context = {"says": says, "hint": hint, "args": args}
    plain = "; ".join(filled(part, args, "en") for part in (says, hint) if part)
    return PydanticCustomError(OUR_OWN, plain, context)
