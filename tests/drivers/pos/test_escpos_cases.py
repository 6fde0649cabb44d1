"""The recorded print jobs of cases/: whole, byte by byte, after junk, cut at every offset, after noise."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers.pos.escpos_tap as package
from drivers.base import Heard, Note
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.protocol import EscposTapDecoder
from sync.contract.events import ReceiptUnreadable, SaleCompleted

CASES = Path(package.__file__).with_name("cases")
IDLE_MS = 10_000_000


def _vectors() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.json")):
        for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
            found.append(pytest.param(vector, id=vector["id"]))
    return found


def _job(vector: dict[str, Any]) -> bytes:
    if "input_hex" in vector:
        return bytes.fromhex(vector["input_hex"])
    return (CASES / vector["input_file"]).read_bytes()


def _heard(chunks: list[bytes], vector: dict[str, Any]) -> list[Heard]:
    decoder = EscposTapDecoder(Options(**vector.get("options", {})))
    heard = [each for now, chunk in enumerate(chunks) for each in decoder.feed(chunk, now)]
    return heard + decoder.wake(IDLE_MS)


def _holds(heard: list[Heard], vector: dict[str, Any]) -> None:
    notes = [each.what for each in heard if isinstance(each.what, Note) and each.what.type == "receipt"]
    expect = dict(vector["expect"])
    expect.pop("note", None)
    assert len(notes) == expect.pop("receipts", 1), heard
    fields = notes[-1].fields
    for text in [*expect.pop("lines_contain", []), *expect.pop("contains", [])]:
        assert any(text in line for line in fields["lines"]), (text, fields["lines"])
    if expect.pop("no_event", False):
        assert not [each for each in heard if isinstance(each.what, SaleCompleted)]
    sale = expect.pop("sale", None)
    if sale is not None:
        sales = [each.what for each in heard if isinstance(each.what, SaleCompleted)]
        assert {key: getattr(sales[-1], key) for key in sale} == sale
    for key in expect.pop("absent", []):
        assert key not in fields
    assert {key: fields.get(key) for key in expect} == expect


@pytest.mark.parametrize("vector", _vectors())
def test_a_job_arrives_whole(vector: dict[str, Any]) -> None:
    _holds(_heard([_job(vector)], vector), vector)


@pytest.mark.parametrize("vector", _vectors())
def test_a_job_arrives_byte_by_byte(vector: dict[str, Any]) -> None:
    job = _job(vector)
    _holds(_heard([job[at : at + 1] for at in range(len(job))], vector), vector)


@pytest.mark.parametrize("vector", _vectors())
def test_a_job_is_cut_at_every_offset(vector: dict[str, Any]) -> None:
    job = _job(vector)
    for at in range(0, len(job), 1 if len(job) < 2000 else 13):
        _holds(_heard([job[:at], job[at:]], vector), vector)


@pytest.mark.parametrize(
    "junk", [b"\x00\xff\x1b", b"\x02junk\x03", b"\x1b", b"\x1d(", b"\x1dv0\x00", b"\x1b*", b"\x10"]
)
@pytest.mark.parametrize("vector", _vectors())
def test_a_job_comes_after_junk(vector: dict[str, Any], junk: bytes) -> None:
    if vector.get("fragile"):
        pytest.skip("starts with what the junk swallows")
    _holds(_heard([junk + _job(vector)], vector), vector)


@pytest.mark.parametrize("vector", _vectors())
def test_a_job_comes_after_noise_and_memory_stays_flat(vector: dict[str, Any]) -> None:
    decoder = EscposTapDecoder(Options(**vector.get("options", {})))
    chance = random.Random(4)
    decoder.feed(chance.randbytes(200_000), 0)
    tracemalloc.start()
    for _ in range(8):
        decoder.feed(chance.randbytes(50_000), 0)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1_000_000
    heard = decoder.feed(_job(vector), 1) + decoder.wake(IDLE_MS)
    assert [each for each in heard if isinstance(each.what, SaleCompleted | ReceiptUnreadable)] or (
        heard and vector["expect"].get("no_event")
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=5))
def test_no_bytes_raise(chunks: list[bytes]) -> None:
    _heard(chunks, {})


_WORDS = [
    b"\x1b@",
    b"\x1b$",
    b"\x1bL",
    b"\x0c",
    b"\x1b\x0c",
    b"\x1dV\x00",
    b"\n",
    b"TOTAL 12.00",
    b"\xba\xcf\xbc\xc6:",
    b"5.00",
    b"\x1d(k",
    b"\x1dk",
    b"\x1bt",
    b"\x1c&",
    b"\x1c.",
    b"\x1dv0",
    b"\x1b*",
    b"\x1cq",
    b"\x1d8L",
    b"  ",
    b"Milk",
    b"2 x 1.00",
    b"\x1bS",
    b"\x1bW",
    b"\x1d$",
    b"\x1b\\",
    b"\xe5\x90\x88",
    b"\x00\x01",
    b"\x10\x14",
    b"\x1c(C\x02\x000\x02",
    b"\x1bR",
    b"\t",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_WORDS) | st.binary(max_size=6), max_size=60))
def test_no_order_of_commands_raises(words: list[bytes]) -> None:
    job = b"".join(words)
    _heard([job, job], {})
    _heard([job[at : at + 1] for at in range(len(job))], {})
