"""What another program shows on a display, as a customer sees it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers.pos.line_display as package
from drivers.base import Note
from drivers.pos.line_display.encoder import Dialect, characters, encode_screen
from drivers.pos.line_display.options import Options
from drivers.pos.line_display.protocol import SETTLE_MS, LineDisplayDecoder
from drivers.pos.line_display.reading import ScreenReader

CASES = Path(package.__file__).with_name("cases")
VECTORS = [
    pytest.param(vector, id=vector["id"])
    for path in sorted(CASES.glob("*.json"))
    for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]
]


def screens(*chunks: bytes) -> list[list[str]]:
    """Every screen that is said, the last one after a silence."""
    decoder = LineDisplayDecoder(Options(show=False))
    heard = [each for chunk in chunks for each in decoder.feed(chunk, 0)] + decoder.wake(SETTLE_MS)
    notes = [each.what for each in heard if isinstance(each.what, Note)]
    return [note.fields["screen"] for note in notes if note.type == "screen"]


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("junk", [b"", b"x\xffz", b"\x1b", b"\x1f$", b"\x1bQ", b"\x00\x02"])
def test_a_case_says_its_screen_whatever_came_before(vector: dict[str, Any], junk: bytes) -> None:
    # A till that does not clear the screen first leaves on it what stood there.
    clearing = b"" if not junk else b"\x0c"
    assert screens(junk + clearing + bytes.fromhex(vector["input_hex"]))[-1] == vector["expect"]["screen"]


def test_each_screen_is_said_before_the_next_one_takes_its_place() -> None:
    shown = [
        ("Milk 1L         1.20", "TOTAL           1.20"),
        ("Bread           2.35", "TOTAL           3.55"),
    ]
    stream = b"".join(encode_screen("cd5220", upper.encode(), lower.encode()) for upper, lower in shown)
    assert screens(stream) == [list(lines) for lines in shown]
    assert screens(*(stream[at : at + 1] for at in range(len(stream)))) == screens(stream)


def test_a_screen_that_stays_the_same_is_said_once() -> None:
    decoder = LineDisplayDecoder(Options(show=False))
    stream = b"\x0b" + b"TOTAL 1.00".ljust(40)
    first = decoder.feed(stream, 0) + decoder.wake(SETTLE_MS)
    assert len(first) == 1
    assert decoder.wake(10_000) == []


def test_a_program_that_moves_the_cursor_all_the_time_is_read_as_well() -> None:
    """LCDd places its cursor eight times a second, whether or not there is anything new."""
    decoder = LineDisplayDecoder(Options(show=False))
    heard = decoder.feed(b"\x0cTOTAL 1.00", 0)
    for now_ms in range(0, 1000, 125):
        heard += decoder.feed(b"\x1f$0101\x00", now_ms)
    assert [each.what.fields["screen"] for each in heard if isinstance(each.what, Note)] == [
        ["TOTAL 1.00", ""]
    ]


def test_what_nobody_knows_is_said_and_costs_two_bytes() -> None:
    decoder = LineDisplayDecoder(Options(show=False))
    heard = decoder.feed(b"\x0cab\x1bzcd", 0) + decoder.wake(SETTLE_MS)
    said = [each.what for each in heard if isinstance(each.what, Note)]
    assert [note.problem for note in said] == ["unknown_command", ""]
    assert said[-1].fields == {"screen": ["abcd", ""]}


def test_a_command_cut_off_by_silence_does_not_eat_what_follows() -> None:
    decoder = LineDisplayDecoder(Options(show=False))
    decoder.feed(b"\x0cab\x1f$", 0)
    decoder.wake(SETTLE_MS)
    decoder.feed(b"cd", 5000)
    assert decoder.wake(5000 + SETTLE_MS)[0].what.fields == {"screen": ["abcd", ""]}


@pytest.mark.parametrize("dialect", ["cd5220", "epson"])
@pytest.mark.parametrize("page", ["ascii", "gbk", "cp1252", "cp437", "cp866"])
@given(upper=st.text(max_size=24), lower=st.text(max_size=24))
@settings(max_examples=60, deadline=None)
def test_what_the_encoder_says_is_what_the_reader_sees(
    dialect: Dialect, page: str, upper: str, lower: str
) -> None:
    """Whatever a name holds: no byte of it is taken for a command, and both lines stay in their places."""
    lines = [characters(text, page)[0] for text in (upper, lower)]
    reader = ScreenReader()
    reader.feed(encode_screen(dialect, *lines, page=page, brightness=3), 0)
    rows = [b"".join(cell.raw if cell else b"?" for cell in row) for row in reader.screen.rows]
    assert [len(row) for row in rows] == [20, 20]
    for row, line in zip(rows, lines, strict=True):
        assert row.rstrip() == line[:20].rstrip() or (
            page == "gbk" and row[:19].rstrip() == line[:19].rstrip()
        )
    assert reader.unknown == []


def test_after_noise_the_next_screen_is_read_without_a_silence() -> None:
    noise = random.Random(4).randbytes(20_000)
    stream = noise + encode_screen("epson", b"Milk 1L", b"TOTAL 1.20")
    assert screens(stream)[-1] == ["Milk 1L".ljust(20), "TOTAL 1.20".ljust(20)]
    assert screens(*(stream[at : at + 7] for at in range(0, len(stream), 7)))[-1] == screens(stream)[-1]


@given(st.lists(st.binary(max_size=80), max_size=10))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_lines_longer_than_the_display(chunks: list[bytes]) -> None:
    reader, at = ScreenReader(), 0
    for chunk in chunks:
        reader.feed(chunk, at)
        at += len(chunk)
    assert all(len(row) == 20 for row in reader.screen.rows)
    assert 0 <= reader.screen.row < 2
    assert 0 <= reader.screen.column < 20


@given(st.binary(max_size=200), st.integers(1, 199))
@settings(max_examples=150, deadline=None)
def test_how_a_stream_is_cut_changes_nothing(stream: bytes, cut: int) -> None:
    assert screens(stream[:cut], stream[cut:]) == screens(stream)
