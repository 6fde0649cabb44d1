from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.errors import Misconfigured
from central_server.keys import KEYS_FILE, CannotDecrypt, Keys
from sync.contract.sealed import Joiner, seal

KEYS = Keys.fresh()


@given(st.text())
def test_what_was_closed_opens_again(text: str) -> None:
    closed = KEYS.encrypt(text)
    assert KEYS.decrypt(closed) == text
    assert KEYS.encrypt(text) != closed


@given(st.text(), st.data())
def test_any_changed_byte_is_noticed(text: str, data: st.DataObject) -> None:
    closed = bytearray(KEYS.encrypt(text))
    at = data.draw(st.integers(0, len(closed) - 1))
    closed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotDecrypt):
        KEYS.decrypt(bytes(closed))


def test_the_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = Keys.open(tmp_path)
    again = Keys.open(tmp_path)
    assert again.decrypt(first.encrypt("王小明")) == "王小明"
    assert (first.token_key, first.public_key) == (again.token_key, again.public_key)
    assert (tmp_path / KEYS_FILE).stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [KEYS_FILE]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Keys.open(tmp_path)
    (tmp_path / KEYS_FILE).chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        Keys.open(tmp_path)


def test_a_spoiled_file_is_refused(tmp_path: Path) -> None:
    handle = os.open(tmp_path / KEYS_FILE, os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(handle, b'{"fields": []}')
    os.close(handle)
    with pytest.raises(Misconfigured, match="holds no keys"):
        Keys.open(tmp_path)


def test_after_rotation_the_newest_key_closes_and_the_old_one_still_opens(tmp_path: Path) -> None:
    old = Keys.open(tmp_path)
    closed = old.encrypt("13800138000")
    new = old.rotated(tmp_path)
    assert new.decrypt(closed) == "13800138000"
    assert new.needs_rotation(closed)
    assert not new.needs_rotation(new.encrypt("13800138000"))
    assert Keys.open(tmp_path).decrypt(new.encrypt("x")) == "x"
    with pytest.raises(CannotDecrypt):
        old.decrypt(new.encrypt("x"))


def test_a_blind_index_is_the_same_for_the_same_text_of_one_kind() -> None:
    assert KEYS.blind("phone", "1") == KEYS.blind("phone", "1")
    assert KEYS.blind("phone", "1") != KEYS.blind("card", "1")
    assert KEYS.blind("phone", "1") != Keys.fresh().blind("phone", "1")


def test_a_joiner_sealed_at_a_till_is_read() -> None:
    assert KEYS.unseal(seal(Joiner("王小明"), KEYS.public_key)) == Joiner("王小明")


def test_every_store_has_its_own_key_for_ever() -> None:
    assert KEYS.store_key("shop-1") == KEYS.store_key("shop-1")
    assert KEYS.store_key("shop-1") != KEYS.store_key("shop-2")
