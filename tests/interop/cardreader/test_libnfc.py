"""Debian's nfc-list (libnfc 1.8.0) takes our PN532 simulator for the chip."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from drivers.cardreader.pn532.chip import Card, Chip
from drivers.cardreader.pn532.simulator import card
from tests.interop.cardreader.conftest import TRIES, ChipLine, Cut

MEMBER = "04A1B2C3D4E580"
FELICA = Card(bytes.fromhex("01010A1122334455"), felica_pmm=bytes.fromhex("0120220427674EFF"))
Listed = tuple[int | None, str]


@pytest.fixture
def nfc_list(needs: Callable[[str, str], Path], chip_line: ChipLine) -> Callable[..., Awaitable[Listed]]:
    program = needs("libnfc-bin", "nfc-list")

    async def run(chip: Chip, cut: Cut | None = None) -> Listed:
        """Its exit status, and what it wrote without spaces; run again when the chip was too late for it."""
        for _ in range(TRIES):
            async with chip_line.served(chip, cut):
                device = f"pn532_uart:{chip_line.device}"
                status, wrote = await chip_line.run(program, env={"LIBNFC_DEVICE": device})
            if chip_line.was_cut or (cut is None and status == 0):
                return status, "".join(wrote.split())
        pytest.fail(f"no listing in {TRIES} tries: {wrote}")

    return run


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (card(MEMBER), "1ISO14443Apassivetarget(s)found:"),
        (card("DEADBEEF"), "UID(NFCID1):deadbeefSAK(SEL_RES):08"),
        (FELICA, "ID(NFCID2):01010a1122334455"),
    ],
)
async def test_nfc_list_sees_the_card(
    nfc_list: Callable[..., Awaitable[Listed]], held: Card, says: str
) -> None:
    chip = Chip()
    chip.hold(held)
    status, wrote = await nfc_list(chip)
    assert status == 0
    assert says in wrote
    assert held.uid.hex() in wrote
    assert chip.asleep  # libnfc sends it to sleep when it goes


async def test_nfc_list_sees_nobody(nfc_list: Callable[..., Awaitable[Listed]]) -> None:
    status, wrote = await nfc_list(Chip())
    assert status == 0
    assert "target" not in wrote


async def test_a_line_cut_at_every_step_ends_the_program_and_the_chip_serves_the_next(
    nfc_list: Callable[..., Awaitable[Listed]], chip_line: ChipLine
) -> None:
    chip = Chip()
    chip.hold(card(MEMBER))
    await nfc_list(chip)
    answers = chip_line.answers
    assert answers > 10
    for n in range(1, answers + 1):
        _, wrote = await nfc_list(chip, Cut(n, n % 3 / 2))
        assert chip_line.was_cut
        assert "UID" not in wrote or MEMBER.lower() in wrote  # perhaps no card, never another
    status, wrote = await nfc_list(chip)
    assert (status, MEMBER.lower() in wrote) == (0, True)
