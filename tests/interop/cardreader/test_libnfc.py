"""Debian's nfc-list (libnfc 1.8.0) takes our PN532 simulator for the chip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.cardreader.pn532.chip import Card
from drivers.cardreader.pn532.simulator import card
from tests.interop.cardreader.conftest import ChipLine
from tests.interop.wire import Cut, places

MEMBER = "04A1B2C3D4E580"
FELICA = Card(bytes.fromhex("01010A1122334455"), felica_pmm=bytes.fromhex("0120220427674EFF"))
CUTS = 10  # of all places, evenly spread: a program that lost its line takes its time


@pytest.fixture
def nfc_list(needs: Callable[[str, str], Path], chip_line: ChipLine) -> Callable[[], object]:
    program = needs("libnfc-bin", "nfc-list")

    async def run() -> tuple[int | None, str]:
        status, wrote = await chip_line.run(program, env={"LIBNFC_DEVICE": f"pn532_uart:{chip_line.device}"})
        return status, "".join(wrote.split())

    return run


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (card(MEMBER), "1ISO14443Apassivetarget(s)found:"),
        (card("DEADBEEF"), "UID(NFCID1):deadbeefSAK(SEL_RES):08"),
        (FELICA, "Felica(212kbps)target:ID(NFCID2):01010a1122334455"),
    ],
)
async def test_nfc_list_sees_the_card(nfc_list, chip_line: ChipLine, held: Card, says: str) -> None:
    chip_line.chip.hold(held)
    async with chip_line.served():
        status, wrote = await nfc_list()
    assert (status, says in wrote) == (0, True), wrote
    assert held.uid.hex() in wrote


async def test_nfc_list_sees_nobody(nfc_list, chip_line: ChipLine) -> None:
    async with chip_line.served() as chip:
        status, wrote = await nfc_list()
    assert (status, "target(s)found" in wrote) == (0, False)
    assert chip.asleep  # libnfc sends it to sleep when it goes


async def test_a_line_cut_anywhere_is_a_program_that_ends_and_a_chip_that_serves_the_next(
    nfc_list, chip_line: ChipLine
) -> None:
    chip_line.chip.hold(card(MEMBER))
    async with chip_line.served():
        await nfc_list()
    whole = places(chip_line.wire.said)
    assert len(whole) > 3 * CUTS
    for cut in whole[:: len(whole) // CUTS]:
        await _cut(nfc_list, chip_line, cut)
    async with chip_line.served():
        assert MEMBER.lower() in (await nfc_list())[1]


async def _cut(nfc_list, chip_line: ChipLine, cut: Cut) -> None:
    async with chip_line.served():
        chip_line.wire.cut_at(cut)
        _, wrote = await nfc_list()
    assert chip_line.wire.broken.is_set()
    assert "UID" not in wrote or MEMBER.lower() in wrote  # perhaps no card, never another
