"""Drivers by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from drivers.decode import decode_stream, options_of
from drivers.errors import BadOptions, UnknownDriver
from drivers.manual import devices_manual, stale_readmes
from drivers.registry import driver, names


def test_a_misspelt_driver_says_what_was_meant() -> None:
    with pytest.raises(UnknownDriver, match=r"did you mean cardreader\.rdm6300"):
        driver("cardreader.rdm630")


@pytest.mark.parametrize("name", ["", "cardreader", "../etc.passwd", "cardreader.rdm6300.protocol", "base.x"])
def test_a_name_that_is_none_is_unknown(name: str) -> None:
    with pytest.raises(UnknownDriver):
        driver(name)


def test_listing_drivers_loads_none_of_them() -> None:
    code = "import sys, drivers.registry as r; r.names(); print([m for m in sys.modules if 'rdm' in m])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
    assert "cardreader.rdm6300" in names()


def test_options_typed_by_a_person_are_read_and_every_mistake_is_told() -> None:
    stripe = driver("cardreader.magstripe")
    assert options_of(stripe, {"prefixes": "6287, 99", "idle_ms": "50"}).prefixes == ["6287", "99"]  # type: ignore[attr-defined]
    with pytest.raises(BadOptions) as told:
        decode_stream(stripe, {"idle_ms": "soon", "fomr": "text"}, [])
    assert [mistake.split(":")[0] for mistake in told.value.mistakes] == ["idle_ms", "fomr"]


def test_the_manual_has_every_device_and_no_readme_is_stale() -> None:
    assert stale_readmes() == []
    for name in names():
        assert f"\n## {name}" in devices_manual() or f"`{name}`" in devices_manual()
