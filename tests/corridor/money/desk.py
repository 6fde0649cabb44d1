"""What people at head office do in a walk: money is paid in and handed out, recalled and declared lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from central_server.errors import CentreError
from central_server.ledger.books import holds
from central_server.ledger.books.accounts import AccountName
from central_server.ledger.leases.doubt import declare_loss, fence, resolve, set_stopped
from central_server.ledger.leases.leases import recall
from central_server.ledger.purses.lots import Take, settle_lots
from central_server.ledger.purses.purses import tell_purses
from tests.corridor.centre_box import KEYS
from tests.corridor.money.new_chain import CURRENCY, LEASES, POINTS, load
from tests.corridor.money.tills import new_txn

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from tests.corridor.money.walk import Walk

HOUR_MS = 3_600_000


async def pay_in(walk: Walk) -> str:
    """Money is paid in at head office, or points are earned; asked twice, as people do."""
    customer = walk.chance.choice(walk.people)
    unit, amount = walk.chance.choice((CURRENCY, POINTS)), walk.chance.choice((5, 20))
    request, purse, now_ms = new_txn(walk), customer.purses[unit], walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> bool:
        await load(session, purse, unit, amount, request, now_ms)
        return True

    walk.truth.loaded[purse] += amount  # it is taken first, and given back when the transaction fails
    done = await walk.office.survive(lambda: walk.office.do(work))
    if done is None:  # nobody knows: it is asked again
        done = await walk.office.survive(lambda: walk.office.do(work))
    assert done
    return f"{amount} {unit} on {purse}"


async def hand_out(walk: Walk) -> str:
    """Head office sells something: set aside, and then taken in part, or whole, or given back."""
    customer = walk.chance.choice(walk.people)
    unit, amount = walk.chance.choice((CURRENCY, POINTS)), walk.chance.choice((5, 20, 60))
    purse, id_, now_ms = customer.purses[unit], walk.chance.randbytes(16), walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> bool:
        try:
            await holds.hold(
                session,
                id_,
                purse=purse,
                unit=unit,
                amount=amount,
                about="walk",
                at_ms=now_ms,
                expires_ms=now_ms + HOUR_MS,
            )
        except CentreError:
            return False
        return True

    held = await walk.office.survive(lambda: walk.office.do(work))
    if held is None:
        held = await walk.office.survive(lambda: walk.office.do(work))
    if held:
        walk.holds[id_] = purse, unit, amount
    return f"{amount} {unit} of {purse}: {held}"


async def end_hold(walk: Walk) -> str:
    if not walk.holds:
        return ""
    id_ = walk.chance.choice(list(walk.holds))
    purse, unit, held = walk.holds.pop(id_)
    amount = walk.chance.choice((0, 1, held))
    now_ms = walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> bool:
        try:
            if not amount:
                await holds.void(session, id_, at_ms=now_ms)
                return False
            to = AccountName("captured", "centre", unit)
            taken = await holds.capture(session, id_, amount, to=to, about="walk", at_ms=now_ms)
        except CentreError:  # it has expired
            return False
        await settle_lots(session, [Take(taken, purse, amount)], now_ms=now_ms)
        await tell_purses(session, [purse], at_ms=now_ms)
        return True

    done = await walk.office.survive(lambda: walk.office.do(work))
    if done is None:
        done = await walk.office.survive(lambda: walk.office.do(work))
    if done:
        walk.truth.handed_out[purse] += amount
    return f"{amount} of {held} {unit} of {purse}: {done}"


async def expire_holds(walk: Walk) -> str:
    now_ms = walk.office.clock.wall_ms()
    done = await walk.office.survive(lambda: holds.expire(walk.office.store.database, now_ms))
    return f"{done}"


async def want_back(walk: Walk) -> str:
    """A lease, or all of a purse, is recalled."""
    leases = await walk.office.store.rows("SELECT id, purse FROM lease WHERE state = 'open' ORDER BY id")
    if not leases:
        return ""
    which = walk.chance.choice(walk.chance.choice(leases))
    now_ms = walk.office.clock.wall_ms()
    done = await walk.office.survive(
        lambda: walk.office.do(lambda session: recall(session, which, keys=KEYS, now_ms=now_ms))
    )
    return f"{which}: {done}"


async def say_lost(walk: Walk) -> str:
    """Two people declare (part of) a lease lost, or try to: too early, alone, too much."""
    leases = await walk.office.store.rows(
        "SELECT id, escrow, lost, state FROM lease WHERE state <> 'closed' ORDER BY id"
    )
    if not leases:
        return ""
    doubtful = [each for each in leases if each[3] != "open"]
    lease, escrow, lost, _ = walk.chance.choice(
        doubtful if doubtful and walk.chance.random() < 0.8 else leases
    )
    amount = max(1, walk.chance.choice((escrow - lost, escrow, (escrow - lost) // 2)))
    people = walk.chance.choice((("ann", "bo"), ("ann", "bo"), ("ann", "bo"), ("ann", "ann"), ("ann", " ")))
    if walk.chance.random() < 0.7:
        walk.office.clock.pass_ms((LEASES.grace_hours + 1) * HOUR_MS)
    request, now_ms = new_txn(walk), walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> str:
        try:
            await declare_loss(
                session,
                lease,
                amount=amount,
                approvers=people,
                request=request,
                settings=LEASES,
                keys=KEYS,
                now_ms=now_ms,
            )
        except CentreError as error:
            return f"refused: {error}"
        return "declared"

    done = await walk.office.survive(lambda: walk.office.do(work))
    if done is None:
        done = await walk.office.survive(lambda: walk.office.do(work))
    return f"{amount} of {lease} by {people}: {done}"


async def give_up_store(walk: Walk) -> str:
    """Head office says that a store's box is gone; it may speak all the same."""
    box, now_ms = walk.chance.choice(walk.boxes), walk.office.clock.wall_ms()
    await walk.office.survive(lambda: walk.office.do(lambda session: fence(session, box.name, now_ms)))
    return box.name


async def stop_store(walk: Walk) -> str:
    box, stopped = walk.chance.choice(walk.boxes), walk.chance.random() < 0.4
    await walk.office.survive(lambda: walk.office.do(lambda session: set_stopped(session, box.name, stopped)))
    return f"{box.name} {stopped}"


async def look_into(walk: Walk) -> str:
    """Two people take a lease out of its freeze."""
    leases = await walk.office.store.rows("SELECT id FROM lease WHERE why <> '' ORDER BY id")
    if not leases:
        return ""
    lease, now_ms = walk.chance.choice(leases)[0], walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> None:
        await resolve(session, lease, approvers=("ann", "bo"), keys=KEYS, now_ms=now_ms)

    await walk.office.survive(lambda: walk.office.do(work))
    return lease
