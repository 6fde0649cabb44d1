"""What the centre's anchor says after any write, torn or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.ledger.leases.anchor import Anchor, Mark, read_slot, slot_of
from sync.slots import SLOT_BYTES
from tests.central_server.ledger.leases.lease_world import MemorySlots

NAME = "0123456789abcdef"


def opened(disk: MemorySlots) -> Anchor:
    return Anchor(disk, new_name=lambda: NAME)


async def held(disk: MemorySlots, grants: int) -> Anchor:
    """An anchor that has seen so many grants, one by one."""
    anchor = opened(disk)
    for number in range(1, grants + 1):
        await anchor.hold(Mark(NAME, number))
    return anchor


async def test_what_it_holds_is_there_when_it_is_opened_again() -> None:
    disk = MemorySlots()
    assert (opened(disk).held, disk.content) == (Mark(NAME, 0), None)
    for grants in range(1, 6):
        anchor = opened(disk)
        await anchor.hold(Mark(NAME, grants))
        assert opened(disk).held == Mark(NAME, grants)


async def test_it_never_goes_back_and_writes_nothing_that_it_says_already() -> None:
    disk = MemorySlots()
    anchor = await held(disk, 3)
    for grants in (3, 2, 1):
        await anchor.hold(Mark(NAME, grants))
    assert disk.writes == 3


@pytest.mark.parametrize("grants", [1, 2, 5, 6])
@pytest.mark.parametrize("written", [1, 30, 60, SLOT_BYTES])
async def test_a_torn_write_leaves_the_grant_before(grants: int, written: int) -> None:
    disk = MemorySlots()
    await held(disk, grants - 1)
    before = disk.content or b""
    await held(disk, grants)
    after = disk.content or b""
    at = SLOT_BYTES * (grants % 2)
    torn = before[:at].ljust(at, b"\0") + after[at : at + written] + before[at + written :]
    disk.content = torn
    anchor = opened(disk)
    assert not anchor.damaged
    assert anchor.held.grants in (grants - 1, grants)


async def test_a_file_of_which_both_slots_are_wrong_is_damaged_until_it_is_begun_anew() -> None:
    disk = MemorySlots()
    disk.content = b"x" * SLOT_BYTES * 2
    anchor = Anchor(disk)
    assert anchor.damaged
    await anchor.begin_anew()
    assert not anchor.damaged
    again = Anchor(disk)
    assert (again.held, again.damaged) == (anchor.held, False)
    assert again.held.name != NAME


async def test_a_file_that_cannot_be_read_is_damaged() -> None:
    class Broken(MemorySlots):
        def read(self) -> bytes | None:
            raise PermissionError("no")

    assert Anchor(Broken()).damaged


async def test_a_write_that_fails_is_made_good_by_the_next() -> None:
    disk = MemorySlots()
    anchor = await held(disk, 4)
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        await anchor.hold(Mark(NAME, 5))
    assert anchor.held.grants == 4
    disk.full = False
    await anchor.hold(Mark(NAME, 5))
    assert opened(disk).held.grants == 5


async def test_two_processes_may_share_a_file_which_is_then_a_little_behind() -> None:
    disk = MemorySlots()
    one, other = await held(disk, 1), opened(disk)
    for grants in range(2, 60):
        await (one if grants % 7 < 4 else other).hold(Mark(NAME, grants))
        assert grants - 2 <= opened(disk).held.grants <= grants


@given(st.text("0123456789abcdef", min_size=16, max_size=16), st.integers(0, 10**17))
def test_a_slot_says_what_was_written(name: str, grants: int) -> None:
    assert read_slot(slot_of(Mark(name, grants))) == Mark(name, grants)
