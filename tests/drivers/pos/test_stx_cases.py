"""The recorded messages of pos.transbank and pos.concert: what they say, after junk, cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.pos
from drivers.decode import decode_stream
from drivers.pos.stx import Frame, Junk, Sign, StxReader, frame
from drivers.registry import driver

JUNK = [b"", b"x\xffz", b"\x00", b"\x02\x02\x02", bytes(range(200, 256)), b"\x02\x03\x03", b"\x020200|\x1b"]
CASES = Path(drivers.pos.__file__).parent


def vectors() -> Iterator[Any]:
    for name in ("transbank", "concert"):
        path = CASES / name / "cases" / f"{name}.json"
        for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
            data = bytes.fromhex(vector["input_hex"])
            yield pytest.param(f"pos.{name}", data, vector["expect"], id=f"{name}-{vector['id']}")


def merged(name: str, chunks: list[bytes]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for one in decode_stream(driver(name), {}, chunks):
        if one["type"] != "junk":
            said |= one
    return said


@pytest.mark.parametrize(("name", "data", "expect"), list(vectors()))
@pytest.mark.parametrize("junk", JUNK)
def test_a_case_says_what_it_must_even_after_junk(
    name: str, data: bytes, expect: dict[str, Any], junk: bytes
) -> None:
    plain = {key: value for key, value in expect.items() if key != "note"}
    for chunks in ([junk + data], [bytes([byte]) for byte in junk + data], [junk, data]):
        said = merged(name, chunks)
        assert {key: said.get(key, "missing") for key in plain} == plain


@pytest.mark.parametrize("lrc", [0x02, 0x03, 0x04, 0x05, 0x06, 0x15, 0x00, 0x7C])
def test_an_lrc_may_be_any_sign(lrc: int) -> None:
    letter = chr(lrc ^ 0x03 ^ 0x40)  # "@" makes it one that may stand in a frame
    data = b"@" + letter.encode()
    pieces = StxReader().feed(frame(data) + b"\x06")
    assert pieces == [Frame(0, data, lrc, True), Sign(5, 0x06)]


def test_what_is_no_frame_is_junk_and_what_comes_behind_is_heard() -> None:
    reader = StxReader()
    good = frame(b"0100")
    assert reader.feed(b"abc" + good + b"\x02half") == [Junk(0, 3), Frame(3, b"0100", 2, True)]
    assert reader.amid == 5
    assert reader.give_up() == Junk(10, 5)
    assert reader.feed(good) == [Frame(15, b"0100", 2, True)]


def test_a_frame_without_an_end_does_not_grow() -> None:
    reader = StxReader()
    reader.feed(b"\x02")
    for _ in range(100):
        reader.feed(b"x" * 1000)
    assert reader.amid < 5_000
    assert reader.feed(frame(b"0100"))[-1] == Frame(100_001, b"0100", 2, True)


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=5))
def test_any_chunks_say_the_same(data: bytes, cuts: list[int]) -> None:
    def frames_and_signs(chunks: list[bytes]) -> list[Frame | Sign]:
        reader = StxReader()
        return [each for chunk in chunks for each in reader.feed(chunk) if not isinstance(each, Junk)]

    places = [0, *sorted(cuts), len(data)]
    parts = [data[a:b] for a, b in pairwise(places)]
    assert frames_and_signs(parts) == frames_and_signs([data])


@given(data=st.binary(min_size=1, max_size=60).map(lambda raw: bytes(byte | 0x20 for byte in raw)))
def test_what_is_written_is_read(data: bytes) -> None:
    [read] = StxReader().feed(frame(data))
    assert isinstance(read, Frame)
    assert (read.data, read.good) == (data, True)
