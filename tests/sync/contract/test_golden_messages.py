"""Messages as they stood when they were first sent. Files in golden/ are only ever added to.

A store may be years behind: what any version of ours has written must be read for ever. When a test here
fails, the contract has changed its meaning; that is a new class (`/2`) and an upgrade, not a new golden file.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from sync.contract.clock import Stamp
from sync.contract.events import Event, decode_event, encode_event, tag_of
from sync.contract.ids import Lane
from sync.contract.message import (
    Down,
    Envelope,
    decode_batch,
    decode_down,
    decode_here,
    decode_said,
    encode,
    encode_batch,
    envelope,
)
from sync.contract.told import Told
from tests.sync.contract.specimens import BATCH, DOWN, EPOCH, EVENTS, HERE, SAID

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes().strip()


@pytest.mark.parametrize("name", list(EVENTS))
def test_an_event_still_means_and_is_written_the_same(name: str) -> None:
    assert decode_event(golden(name)) == EVENTS[name]
    assert encode_event(EVENTS[name]) == golden(name)


@pytest.mark.parametrize("name", list(DOWN))
def test_what_the_centre_says_still_means_and_is_written_the_same(name: str) -> None:
    assert decode_down(zlib.compress(golden(name))) == DOWN[name]
    assert zlib.decompress(encode(DOWN[name])) == golden(name)


@pytest.mark.parametrize("name", list(HERE))
def test_what_a_store_says_of_itself_still_means_and_is_written_the_same(name: str) -> None:
    assert decode_here(zlib.compress(golden(name))) == HERE[name]
    assert zlib.decompress(encode(HERE[name])) == golden(name)


@pytest.mark.parametrize("name", [*SAID, *HERE])
def test_what_a_store_says_beside_its_batches_still_means_and_is_written_the_same(name: str) -> None:
    said = {**SAID, **HERE}[name]
    assert decode_said(zlib.compress(golden(name))) == said
    assert zlib.decompress(encode(said)) == golden(name)


def test_a_batch_still_means_and_is_written_the_same() -> None:
    stamp = Stamp("00c0ffee", 123_456, 1_790_000_000_000, sure=True)
    events = [EVENTS[name] for name in BATCH]
    bodies = [envelope(encode_event(each), stamp) for each in events]
    assert zlib.decompress(encode_batch(EPOCH, Lane.TILL, 7, bodies)) == golden("batch")
    batch = decode_batch(zlib.compress(golden("batch")))
    assert (batch.epoch, batch.lane, batch.first) == (EPOCH, Lane.TILL, 7)
    assert batch.last == 7 + len(events) - 1 + 4999
    assert [each.event for each in batch.events if isinstance(each, Envelope)] == events
    assert all(isinstance(each, Envelope) and each.stamp == stamp for each in batch.events)


def test_there_is_a_golden_message_of_everything_that_travels() -> None:
    down = b"".join(golden(name) for name in DOWN)
    assert {tag_of(each) for each in EVENTS.values()} == {_tag(kind) for kind in get_args(Event)}
    assert {type(each) for each in DOWN.values()} == set(get_args(Down))
    assert all(f'"{_tag(kind)}"'.encode() in down for kind in get_args(Told))
    assert {each.stem for each in GOLDEN.glob("*.json")} == {*EVENTS, *DOWN, *HERE, *SAID, "batch"}


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)
