"""What every driver must do, whoever wrote it: its cases however cut, noise, silence, its own simulator."""

from __future__ import annotations

import itertools
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers
from drivers.base import Display, Driver, Heard, Note, Told
from drivers.decode import decode_stream
from drivers.manual import fresh_readme, own_names, readme_path
from drivers.registry import driver
from sync.contract.events import Event
from sync.contract.questions import Declined, NobodyKnown, Question
from sync.contract.terminal import NeverMind

JUNK = b"x\xffz"
CUTS_MAX = 400  # longer cases are cut at so many places, evenly spread, to keep this file quick
NOISE_SEED = 20261122
ROOT = Path(drivers.__file__).parent

EVERY = [pytest.param(driver(name), id=name) for name in own_names()]


def stream(vector: dict[str, Any], folder: Path) -> bytes | None:
    """The bytes of a vector, in whichever of the forms it has them; None when it needs more than bytes."""
    if "input_hex" in vector:
        return bytes.fromhex(vector["input_hex"])
    if "input_file" in vector:
        return (folder / vector["input_file"]).read_bytes()
    if "events" in vector:
        return json.dumps(vector["events"]).encode()
    text = vector.get("input_text", vector.get("input_bits"))
    return None if text is None else text.encode()


def cases() -> Iterator[Any]:
    for name in own_names():
        folder = ROOT / name.replace(".", "/") / "cases"
        for path in sorted(folder.glob("*.json")):
            for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
                if (data := stream(vector, folder)) is not None:
                    options = vector.get("options", {})
                    yield pytest.param(driver(name), options, data, id=f"{name}-{vector['id']}")


def vectors_of_ours() -> Iterator[Any]:
    for case in cases():
        name = case.values[0].name
        if name.startswith("pos."):
            continue  # what a receipt should become is said in more words, in tests/drivers/pos
        folder = ROOT / name.replace(".", "/") / "cases"
        for path in sorted(folder.glob("*.json")):
            for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
                if case.id == f"{name}-{vector['id']}":
                    yield pytest.param(*case.values, vector["expect"], id=case.id)


def heard(d: Driver, options: dict[str, Any], chunks: list[bytes], shift: int = 0) -> list[dict[str, Any]]:
    said = decode_stream(d, options, chunks)
    return [one | {"at_byte": one["at_byte"] - shift} for one in said if one["type"] != "junk"]


