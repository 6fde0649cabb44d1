"""A disk that was put back in time shows; a power cut does not look like one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import AnchorBroken
from edge_agent.store.anchor import Anchor, Mark, read_slot, slot_of
from edge_agent.store.vault import put_back
from sync.slots import SLOT_BYTES, RealSlotDisk
from tests.edge_agent.money_shop import CARD, MemoryAnchor, open_shop

EPOCH = "0123456789abcdef"


def mark(commits: int, head: str = "aa", epoch: str = EPOCH) -> Mark:
    return Mark(epoch, commits, head)


async def test_what_it_holds_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "edge.anchor"
    for number in range(5):
        anchor = Anchor(RealSlotDisk(path))
        assert anchor.held == (mark(number - 1) if number else None)
        await anchor.hold(mark(number))
    assert path.stat().st_size == 2 * SLOT_BYTES
    assert path.stat().st_mode & 0o777 == 0o600


async def test_it_never_goes_back_and_writes_nothing_that_it_says_already() -> None:
    disk = MemoryAnchor()
    anchor = Anchor(disk)
    for commits in (3, 3, 2, 1):
        await anchor.hold(mark(commits))
    assert disk.writes == 1
    assert anchor.held == mark(3)
    await anchor.hold(mark(1, epoch="f" * 16))  # but in a new epoch
    assert Anchor(disk).held == mark(1, epoch="f" * 16)


@pytest.mark.parametrize("torn", [0, 1, 40, 511])
async def test_a_torn_write_leaves_the_slot_before(torn: int) -> None:
    disk = MemoryAnchor()
    anchor = Anchor(disk)
    for commits in (1, 2):
        await anchor.hold(mark(commits))
    before = disk.content
    await anchor.hold(mark(3, "bb" * 16))
    assert before is not None
    assert disk.content is not None
    slot = SLOT_BYTES * (3 % 2)
    at = slot + torn
    disk.content = before[:slot] + disk.content[slot:at] + before[at:]
    held = Anchor(disk).held
    assert held is not None
    assert held in (mark(2), mark(3, "bb" * 16))  # the checksum is in front of the NULs
    assert held == mark(2) or torn == 511


async def test_what_cannot_be_written_is_said_and_not_believed() -> None:
    disk = MemoryAnchor()
    anchor = Anchor(disk)
    disk.fails = OSError(28, "No space left on device")
    with pytest.raises(AnchorBroken, match="No space"):
        await anchor.hold(mark(1))
    assert anchor.held is None
    disk.fails = None
    await anchor.hold(mark(1))
    assert anchor.held == mark(1)


async def test_a_disk_that_hangs_holds_up_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.store.anchor.WRITE_MAX_S", 0.01)
    go = asyncio.Event()

    class Hanging(MemoryAnchor):
        async def write(self, offset: int, data: bytes) -> None:
            await go.wait()
            await super().write(offset, data)

    anchor = Anchor(disk := Hanging())
    with pytest.raises(AnchorBroken, match="has not answered"):
        await anchor.hold(mark(1))
    with pytest.raises(AnchorBroken, match="still does not answer"):
        await anchor.hold(mark(2))
    go.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await anchor.hold(mark(2))
    assert Anchor(disk).held == mark(2)


def test_one_that_cannot_be_read_is_as_one_that_is_gone() -> None:
    class Gone(MemoryAnchor):
        def read(self) -> bytes | None:
            raise OSError(5, "Input/output error")

    assert Anchor(Gone()).held is None


@given(st.binary(max_size=SLOT_BYTES))
def test_nonsense_is_no_slot(found: bytes) -> None:
    assert read_slot(found) is None


@given(st.integers(1, 2**40), st.integers(0, 2**40), st.integers(0, SLOT_BYTES * 8 - 1))
def test_a_slot_with_one_bit_changed_says_nothing_else(turn: int, commits: int, bit: int) -> None:
    slot = bytearray(slot_of(turn, mark(commits)))
    assert read_slot(bytes(slot)) == (turn, mark(commits))
    slot[bit // 8] ^= 1 << bit % 8
    assert read_slot(bytes(slot)) in (None, (turn, mark(commits)))


@pytest.mark.parametrize(
    ("held", "now", "expected", "restored"),
    [
        (None, mark(0), False, False),  # the first start
        (None, mark(0), True, True),  # somebody took the anchor away
        (mark(5), mark(5), True, False),
        (mark(5), mark(6), True, False),  # the power went between the commit and the anchor
        (mark(5), mark(4), True, True),
        (mark(5), mark(5, "bb"), True, True),  # another future of the same disk
        (mark(5), mark(5, epoch="f" * 16), True, True),
        (mark(5), mark(0, "", epoch="f" * 16), False, True),  # a new file under an old anchor
    ],
)
def test_when_a_disk_was_put_back(held: Mark | None, now: Mark, expected: bool, restored: bool) -> None:
    assert put_back(held, now, expected=expected) is restored


async def test_a_power_cut_between_the_commit_and_the_anchor_is_no_restore(
    tmp_path: Path, clock: Any, running: Any
) -> None:
    anchor, path = MemoryAnchor(), tmp_path / "e.db"
    async with open_shop(path, clock, running, anchor=anchor) as shop:
        before = anchor.content
        await shop.grant(CARD, "P1", "CNY", "value", 10_000)
    anchor.content = before
    async with open_shop(path, clock, running, anchor=anchor) as shop:
        assert not shop.vault.fenced
        assert shop.vault._anchor.held == shop.vault._mark


async def test_a_box_that_never_had_money_may_lose_its_anchor_no_more(
    tmp_path: Path, clock: Any, running: Any
) -> None:
    path = tmp_path / "e.db"
    async with open_shop(path, clock, running) as shop:
        assert not shop.vault.fenced
    async with open_shop(path, clock, running, hello=False) as shop:
        assert shop.vault.fenced


async def test_a_new_disk_beside_an_old_anchor_expects_one_from_its_first_epoch_on(
    tmp_path: Path, clock: Any, running: Any
) -> None:
    """Copied before its first lease and put back without its anchor it was believed; a walk found that."""
    path, anchor = tmp_path / "e.db", MemoryAnchor()
    async with open_shop(tmp_path / "old.db", clock, running, anchor=anchor):
        pass
    async with open_shop(path, clock, running, anchor=anchor, hello=False) as shop:
        assert shop.vault.fenced
    async with open_shop(path, clock, running, anchor=MemoryAnchor(), hello=False) as shop:
        assert shop.vault.fenced
