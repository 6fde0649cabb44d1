"""A value in a YAML text replaced in place: not a character of anything else moves.

    text, way to a value, what stands there, what is to stand there ──► text

A file that people write is theirs: their comments, order, quotes, indentation and line ends stay. So nothing
is dumped; ruamel says where each node begins and ends, and only what differs is cut out and put in. What is
new is written as people here write it: a name a line, and its value in one line.

Works on files that `config.load` takes: no anchors, no aliases, no name twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.mistakes import ConfigError, Steps

INDENT = 2
DECIMALS = 6  # a 4K camera's picture has 3840 columns

_PLAIN = re.compile(r"[A-Za-z\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff_.-]*")
# Plain texts that some reader of YAML takes for something else (1.1: yes, no, on, off, y, n).
_TAKEN = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


class NoPlace(ConfigError):
    """The text has nothing at that way that a value could be put into."""


def put(text: str, way: Steps, old: Any, new: Any) -> str:
    """`text` with `new` at `way`; `old` is what stands there now, None when nothing does.

    Values are made of dict, list, str, float, int and bool. An empty dict or list that would have to be added
    is left out. What is equal in both stays as it is written, `!env` and all. Raises NoPlace.
    """
    if old == new:
        return text
    editor = _Editor(text)
    node, rest = editor.root(), list(way)
    while rest and (below := _child(node, rest[0])) is not None and not _empty(below):
        node, _ = below, rest.pop(0)
    if not rest:
        editor.merge(node, old, new, levels=1)
        return editor.edited()
    if not new and old is None:
        return text
    for step in reversed(rest[1:]):
        new = {step: new}
    if not isinstance(node, MappingNode):
        raise NoPlace(f"nothing can be added at {rest[0]!r}")
    editor.add(node, {str(rest[0]): new}, levels=len(rest))
    return editor.edited()


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: Node = node.value[step]
        return found
    return None


def _empty(node: Node) -> bool:
    """Nothing is written after the name's colon."""
    return isinstance(node, ScalarNode) and bool(node.start_mark.index == node.end_mark.index)


