"""YAML 1.2 as a tree that knows where everything stands.

Built from ruamel's events rather than by its constructors, so that nothing is built that we do not allow:
no anchors and aliases (a small file could grow without limit), no merge keys, no tags but ours, no second
document, no key twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from config.mistakes import Mistake, Place, Steps, _
from config.syntax import syntax_mistakes

DEPTH_MAX = 32  # settings are some five deep; parsers are attacked with thousands
NUMBER_CHARS_MAX = 40  # longer digits are a text: nothing that we count needs them


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, as text. `plain` means unquoted, so that it may be a number."""

    place: Place
    text: str
    plain: bool
    tag: str = ""  # "!secret", or "" for none


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: list[Node]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Names and their values."""

    place: Place
    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Entry:
    """A name's own place and its value."""

    key: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands where something has already been reported, so that it is not reported again."""

    place: Place


Node = Scalar | Sequence | Mapping | Broken
Report = Callable[[Mistake], None]


def parse(text: str, file: Path, report: Report, steps: Steps = ()) -> Node:
    """The tree of one file, whose root stands at `steps`. An empty file is an empty mapping."""
    try:
        return _Builder(text, file, report).document(steps)
    except _Unreadable:
        return Broken(Place(file, 1, 1))


class _Unreadable(Exception):
    """The rest of the file makes no sense; the mistake has been reported."""


class _Builder:
    """One pass over the events of one file."""

    def __init__(self, text: str, file: Path, report: Report) -> None:
        self._file = file
        self._text = text
        self._report = report
        self._steps: Steps = ()
        self._events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)

    def document(self, steps: Steps) -> Node:
        self._steps = steps
        self._next()  # the stream's start
        if isinstance(self._next(), StreamEndEvent):
            return Mapping(Place(self._file, 1, 1), {})
        root = self._node(self._next(), steps)
        self._next()  # the document's end
        after = self._next()
        if isinstance(after, DocumentStartEvent):
            self._wrong(after, (), _("a second document begins here"), _("remove the line '---'"))
        if isinstance(root, Scalar) and not root.text and not root.tag:
            return Mapping(root.place, {})
        return root

    def _next(self) -> Any:
        try:
            return next(self._events)
        except StopIteration:
            return None
        except (YAMLError, ValueError) as error:  # ValueError: ruamel on a number in a directive or an escape
            marked = error if isinstance(error, MarkedYAMLError) else None
            for mistake in syntax_mistakes(marked, self._text, self._file, self._steps):
                self._report(mistake)
            raise _Unreadable from None

    def _node(self, event: Any, steps: Steps) -> Node:
        self._steps = steps
        place = self._place(event)
        if isinstance(event, AliasEvent):
            return self._wrong(event, steps, _("aliases (*) are not taken here"), _("write the value out"))
        if event.anchor:
            self._wrong(
                event, steps, _("anchors (&) are not taken here"), _("remove '&{name}'"), name=event.anchor
            )
        if len(steps) > DEPTH_MAX:
            self._wrong(event, steps, _("this is nested deeper than {most} levels"), most=DEPTH_MAX)
            raise _Unreadable
        tag = str(event.tag or "")
        if isinstance(event, ScalarEvent):
            return Scalar(place, event.value, plain=event.style is None, tag=tag)
        node = (
            self._mapping(place, steps)
            if isinstance(event, MappingStartEvent)
            else self._sequence(place, steps)
        )
        if tag and isinstance(event, MappingStartEvent | SequenceStartEvent):
            return self._wrong(event, steps, _("{tag} takes a single word, not a list or a group"), tag=tag)
        return node

    def _sequence(self, place: Place, steps: Steps) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event, (*steps, len(items))))
            self._steps = steps
        return Sequence(place, items)

    def _mapping(self, place: Place, steps: Steps) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._node(event, steps)
            if not isinstance(key, Scalar):
                if not isinstance(key, Broken):
                    self._wrong(
                        event,
                        steps,
                        _("a name must be a single word"),
                        _("'?' and '[' have a meaning in YAML"),
                    )
                self._node(self._next(), steps)
                continue
            self._steps = (*steps, key.text)
            value = self._node(self._next(), self._steps)
            self._steps = steps
            if key.tag:
                self._wrong(event, steps, _("{tag} cannot stand before a name"), tag=key.tag)
            elif key.plain and key.text == "<<":
                self._wrong(event, steps, _("merge keys (<<) are not taken here"), _("write the values out"))
            elif first := entries.get(key.text):
                self._wrong(
                    event,
                    (*steps, key.text),
                    _("this name stands here twice"),
                    _("it stands first in line {line}"),
                    line=first.key.line,
                )
            else:
                entries[key.text] = Entry(key.place, value)
        return Mapping(place, entries)

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _wrong(self, event: Any, steps: Steps, says: str, hint: str = "", **args: object) -> Broken:
        place = self._place(event)
        self._report(Mistake(place, steps, says, hint, args))
        return Broken(place)


_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def scalar_value(node: Scalar) -> str | int | float | bool | None:
    """The value by YAML 1.2's core schema (10.3.2): `no` and `1:30` are texts, `0o17` is fifteen."""
    if not node.plain:
        return node.text
    if node.text in _WORDS:
        return _WORDS[node.text]
    if len(node.text) > NUMBER_CHARS_MAX:
        return node.text
    if _INT.fullmatch(node.text):
        return int(node.text, 0) if node.text[:2] in ("0o", "0x") else int(node.text)
    return float(node.text) if _FLOAT.fullmatch(node.text) else node.text