def facts(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events and questions: what others act on. (A note may say how much junk there was.)"""
    return [{k: v for k, v in one.items() if k != "at_byte"} for one in said if "problem" not in one]


CASES = list(cases())


@pytest.mark.parametrize(("d", "options", "data"), CASES)
def test_a_case_is_the_same_byte_by_byte(d: Driver, options: dict[str, Any], data: bytes) -> None:
    assert heard(d, options, [bytes([byte]) for byte in data]) == heard(d, options, [data])


@pytest.mark.parametrize(("d", "options", "data"), CASES)
def test_a_case_is_the_same_cut_in_two_anywhere(d: Driver, options: dict[str, Any], data: bytes) -> None:
    whole = heard(d, options, [data])
    for cut in range(1, len(data), max(1, len(data) // CUTS_MAX)):
        assert heard(d, options, [data[:cut], data[cut:]]) == whole, f"cut at {cut}"


@pytest.mark.parametrize(("d", "options", "data"), [c for c in CASES if not c.id.startswith("pos.")])
def test_a_case_is_the_same_after_junk(d: Driver, options: dict[str, Any], data: bytes) -> None:
    for junk in (JUNK, b"\x00", b"\x02\x02\x02", bytes(range(200, 256))):
        assert facts(heard(d, options, [junk + data])) == facts(heard(d, options, [data]))


@pytest.mark.parametrize(("d", "options", "data", "expect"), list(vectors_of_ours()))
def test_a_case_says_what_its_vector_expects(
    d: Driver, options: dict[str, Any], data: bytes, expect: dict[str, Any]
) -> None:
    said: dict[str, Any] = {}
    for one in heard(d, options, [data]):
        said |= one
    said.setdefault("count_in", 0)
    plain = {k: v for k, v in expect.items() if k not in ("behaviour", "note") and not k.endswith("_any_of")}
    assert {k: _same_shape(said.get(k, "missing"), v) for k, v in plain.items()} == plain
    for key, choices in expect.items():
        if key.endswith("_any_of"):
            assert said[key.removesuffix("_any_of")] in choices


def _same_shape(said: Any, expected: Any) -> Any:
    """Of a mapping only the keys that are expected: a driver may say more."""
    if isinstance(expected, dict) and isinstance(said, dict):
        return {key: said.get(key, "missing") for key in expected}
    return said


@pytest.mark.parametrize("d", EVERY)
def test_noise_is_harmless_and_what_follows_is_heard(d: Driver) -> None:
    _noise_then_a_scene(d, 3_000_000)


@pytest.mark.slow
@pytest.mark.parametrize("d", EVERY)
def test_a_hundred_megabytes_of_noise_leave_memory_flat(d: Driver) -> None:
    _noise_then_a_scene(d, 100_000_000)


def _noise_then_a_scene(d: Driver, noise_bytes: int) -> None:
    chance = random.Random(NOISE_SEED)
    block = chance.randbytes(1_000_003)  # an odd length, so that its repetitions meet the chunks elsewhere
    decoder = d.decoder(d.options())
    decoder.feed(block[:65_536], 0)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for at in range(0, noise_bytes, 65_536):
            start = at % (len(block) - 65_536)
            decoder.feed(block[start : start + 65_536], 0)
            decoder.replies()
        after, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000_000
    assert most - before < 8_000_000
    now_ms = 100_000
    for _ in range(100):  # the silence after the noise
        if decoder.wake_at_ms is None:
            break
        now_ms = max(now_ms, decoder.wake_at_ms)
        decoder.wake(now_ms)
    assert _played(d, decoder, now_ms, scenes=40) > 0


@pytest.mark.parametrize("d", EVERY)
def test_its_simulator_says_what_its_decoder_hears(d: Driver) -> None:
    assert _played(d, d.decoder(d.options()), 0, scenes=300) >= 5


def _played(d: Driver, decoder: Any, now_ms: int, scenes: int) -> int:
    """How many events and questions come of the simulator's first scenes."""
    count = 0
    for scene in itertools.islice(d.simulate(d.options(), random.Random(7)), scenes):
        due_ms = now_ms + scene.wait_ms
        while decoder.wake_at_ms is not None and decoder.wake_at_ms <= due_ms:
            now_ms = max(now_ms + 1, decoder.wake_at_ms)
            count += _facts_in(decoder.wake(now_ms), decoder, now_ms)
        now_ms = max(now_ms, due_ms)
        count += _facts_in(decoder.feed(scene.chunk, now_ms), decoder, now_ms)
        decoder.replies()
    return count


def _facts_in(heard: list[Heard], decoder: Any, now_ms: int) -> int:
    """How many there are; every question is answered, as a store does that knows nobody."""
    for one in heard:
        if not isinstance(one.what, Note | Event | NeverMind):
            told: Told = NobodyKnown() if isinstance(one.what, Question) else Declined("no_card")
            decoder.answer(told, now_ms)
    # What another program shows on a display is no fact, and all that there is to hear of one.
    shows = isinstance(decoder, Display)
    return sum(not isinstance(one.what, Note) or (shows and not one.what.problem) for one in heard)


@pytest.mark.parametrize("d", EVERY)
def test_its_simulator_tells_the_same_story_from_the_same_seed(d: Driver) -> None:
    first, again = (list(itertools.islice(d.simulate(d.options(), random.Random(3)), 50)) for _ in "ab")
    assert first == again


@pytest.mark.parametrize("d", EVERY)
@settings(max_examples=60, deadline=None)
@given(chunks=st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_make_it_raise(d: Driver, chunks: list[bytes]) -> None:
    list(decode_stream(d, {}, chunks))


@pytest.mark.parametrize("d", EVERY)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damaged_story_makes_it_raise(d: Driver, data: st.DataObject) -> None:
    story = b"".join(s.chunk for s in itertools.islice(d.simulate(d.options(), random.Random(5)), 12))
    cut = data.draw(st.integers(0, len(story)))
    damage = data.draw(st.binary(max_size=8))
    list(decode_stream(d, {}, [story[:cut] + damage, story[cut + len(damage) :]]))


@pytest.mark.parametrize("d", EVERY)
def test_waking_it_early_late_or_for_nothing_is_harmless(d: Driver) -> None:
    decoder = d.decoder(d.options())
    assert decoder.wake(0) == []
    assert decoder.wake(10**9) == []
    assert decoder.feed(b"", 10**9) == []


@pytest.mark.parametrize("d", EVERY)
def test_its_readme_is_there_in_both_languages_with_its_options(d: Driver) -> None:
    text = readme_path(d.name).read_text(encoding="utf-8")
    assert text == fresh_readme(d), "stale: python -m drivers.manual refresh"
    assert any("一" <= character <= "鿿" for character in text)
    assert all(field.description for field in d.options.model_fields.values())


@pytest.mark.parametrize("d", EVERY)
def test_its_name_says_where_it_stands(d: Driver) -> None:
    assert readme_path(d.name).is_file()
    assert set(d.title) == {"en", "zh_CN"}
    assert not d.title["en"][0].islower()
