"""A value replaced in a YAML text: what is wanted stands there, and nothing else has moved."""

from __future__ import annotations

import io
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from config.splice import NoPlace, put

DOOR = {"a": [0.1, 0.5], "b": [0.9, 0.5], "in": "down"}
SIDE = {"a": [0.0, 0.25], "b": [1.0, 0.25], "in": "up"}
WAY = ("options", "lines")


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


def text(given: str) -> str:
    return dedent(given).lstrip("\n")


def test_a_moved_corner_changes_its_two_numbers_and_no_other_character():
    before = text("""
        # the shop at the corner
        options:   # drawn in May
            lines:
                "正门": {b: [0.9, 0.50],  a: [0.1, 5e-1], in: 'down'}   # main door
                side:
                  a: [0, .25]  # at the lift
                  b: [1, .25]
                  in: up
            anchor:  foot
        """)
    after = put(before, WAY, {"正门": DOOR, "side": SIDE}, {"正门": DOOR | {"a": [0.125, 0.5]}, "side": SIDE})
    assert after == before.replace("a: [0.1, 5e-1]", "a: [0.125, 5e-1]")


def test_a_line_is_added_below_the_others_and_taken_away_with_its_remark():
    before = text("""
        options:
          lines:
            # seen from the till
            door: {a: [0.1, 0.5], b: [0.9, 0.5], in: down}  # main door

          anchor: foot
        """)
    added = put(before, WAY, {"door": DOOR}, {"door": DOOR, "side": SIDE})
    assert added.splitlines()[3:5] == [
        "    door: {a: [0.1, 0.5], b: [0.9, 0.5], in: down}  # main door",
        "    side: {a: [0, 0.25], b: [1, 0.25], in: up}",
    ]
    assert put(added, WAY, {"door": DOOR, "side": SIDE}, {"door": DOOR}) == before
    gone = put(before, WAY, {"door": DOOR}, {})
    assert "main door" not in gone
    assert "# seen from the till" in gone
    assert read(gone)["options"] == {"lines": None, "anchor": "foot"}
    assert read(put(gone, WAY, None, {"side": SIDE}))["options"]["lines"] == {"side": SIDE}


def test_a_new_name_keeps_the_place_and_the_remark():
    before = "options: {lines: {door: {a: [0.1, 0.5], b: [0.9, 0.5], in: down}}} # x\n"
    assert put(before, WAY, {"door": DOOR}, {"东门": DOOR}) == before.replace("door", "东门")


def test_where_there_were_no_options_they_are_added_a_name_a_line():
    before = "name: door # x\nport: sim:1\n\n# the end\n"
    after = put(before, WAY, None, {"door": DOOR})
    assert after == text("""
        name: door # x
        port: sim:1
        options:
          lines:
            door: {a: [0.1, 0.5], b: [0.9, 0.5], in: down}

        # the end
        """)
    assert put(before, WAY, None, {}) == before


def test_a_heading_with_everything_below_it_commented_out_is_filled():
    before = "options:\n  lines: # none yet\n  # door: {…}\n"
    after = put(before, WAY, None, {"side": SIDE})
    assert after.splitlines()[1:3] == [
        "  lines: # none yet",
        "    side: {a: [0, 0.25], b: [1, 0.25], in: up}",
    ]
    assert after.endswith("  # door: {…}\n")


def test_one_mask_of_three_is_taken_away_and_the_others_keep_their_remarks():
    before = text("""
        options:
          masks:
          - [[0, 0], [0.1, 0], [0, 0.1]]  # screen
          - [[0.5, 0], [0.6, 0], [0.5, 0.1]]  # fan
          - [[1, 1], [0.9, 1], [1, 0.9]]  # street
        """)
    old = read(before)["options"]["masks"]
    less = put(before, ("options", "masks"), old, [old[0], old[2]])
    assert "fan" not in less
    new = [old[0], old[2], [[0.2, 0.2], [0.3, 0.2], [0.2, 0.3]]]
    after = put(less, ("options", "masks"), new[:2], new)
    assert after.splitlines()[2:] == [
        "  - [[0, 0], [0.1, 0], [0, 0.1]]  # screen",
        "  - [[1, 1], [0.9, 1], [1, 0.9]]  # street",
        "  - [[0.2, 0.2], [0.3, 0.2], [0.2, 0.3]]",
    ]


def test_a_corner_more_in_an_area_whose_corners_stand_in_lines_of_their_own():
    before = text("""
        options:
          zones:
            shoes: # behind the till
            - [0, 0]
            - [0.5, 0]
            - [0.5, 1]
            hats: [[0, 0], [1, 0], [1, 1]]
        """)
    old = read(before)["options"]["zones"]
    new = old | {"shoes": [[0, 0], [0.25, 0.1], [0.5, 0], [0.5, 1]]}
    after = put(before, ("options", "zones"), old, new)
    assert read(after)["options"]["zones"] == new
    assert "shoes: # behind the till\n" in after
    assert put(after, ("options", "zones"), new, old).count("\n") == before.count("\n")