@dataclass
class _Editor:
    text: str
    _edits: list[tuple[int, int, str]] = field(default_factory=list)  # begin, end, what comes there
    _gone: set[int] = field(default_factory=set)  # where the entries that are cut begin

    def root(self) -> Node:
        try:
            found = YAML(typ="rt", pure=True).compose(self.text)
        except YAMLError as error:
            raise NoPlace(str(error)) from None
        if found is None:
            raise NoPlace("the file is empty")
        node: Node = found
        return node

    def edited(self) -> str:
        """The text with every edit; cuts may overlap, what is put in never lies inside a cut."""
        pieces, at = [], 0
        for begin, end, piece in sorted(self._edits, key=lambda edit: edit[:2]):
            if begin > at:
                pieces.append(self.text[at:begin])
            pieces.append(piece)
            at = max(at, end)
        return "".join([*pieces, self.text[at:]])

    # Merging: what is equal stays

    def merge(self, node: Node, old: Any, new: Any, *, levels: int, key: Node | None = None) -> None:
        """`levels`: how many groups, from here on, are written a name a line when they are new."""
        if old == new:
            return
        if isinstance(node, MappingNode) and isinstance(old, Mapping) and isinstance(new, Mapping):
            self._merge_names(node, old, new, levels)
        elif isinstance(node, SequenceNode) and isinstance(old, list) and isinstance(new, list):
            self._merge_items(node, old, new, key)
        else:
            self._replace(node, new, key)

    def _merge_names(
        self, node: MappingNode, old: Mapping[str, Any], new: Mapping[str, Any], levels: int
    ) -> None:
        came = {name: value for name, value in new.items() if name not in old}
        for key, value in node.value:
            name = key.value
            if name in new and name in old:
                self.merge(value, old[name], new[name], levels=levels - 1, key=key)
            elif name in old:
                renamed = next((one for one, put in came.items() if put == old[name]), None)
                if renamed is None:
                    self._cut(node, key, value)
                else:
                    del came[renamed]
                    self._edit(key.start_mark.index, key.end_mark.index, word(renamed))
        self.add(node, came, levels=levels - 1)

    def _merge_items(self, node: SequenceNode, old: list[Any], new: list[Any], key: Node | None) -> None:
        if len(old) == len(new):
            for item, before, after in zip(node.value, old, new, strict=True):
                self.merge(item, before, after, levels=0)
            return
        rest, gone = list(new), []
        for item, before in zip(node.value, old, strict=True):
            if rest and rest[0] == before:
                rest.pop(0)
            else:
                gone.append(item)
        if len(gone) == len(old):
            self._replace(node, new, key)
            return
        for item in gone:
            self._cut(node, item, item)
        end = _end(node.value[-1])
        if node.flow_style:
            last = next(item for item in reversed(node.value) if item not in gone)
            self._edit(_end(last), _end(last), "".join(f", {one_line(item)}" for item in rest))
        elif rest:
            column = node.start_mark.column
            lines = "".join(f"{self._newline()}{' ' * column}- {one_line(item)}" for item in rest)
            self._edit(self._line_end(end), self._line_end(end), lines)

    def _replace(self, node: Node, new: Any, key: Node | None) -> None:
        begin, end = node.start_mark.index, _end(node)
        in_block = isinstance(node, MappingNode | SequenceNode) and not node.flow_style
        if in_block and key is not None:  # it stands in the lines below its name
            colon = self._colon(key)
            self._edit(colon, colon, f" {one_line(new)}" if new else "")
            self._edit(self._line_end(colon), self._line_end(end), "")
        else:
            self._edit(begin, end, one_line(new))

    # Cutting and adding

    def _cut(self, node: MappingNode | SequenceNode, first: Node, last: Node) -> None:
        """Takes an entry from its first node to its last out of the group `node`."""
        begin, end = first.start_mark.index, _end(last) if not _empty(last) else self._colon(first)
        self._gone.add(begin)
        if node.flow_style:
            after = re.compile(r"\s*,[ \t]*").match(self.text, end)
            if after:
                end = after.end()
            elif before := re.search(r",\s*$", self.text[:begin]):
                begin = before.start()
            self._edit(begin, end, "")
            return
        if first is last:
            begin = self.text.rindex("-", 0, begin)
        start = self.text.rfind("\n", 0, begin)
        if start > 0 and self.text[start - 1] == "\r":
            start -= 1
        self._edit(max(start, 0), self._line_end(end), "")

    def add(self, node: MappingNode, entries: Mapping[str, Any], *, levels: int) -> None:
        if not entries:
            return
        written = {key.value: key for key, value in node.value if _empty(value)}
        fresh = dict(entries)
        for name, key in written.items():
            if name in fresh:
                self._fill(node, key, fresh.pop(name), levels)
        if not fresh:
            return
        if node.flow_style:
            text = ", ".join(f"{word(name)}: {one_line(value)}" for name, value in fresh.items())
            left = [value for key, value in node.value if key.start_mark.index not in self._gone]
            at = _end(left[-1]) if left else node.start_mark.index + 1
            self._edit(at, at, f", {text}" if left else text)
            return
        column = node.start_mark.column
        lines = [line for name, value in fresh.items() for line in _lines(name, value, column, levels)]
        last_key, last = node.value[-1]
        at = self._line_end(self._colon(last_key) if _empty(last) else _end(last))
        self._edit(at, at, "".join(f"{self._newline()}{line}" for line in lines))

    def _fill(self, node: MappingNode, key: Node, value: Any, levels: int) -> None:
        """Writes the value of a name that has none, such as a heading with all below it commented out."""
        colon = self._colon(key)
        if node.flow_style or levels < 1 or not isinstance(value, dict | list):
            self._edit(colon, colon, f" {one_line(value)}")
            return
        lines = _lines(key.value, value, key.start_mark.column, levels)[1:]
        at = self._line_end(colon)
        self._edit(at, at, "".join(f"{self._newline()}{line}" for line in lines))

    # Places

    def _edit(self, begin: int, end: int, piece: str) -> None:
        if piece or end > begin:
            self._edits.append((begin, end, piece))

    def _colon(self, key: Node) -> int:
        return self.text.index(":", key.end_mark.index) + 1

    def _line_end(self, at: int) -> int:
        """Where the line of `at` ends, before its line end."""
        end = self.text.find("\n", at)
        if end < 0:
            return len(self.text)
        return end - 1 if end > at and self.text[end - 1] == "\r" else end

    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"


def _end(node: Node) -> int:
    """Where the last thing that is written of a node ends; ruamel's end of a block is its next token."""
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        key, value = node.value[-1]
        return int(key.end_mark.index) + 1 if _empty(value) else _end(value)
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return int(node.end_mark.index)


def _lines(name: str, value: Any, column: int, levels: int) -> list[str]:
    """An entry of a block; its groups in lines of their own down to `levels`."""
    before = " " * column
    if levels < 1 or not isinstance(value, dict | list) or not value:
        return [f"{before}{word(name)}: {one_line(value)}"]
    if isinstance(value, list):
        return [f"{before}{word(name)}:", *(f"{before}{' ' * INDENT}- {one_line(item)}" for item in value)]
    below = [
        line for each, inner in value.items() for line in _lines(each, inner, column + INDENT, levels - 1)
    ]
    return [f"{before}{word(name)}:", *below]


def one_line(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{word(str(name))}: {one_line(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(one_line(item) for item in value) + "]"
    if isinstance(value, str):
        return word(value)
    if isinstance(value, float):
        return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return json.dumps(value)


def word(text: str) -> str:
    """A text as it may stand in a flow and as a name: plain where nobody can misread it."""
    if _PLAIN.fullmatch(text) and text.lower() not in _TAKEN:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
