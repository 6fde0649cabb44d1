"""What YAML's parser could not read, said in words for a technician."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml.error import MarkedYAMLError

from config.mistakes import Mistake, Place, Steps, _

TABS_SHOWN_MAX = 20  # a whole file indented with tabs needs no line for each

_INDENTED_WITH_TAB = re.compile(r"^( *)\t", re.MULTILINE)
# YAML 1.2, 5.1: what may stand in a file at all.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_CANNOT_BEGIN = _("a value cannot begin with this character")
_QUOTES = _("put the text in quotes")
_UNKNOWN_TAG, _TAGS = _("an unknown tag"), _("there are !secret, !include and !env")
_DIRECTIVE, _REMOVE = _("a line that begins with '%' is not taken here"), _("remove it")
_AFTER_BAR = _("after '|' or '>' nothing else may stand in the line")
_ESCAPE = _("an unknown '\\' in a text in double quotes")
_SINGLE = _("use single quotes, in which '\\' is just a character")
_NOT_OF_THEM = _("this line does not fit those above")
_SAME_COLUMN = _("lines of one group begin in the same column")

# What ruamel says → what we say, and what was probably meant. The first that is found in its words.
_SENTENCES: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        _("a ':' cannot stand here"),
        _("is the indentation right? A text with ': ' in it needs quotes"),
    ),
    ("could not find expected ':'", _("there is a name without ':'"), _("write 'name: value'")),
    ("sequence entries are not allowed", _("a '-' cannot stand here"), _("begin the list in the next line")),
    ("unexpected end of stream", _("a quoted text is not closed"), _("add the closing quote")),
    (
        "unknown escape character",
        _ESCAPE,
        _SINGLE,
    ),
    ("but got '<stream end>'", _("the file ends inside a bracket"), _("close it")),
    ("expected ',' or", _("a ',' or the closing bracket is missing"), ""),
    ("expected <block end>", _NOT_OF_THEM, _SAME_COLUMN),
    ("chomping or indentation", _AFTER_BAR, ""),
    ("cannot start any token", _CANNOT_BEGIN, _QUOTES),
    ("alphabetic or numeric", _CANNOT_BEGIN, _QUOTES),  # & and * and %, with nothing that they could name
    ("mapping keys are not allowed", _CANNOT_BEGIN, _QUOTES),  # ?
    ("undefined tag handle", _UNKNOWN_TAG, _TAGS),
    ("URI", _UNKNOWN_TAG, _TAGS),
    ("expected '!'", _UNKNOWN_TAG, _TAGS),
    ("expected '>'", _UNKNOWN_TAG, _TAGS),
    ("expected ' '", _UNKNOWN_TAG, _TAGS),
    ("duplicate tag handle", _DIRECTIVE, _REMOVE),
    ("expected a digit", _DIRECTIVE, _REMOVE),
    ("YAML directive", _DIRECTIVE, _REMOVE),
    ("incompatible YAML", _DIRECTIVE, _REMOVE),
    ("comment or a line break", _AFTER_BAR, ""),
    ("indentation indicator in", _AFTER_BAR, ""),
    ("hexdecimal", _ESCAPE, _SINGLE),
    ("unexpected document separator", _("a quoted text is not closed"), _("add the closing quote")),
    ("unexpected ':'", _("a ':' cannot stand here"), _QUOTES),
    ("<document start>", _NOT_OF_THEM, _SAME_COLUMN),
    ("after document end marker", _NOT_OF_THEM, _SAME_COLUMN),
    ("expected the node content", _("a value is missing here"), ""),
)


def syntax_mistakes(error: MarkedYAMLError | None, text: str, file: Path, steps: Steps) -> Iterator[Mistake]:
    """The parser stops at the first thing it cannot read; tabs are reported wherever they indent."""
    mark = (error.problem_mark or error.context_mark) if error else None
    if error and "unexpected end of stream" in str(error.problem):
        mark = error.context_mark or mark  # where the quote begins; it ends with the file
    line = mark.line + 1 if mark else 1
    column = mark.column + 1 if mark else 1
    said = str(error.problem) if error else ""
    if "'\\t'" in said and (tabs := list(_tabs(text, file))):
        yield from tabs
        return
    for fragment, says, hint in _SENTENCES:
        if fragment in said:
            yield Mistake(Place(file, line, column), steps, says, hint)
            return
    yield Mistake(
        Place(file, line, column), steps, _("this is not YAML: {reason}"), "", {"reason": said or "?"}
    )


def _tabs(text: str, file: Path) -> Iterator[Mistake]:
    for count, found in enumerate(_INDENTED_WITH_TAB.finditer(text)):
        if count == TABS_SHOWN_MAX:
            return
        line, column = line_and_column(text, found.end() - 1)
        yield Mistake(
            Place(file, line, column), (), _("a tab at the beginning of the line"), _("indent with spaces")
        )


def unprintable(text: str, file: Path) -> Mistake | None:
    """A character that may not stand in YAML; the parser would say so without a place."""
    found = _UNPRINTABLE.search(text)
    if not found:
        return None
    line, column = line_and_column(text, found.start())
    return Mistake(
        Place(file, line, column),
        (),
        _("a control character (U+{code}) stands here"),
        _("remove it; some editors show it as '^@' or not at all"),
        {"code": f"{ord(found.group()):04X}"},
    )


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both from 1."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1