def test_what_the_environment_says_stays_where_it_is_equal():
    before = "options:\r\n  persons:\r\n    - [!env X, 0.1, 0.2, 0.3]\r\n    - [0.5, 0.5, 0.1, 0.2]\r\n"
    old = [[0.4, 0.1, 0.2, 0.3], [0.5, 0.5, 0.1, 0.2]]
    after = put(before, ("options", "persons"), old, [old[0], [0.5, 0.5, 0.125, 0.2]])
    assert after == before.replace("0.5, 0.1,", "0.5, 0.125,")
    longer = put(before, ("options", "persons"), old, [*old, [0.5, 0.5, 0.1, 0.2]])
    assert "\n" not in longer.replace("\r\n", "")


@pytest.mark.parametrize("broken", ["", "[", "- 1\n- 2\n"])
def test_a_file_that_has_no_such_place_is_not_guessed_at(broken: str):
    with pytest.raises(NoPlace):
        put(broken, WAY, None, {"door": DOOR})


# Any drawing, written in any way that people write, becomes any other.

_part = st.integers(0, 1000).map(lambda n: n / 1000)
_point = st.tuples(_part, _part).map(list)
_line = st.fixed_dictionaries({"a": _point, "b": _point, "in": st.sampled_from(["up", "down", "left"])})
_name = st.sampled_from(
    ["door", "side", "正门", "no", "1", "a'b", 'x"y', "#1", "{z}", "-", "é", "true", "🚪"]
)
_polygon = st.lists(_point, min_size=3, max_size=5)
_drawing = st.fixed_dictionaries(
    {},
    optional={
        "lines": st.dictionaries(_name, _line, max_size=3),
        "zones": st.dictionaries(_name, _polygon, max_size=3),
        "masks": st.lists(_polygon, max_size=3),
    },
)


def written(value: Any, column: int, draw: Any, *, flow: bool = False) -> str:
    """The value in some style; what follows a name's colon or a dash."""
    import json

    remark = draw(st.sampled_from(["", "  # a remark: [0, 1]", " #"]))
    if not isinstance(value, dict | list) or not value or flow or draw(st.integers(0, 2)) == 0:
        if isinstance(value, dict) and value:
            inner = [f"{json.dumps(k)}: {written(v, 0, draw, flow=True)}" for k, v in value.items()]
            body = "{" + f",{draw(st.sampled_from(['', ' ', '  ']))}".join(inner) + "}"
        elif isinstance(value, list):
            body = "[" + ", ".join(written(v, 0, draw, flow=True) for v in value) + "]"
        else:
            body = json.dumps(value, ensure_ascii=False)
        return body if flow else f" {body}{remark}\n"
    before = " " * column
    lines = [f"{remark}\n"]
    for each in value.items() if isinstance(value, dict) else value:
        if draw(st.integers(0, 4)) == 0:
            lines.append(f"{before}# above\n")
        if isinstance(value, dict):
            name, inner = each
            lines.append(f"{before}{json.dumps(name, ensure_ascii=False)}:")
        else:
            inner = each
            lines.append(f"{before}-")
        lines.append(written(inner, column + draw(st.integers(1, 4)), draw))
        if draw(st.integers(0, 5)) == 0:
            lines.append("\n")
    return "".join(lines)


@given(_drawing, _drawing, st.data(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_drawing_becomes_any_other_and_what_stands_around_it_stays(
    old: dict[str, Any], new: dict[str, Any], data: Any, windows: bool
):
    head = "# begin\nname: door\noptions:\n  anchor: foot  # side\n"
    tail = "  width: 160\n\n# end\nlast:   'x'   # y\n"
    body = "".join(
        f"  {key}:{written(value, data.draw(st.integers(4, 6)), data.draw)}" for key, value in old.items()
    )
    before = head + body + tail
    if windows:
        before = before.replace("\n", "\r\n")
    there = read(before)["options"]
    after = before
    for key in ("lines", "zones", "masks"):
        after = put(after, ("options", key), there.get(key), new.get(key, {}) or type(old.get(key, {}))())
    found = read(after)
    assert {k: v for k, v in found["options"].items() if v and k in ("lines", "zones", "masks")} == {
        k: v for k, v in new.items() if v
    }
    plain = after.replace("\r\n", "\n")
    assert ("\r\n" in after) == windows
    assert windows is False or plain.count("\n") == after.count("\r\n")
    assert plain.startswith(head)
    for line in tail.splitlines():
        assert line in plain.splitlines()
    assert found["last"] == "x"
