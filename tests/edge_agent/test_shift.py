"""Shifts on a real outbox: what is on them, what a restart leaves, when they say that they are not whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.shift import Shift, ShiftRefused, Shifts
from edge_agent.store.outbox import Outbox
from sync.contract.events import LeaseRecord, Passed, SaleCompleted, Tender
from sync.contract.ids import Lane


def sold(
    receipt: str, amount: int, kind: str = "cash", *, till: str = "1", device: str = ""
) -> SaleCompleted:
    return SaleCompleted(
        device=device,
        till=till,
        receipt=receipt,
        currency="CNY",
        total_minor=amount,
        tenders=(Tender(kind, amount),),
    )


def paid(amount: int, number: int = 2, *, till: str = "1", kind: Any = "spend") -> LeaseRecord:
    return LeaseRecord(
        lease="L", number=number, kind=kind, purse="P", unit="CNY", amount=amount, mac="m", till=till, txn="x"
    )


@pytest.fixture
def opened(tmp_path: Path, clock: Any, open_outbox: Any) -> Callable[[], Any]:
    """`async with opened() as (outbox, shifts)`: the same disk each time."""

    @asynccontextmanager
    async def open_both() -> AsyncIterator[tuple[Outbox, Shifts]]:
        async with open_outbox(tmp_path / "e.db", clock) as outbox:
            shifts = await Shifts.open(
                outbox._db,
                outbox,
                stamp=outbox._calendar.stamp,
                now_ms=clock.wall_ms,
                till_of={"printer-2": "2"}.get,
            )
            yield outbox, shifts

    return open_both


async def test_a_shift_is_its_tills_receipts_and_members_money(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("1", 900, "value"), paid(900), Passed(inward=1), sold("7", 50, till="2")])
        shift = await shifts.current("1")
        await outbox.accept([paid(5_000, 3, kind="top")])
        later = await shifts.current("1")
    assert (shift.number, shift.closed) == (1, False)
    assert (shift.sheet.taken_in("CNY").value, shift.sheet.moved_in("CNY").paid) == (900, 900)
    assert (shift.sheet.moved_in("CNY").topped, later.sheet.moved_in("CNY").topped) == (0, 5_000)


async def test_a_printer_belongs_to_the_till_of_its_settings_whatever_its_paper_says(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("1", 900, till="POS-003", device="printer-2")])
        assert (await shifts.current("2")).sheet.taken_in("CNY").total == 900
        assert (await shifts.current("POS-003")).sheet.taken == {}


async def test_closing_begins_the_next_shift_with_nothing(opened: Any, clock: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("1", 900)])
        closed = await shifts.close("1", 1, cashier=" 张敏 ", counted=850)
        clock.wind(1_000)
        await outbox.accept([sold("2", 100)])
        current = await shifts.current("1")
    assert (closed.cashier, closed.counted, closed.sheet.cash("CNY")) == ("张敏", 850, 900)
    assert (current.number, current.sheet.taken_in("CNY").total) == (2, 100)
    assert current.sheet.from_ms == closed.to_ms


async def test_a_double_click_closes_one_shift(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("1", 900)])
        first = await shifts.close("1", 1)
        again = await shifts.close("1", 1, cashier="another")
        with pytest.raises(ShiftRefused, match="gone"):
            await shifts.close("1", 5)
    assert first == again


async def test_numbers_and_sums_go_on_after_a_restart(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("1", 900)])
        await shifts.close("1", 1)
        await outbox.accept([sold("2", 100), paid(30)])
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("3", 10)])
        current = await shifts.current("1")
        first = await shifts.closed("1", 1)
    assert (current.number, current.sheet.taken_in("CNY").total, current.sheet.partial) == (2, 110, False)
    assert current.sheet.moved_in("CNY").paid == 30
    assert isinstance(first, Shift)
    assert first.sheet.taken_in("CNY").total == 900


async def test_rows_that_the_outbox_no_longer_has_make_a_shift_partial(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold(str(n), 1) for n in range(10)])
        await outbox._db.write(lambda sql: sql.execute("DELETE FROM row WHERE number <= 4"))
        assert (await shifts.current("1")).sheet.partial
        await shifts.close("1", 1)
        await outbox.accept([sold("x", 5)])
        following = await shifts.current("1")
    assert (following.sheet.partial, following.sheet.taken_in("CNY").total) == (False, 5)


async def test_a_disk_put_back_in_time_makes_the_open_shift_partial(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("1", 900)])
        await shifts.close("1", 1)
        outbox.confirm(Lane.TILL, 1)
        await outbox.accept([sold("2", 100)])
        await outbox.new_epoch()
        fenced = await shifts.current("1")
    async with opened() as (outbox, shifts):
        restarted = await shifts.current("1")
    for shift in (fenced, restarted):
        assert (shift.number, shift.sheet.partial, shift.sheet.taken_in("CNY").total) == (2, True, 100)


async def test_a_disk_put_back_in_time_makes_each_tills_open_shift_partial(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("1", 900), sold("2", 50, till="2")])
        await shifts.close("1", 1)
        outbox.confirm(Lane.TILL, 2)
        await outbox.new_epoch()
    async with opened() as (outbox, shifts):
        await outbox.accept([sold("3", 70, till="2")])
        assert [(await shifts.current(till)).sheet.partial for till in ("1", "2")] == [True, True]
        closed = await shifts.close("2", 1)
        assert closed.sheet.partial
        assert not (await shifts.current("2")).sheet.partial


async def test_what_a_top_up_was_paid_with_is_in_the_journal(opened: Any) -> None:
    async with opened() as (outbox, shifts):
        await outbox._db.write(
            lambda sql: sql.execute(
                "INSERT INTO journal (till, txn, kind, asked, answer, receipt, cashier, tender, currency,"
                " amount, points, digest, boot, mono_ms, wall_ms, hour, outage)"
                " VALUES ('1', 'x', 'top', x'', x'', '', '', 'card', 'CNY', 5000, 0, x'', '', 0, 0, 0, 0)"
            )
        )
        await outbox.accept([paid(5_000, kind="top")])
        moved = (await shifts.current("1")).sheet.moved_in("CNY")
    assert (moved.topped, moved.elsewhere) == (0, 5_000)
