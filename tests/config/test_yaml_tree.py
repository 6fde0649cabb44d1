"""The tree of a YAML file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.mistakes import Mistake
from config.yaml_tree import Mapping, Node, Scalar, parse, scalar_value

FILE = Path("a.yaml")


def _tree(text: str) -> tuple[Node, list[Mistake]]:
    found: list[Mistake] = []
    return parse(text, FILE, found.append), found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("1:30", "1:30"),
        ("2026-03-31", "2026-03-31"),
        ("true", True),
        ("~", None),
        ("-12", -12),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("'12'", "12"),
        ("9" * 50, "9" * 50),
    ],
)
def test_a_value_is_what_yaml_1_2_says(text: str, value: object):
    tree, found = _tree(f"a: {text}")
    assert isinstance(tree, Mapping)
    node = tree.entries["a"].value
    assert isinstance(node, Scalar)
    assert scalar_value(node) == value
    assert not found


def test_names_and_values_know_their_lines_and_columns():
    tree, _found = _tree("web:\n  port: 80\n")
    assert isinstance(tree, Mapping)
    inner = tree.entries["web"].value
    assert isinstance(inner, Mapping)
    entry = inner.entries["port"]
    assert (entry.key.line, entry.key.column) == (2, 3)
    assert (entry.value.place.line, entry.value.place.column) == (2, 9)


@given(st.text(alphabet="ab:- \n[]{}&*!'\"|>#%@`,?\\~<1\t", max_size=60))
def test_any_text_becomes_a_tree_or_a_mistake_in_its_lines(text: str):
    _, found = _tree(text)
    lines = text.count("\n") + 1
    assert all(1 <= mistake.place.line <= lines for mistake in found)
    assert all(mistake.text(lang) for mistake in found for lang in ("en", "zh_CN"))


@given(st.recursive(st.text("abc", min_size=1, max_size=3), lambda inner: st.lists(inner, max_size=3)))
def test_what_json_can_say_is_read_as_it_is(value: object):
    tree, found = _tree(json.dumps({"a": value}))
    assert not found
    assert isinstance(tree, Mapping)
    assert _plain(tree.entries["a"].value) == value


def _plain(node: Node) -> object:
    return scalar_value(node) if isinstance(node, Scalar) else [_plain(item) for item in node.items]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a: &",
            "a: @x",
            "a: %x",
            "a: | text",
            "a: |0\n x",
            'a: "\\xzz"',
            'a: "b\n---\nc"',
            "a: !<x",
            "a: !b%zz",
        ),
        *(
            "%YAML x\n---\na: 1",
            "%TAG ! a b\n---\na: 1",
            "%x\na: 1",
            "a: [}",
            "a: ,",
            "a: {x: 1,, y: 2}",
            "[1",
        ),
        *("- a\nb: 1", "a\nb: 1", "!!b!c a", "a: - b", "a: {b"),
    ],
)
def test_what_the_parser_says_is_told_in_our_own_words(text: str):
    _, found = _tree(text)
    assert found
    assert not [mistake.says for mistake in found if "{reason}" in mistake.says]
