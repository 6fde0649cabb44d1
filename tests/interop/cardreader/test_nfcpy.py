"""nfcpy 1.0.4 takes our PN532 simulator for the chip, its speed change and its 262-byte line test and all."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.cardreader.pn532.chip import Card, Chip
from drivers.cardreader.pn532.simulator import card
from tests.interop.cardreader.conftest import TRIES, ChipLine, Cut

MEMBER = "04a1b2c3d4e580"
Read = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def read(start_peer: Any, chip_line: ChipLine) -> Read:
    if importlib.util.find_spec("nfc") is None:
        pytest.skip("nfcpy is missing: pip install nfcpy==1.0.4")
    peer = await start_peer([sys.executable, Path(__file__).with_name("nfcpy_reader.py")])

    async def ask(chip: Chip, cut: Cut | None = None) -> dict[str, Any]:
        """As any reader's program does: again, when a chip that nobody cut off did not answer in time."""
        for _ in range(TRIES):
            async with chip_line.served(chip, cut):
                said: dict[str, Any] = await peer.ask("read", device=chip_line.device.name)
            if chip_line.was_cut or (cut is None and "error" not in said):
                return said
        pytest.fail(f"no reading in {TRIES} tries: {said}")

    return ask


async def test_nfcpy_opens_the_chip_and_reads_a_tag(read: Read) -> None:
    chip = Chip()
    chip.hold(card(MEMBER))
    said = await read(chip)
    assert said["chip"].startswith("PN532v1.6")
    assert (said["uid"], said["type"]) == (MEMBER, "Type2Tag")
    assert chip.baud == 115_200  # and not the 921,600 at which it was read
    assert chip.asleep


async def test_nfcpy_reads_a_felica(read: Read) -> None:
    chip = Chip()
    chip.hold(Card(bytes.fromhex("01010a1122334455"), felica_pmm=bytes.fromhex("0120220427674eff")))
    assert (await read(chip))["uid"] == "01010a1122334455"


async def test_nfcpy_sees_nobody(read: Read) -> None:
    assert (await read(Chip()))["uid"] is None


async def test_a_line_cut_at_every_step_is_an_error_there_and_the_chip_serves_the_next(
    read: Read, chip_line: ChipLine
) -> None:
    chip = Chip()
    chip.hold(card(MEMBER))
    assert (await read(chip))["uid"] == MEMBER
    answers = chip_line.answers
    assert answers > 10
    for n in range(1, answers + 1):
        said = await read(chip, Cut(n, n % 3 / 2))
        assert chip_line.was_cut
        assert said.get("uid") in (None, MEMBER)
    assert (await read(chip))["uid"] == MEMBER
