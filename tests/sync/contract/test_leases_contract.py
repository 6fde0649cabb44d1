"""Macs, seals and PIN checks: both programs work them out alike, for ever, and nothing can be exchanged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.contract.ids import NUMBER_MAX
from sync.contract.leases import (
    LEASE_RANDOM_BYTES,
    MAC_HEX_DIGITS,
    grant_seal,
    lease_id,
    lease_key,
    pin_check,
    record_mac,
    same,
)

KEY = lease_key(bytes(range(32)))
RECORD: dict[str, Any] = {
    "lease": "LMFRGGZDFMZTWQ2LK",
    "number": 2,
    "kind": "spend",
    "purse": "PNNQW4Z3UMVZXIZLT",
    "unit": "CNY",
    "amount": 1250,
    "till": "1",
    "txn": "42",
    "receipt": "0001-000042",
    "cashier": "小李",
    "refers_to": "",
}
GRANT: dict[str, Any] = {
    "lease": "LMFRGGZDFMZTWQ2LK",
    "store": "shop-1",
    "epoch": "0123456789abcdef",
    "purse": "PNNQW4Z3UMVZXIZLT",
    "unit": "CNY",
    "granted": 20_000,
    "recalled": False,
}


def test_macs_and_seals_are_worked_out_as_they_were_when_the_first_store_had_them() -> None:
    assert KEY.hex() == "e2dca0268ad58b425d52110dea3caae0c9c5cf0592da72316f4bb47794583e2a"
    assert grant_seal(KEY, **GRANT) == "68c381c230e0090a59ff999cbb09aac7"
    assert record_mac(KEY, grant_seal(KEY, **GRANT), **RECORD) == "c2dbf8e0d381225cb2f1f32a0849b7c0"
    assert len(record_mac(KEY, "", **RECORD)) == MAC_HEX_DIGITS


OTHER: dict[str, Any] = {"number": 3, "kind": "refund", "unit": "PTS", "amount": 1251}


@pytest.mark.parametrize("field", list(RECORD))
def test_every_field_of_a_record_is_in_its_mac(field: str) -> None:
    changed = RECORD | {
        field: OTHER.get(field, RECORD[field] + "x" if isinstance(RECORD[field], str) else None)
    }
    assert not same(record_mac(KEY, "before", **changed), record_mac(KEY, "before", **RECORD))


@pytest.mark.parametrize("field", list(GRANT))
def test_every_field_of_a_grant_is_in_its_seal(field: str) -> None:
    value = GRANT[field]
    other = not value if isinstance(value, bool) else value + (1 if isinstance(value, int) else "x")
    assert not same(grant_seal(KEY, **(GRANT | {field: other})), grant_seal(KEY, **GRANT))


def test_a_mac_holds_the_record_before_and_the_key() -> None:
    mac = record_mac(KEY, "before", **RECORD)
    assert mac != record_mac(KEY, "befor", **RECORD)
    assert mac != record_mac(lease_key(bytes(32)), "before", **RECORD)
    assert mac == record_mac(lease_key(bytes(range(32))), "before", **RECORD)


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 20))
def test_signs_that_move_from_one_field_to_the_next_are_another_record(
    first: str, second: str, cut: int
) -> None:
    both = first + second
    moved = RECORD | {"till": both[:cut], "txn": both[cut:]}
    here = RECORD | {"till": first, "txn": second}
    alike = (both[:cut], both[cut:]) == (first, second)
    assert (record_mac(KEY, "", **moved) == record_mac(KEY, "", **here)) is alike


def test_a_grant_is_no_record_though_its_fields_be_the_same() -> None:
    seal = grant_seal(KEY, lease="L", store="", epoch="", purse="", unit="", granted=0, recalled=False)
    assert seal != record_mac(KEY, "L", **(RECORD | dict.fromkeys(("lease", "purse", "unit"), "")))


@given(st.binary(min_size=LEASE_RANDOM_BYTES, max_size=40))
def test_a_lease_is_named_by_eighty_random_bits(random: bytes) -> None:
    name = lease_id(random)
    assert len(name) == 17
    assert name[0] == "L"
    assert set(name[1:]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert lease_id(random[:LEASE_RANDOM_BYTES]) == name


def test_a_pin_is_told_by_its_salt_and_nothing_else() -> None:
    check = pin_check("1234", b"salt")
    assert len(check) == 32
    assert check == pin_check("1234", b"salt")
    assert check != pin_check("1235", b"salt")
    assert check != pin_check("1234", b"tlas")


def test_same_takes_any_text() -> None:
    assert same("é", "é")
    assert not same("é", "e")
    assert not same("", str(NUMBER_MAX))
