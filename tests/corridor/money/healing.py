"""The end of a walk: lines, boxes and clocks are well again, and what everybody waits for must come (I7).

Then the centre has every record that any store wrote, but those that went with a disk and of which no till's
journal is brought; what it captured is what was handed out, and every lease of a disk that lives is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sync.contract.events import LeaseRecord
from tests.corridor.money.books import Books, LeaseRow
from tests.corridor.money.new_chain import LEASES
from tests.corridor.money.truth import OPEN, TOLD, Violation, left

if TYPE_CHECKING:
    from tests.corridor.money.walk import Walk

ROUNDS = 4  # of time passing, so that what is unused goes back


async def heal(walk: Walk) -> None:
    """Raises Violation."""
    await _mend(walk)
    await _ask_what_is_open(walk)
    for number in range(ROUNDS):
        for box in walk.boxes if not number else ():  # a night: what no clock can be asked about goes back
            await box.crash()
            box.reboot()
            await box.start()
        for clock in (walk.office.clock, *(box.clock for box in walk.boxes)):
            clock.pass_ms(LEASES.ttl_s * 1000)
        for box in walk.boxes:
            await box.tick()
        await walk.chatter()
        await walk.look()
    journals = walk.chance.random() < 0.6
    if journals:
        await _bring_journals(walk)
    await _check(walk, journals)


async def _mend(walk: Walk) -> None:
    walk.wires.clear()
    walk.office.power.arm(0)
    walk.office.busy.clear()
    walk.office.clock.wild = False
    for box in walk.boxes:
        box.power.arm(0)
        box.clock.wild = False
        walk.line_up[box.name] = True
        if not box.on:
            box.reboot()
            await box.start()
        box.hang_up()
    await walk.chatter()
    await walk.look()


async def _ask_what_is_open(walk: Walk) -> None:
    """Every till that has no answer asks again, or takes back what it asked."""
    for deal in list(walk.truth.deals):
        if deal.state == OPEN:
            box = next(box for box in walk.boxes if box.name == deal.store)
            answer = await box.ask(deal.question, walk, again=deal)
            walk.say(f"at last: {deal.question} → {answer}")
            if deal.state != TOLD:
                raise Violation("I7", f"{deal.question} has no answer")
    await walk.chatter()
    await walk.look()


async def _bring_journals(walk: Walk) -> None:
    """What went with a disk stands on paper: somebody brings it, and it goes the way of every record."""
    leases = (await Books.read(walk.office.store.rows)).leases
    for box in walk.boxes:
        missing = [
            record
            for lease, log in sorted(walk.truth.log.items())
            if walk.truth.written_by[lease] == box.name and log[0].epoch != box.epoch
            for record in log[leases[lease].last_number if lease in leases else 0 :]
        ]
        missing.sort(key=lambda record: walk.truth.turn[record.lease, record.number])
        if missing:
            walk.say(f"{box.name} brings journals: {len(missing)}")
            await box.record(missing)
    await walk.chatter()
    await walk.look()


async def _check(walk: Walk, journals: bool) -> None:
    rows = walk.office.store.rows
    if aside := await rows("SELECT type, why FROM aside"):
        raise Violation("I7", f"set aside: {aside[0]}")
    books = await Books.read(rows)
    current = {box.name: box.epoch for box in walk.boxes}
    for lease, log in walk.truth.log.items():
        row = books.leases.get(lease)
        of_now = log[0].epoch == current[walk.truth.written_by[lease]]
        if journals or of_now:
            _settled(lease, row, log)
        if of_now and log[-1].kind != "close":
            raise Violation("I7", f"{lease} was never given back: {row}")
    for row in books.leases.values():
        # Of one declared lost the word is taken back: if the store never heard it, people settle the rest.
        if row.id not in walk.truth.log and row.epoch == current[row.store] and row.state != "lost":
            raise Violation("I7", f"{row} was never given back, and the store wrote nothing of it")
    forged = {lease for _, lease in walk.truth.forged}
    waiting = [
        each for each in await rows("SELECT lease, number FROM lease_waiting") if each[0] not in forged
    ]
    if journals and waiting:
        raise Violation("I7", f"records wait for ever: {waiting}")


def _settled(lease: str, row: LeaseRow | None, log: Sequence[LeaseRecord]) -> None:
    """I7: the centre has all of it, and holds what the store still does."""
    if row is None or row.last_number != len(log):
        raise Violation("I7", f"{lease} has {len(log)} records, and the centre has {row}")
    if row.escrow != left(list(log)) or (row.state == "closed") != (log[-1].kind == "close"):
        raise Violation("I7", f"{row} at the centre; the store wrote {log[-1]}")
