"""A slot says what was written, or nothing."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sync.slots import SLOT_BYTES, RealSlotDisk, slot_with, slots_of, text_in

TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=400)


@given(TEXTS)
def test_a_slot_says_what_it_was_given(text: str) -> None:
    slot = slot_with(text)
    assert len(slot) == SLOT_BYTES
    assert text_in(slot) == text


@given(st.binary(max_size=SLOT_BYTES))
def test_noise_says_nothing(noise: bytes) -> None:
    assert text_in(noise) is None


@given(TEXTS, st.integers(0, SLOT_BYTES * 8 - 1))
def test_a_slot_with_one_bit_wrong_never_says_something_else(text: str, bit: int) -> None:
    wrong = bytearray(slot_with(text))
    wrong[bit // 8] ^= 1 << bit % 8
    assert text_in(bytes(wrong)) in (None, text)


async def test_each_slot_lies_in_its_own_sector_of_the_file(tmp_path: Path) -> None:
    disk = RealSlotDisk(tmp_path / "slots")
    assert disk.read() is None
    await disk.write(SLOT_BYTES, slot_with("second"))
    assert [text_in(slot) for slot in slots_of(disk.read() or b"")] == [None, "second"]
    await disk.write(0, slot_with("first"))
    assert [text_in(slot) for slot in slots_of(disk.read() or b"")] == ["first", "second"]
    assert (tmp_path / "slots").stat().st_mode & 0o777 == 0o600
