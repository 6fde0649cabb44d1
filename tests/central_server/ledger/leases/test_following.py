"""A lease is followed along the one chain its store wrote, whatever is heard and however often."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from central_server.keys import Keys
from central_server.ledger.leases.following import Follower, Heard
from central_server.ledger.leases.leases import seals_of
from central_server.ledger.models.leases import CLOSED, FROZEN, OPEN, Lease
from sync.contract.events import LeaseRecord
from tests.central_server.ledger.leases.lease_world import NOW_MS, Shop

KEYS = Keys.fresh()
GRANTED = 1_000

steps = st.lists(st.tuples(st.sampled_from(["spend", "refund", "top"]), st.integers(0, 500)), max_size=8)


def a_lease(shop: Shop) -> Lease:
    return Lease(
        id="LAAAA",
        store=shop.store,
        epoch=shop.epoch,
        purse="P1",
        programme="value",
        unit="CNY",
        granted=GRANTED,
        funded=True,
        escrow=GRANTED,
        lost=0,
        state=OPEN,
        why="",
        recalled=False,
        last_number=0,
        head="",
        ttl_s=900,
        request="q",
        card="",
        member="",
        granted_ms=NOW_MS,
    )


def written(shop: Shop, lease: Lease, life: list[tuple[str, int]], *, close: bool) -> list[LeaseRecord]:
    """What an honest store writes: it never spends more than there is."""
    left = GRANTED
    records = [shop.open(lease.id, lease.purse, GRANTED)]
    for kind, amount in life:
        amount = min(amount, left) if kind == "spend" else amount
        left += -amount if kind == "spend" else amount
        records.append(shop.write(lease.id, kind, amount))
    return [*records, shop.write(lease.id, "close", left)] if close else records


def follower_of(lease: Lease, shop: Shop, known: dict[int, str]) -> Follower:
    return Follower(lease, shop.key, seals_of(lease, shop.key), known, OPEN)


def heard(record: LeaseRecord) -> Heard:
    return Heard(record, NOW_MS, 1, record.number)


@given(steps, st.booleans(), st.data())
def test_in_any_order_with_doubles_in_any_transactions_the_whole_chain_is_applied_once(
    life: list[tuple[str, int]], close: bool, data: st.DataObject
) -> None:
    """I3, I4, I5, I7."""
    shop = Shop(KEYS)
    lease = a_lease(shop)
    records = written(shop, lease, life, close=close)
    doubled = data.draw(
        st.permutations([*records, *data.draw(st.lists(st.sampled_from(records), max_size=6))])
    )
    applied: list[LeaseRecord] = []
    alarms: set[str] = set()
    waiting: dict[int, list[Heard]] = {}
    while doubled:
        some = data.draw(st.integers(1, 5))
        follower = follower_of(lease, shop, {each.number: each.mac for each in applied})
        follower.waiting.update(waiting)
        for record in doubled[:some]:
            follower.hear(heard(record), NOW_MS)
            assert lease.escrow >= 0
        follower.end(NOW_MS)
        waiting = follower.waiting
        applied += [each.heard.record for each in follower.applied]
        alarms |= {each.name for each in follower.alarms}
        assert applied == records[: len(applied)]
        doubled = doubled[some:]
    assert applied == records
    assert not waiting
    assert alarms <= {"gap"}
    assert (lease.state, lease.why) == (CLOSED if close else OPEN, "")
    assert lease.escrow == (0 if close else GRANTED + sum(_moved(each) for each in records))


def _moved(record: LeaseRecord) -> int:
    return {"spend": -record.amount, "refund": record.amount, "top": record.amount}.get(record.kind, 0)


changes: dict[str, Any] = {
    "amount": st.integers(0, 2_000),
    "kind": st.sampled_from(["open", "spend", "refund", "top", "close"]),
    "number": st.integers(1, 12),
    "purse": st.sampled_from(["P1", "P2"]),
    "txn": st.text("ab", max_size=2),
    "epoch": st.sampled_from(["", "e1" * 8, "f" * 16]),
    "mac": st.text("0123456789abcdef", min_size=32, max_size=32),
}


@given(steps, st.data())
def test_whatever_is_forged_among_them_only_what_the_store_wrote_is_applied(
    life: list[tuple[str, int]], data: st.DataObject
) -> None:
    """I4, I8: and what was forged is never silent."""
    shop = Shop(KEYS)
    lease = a_lease(shop)
    records = written(shop, lease, life, close=True)
    forged = []
    for record in data.draw(st.lists(st.sampled_from(records), min_size=1, max_size=4)):
        field = data.draw(st.sampled_from(list(changes)))
        made = msgspec.structs.replace(record, **{field: data.draw(changes[field])})
        if made not in records and (field != "epoch" or made.kind == "open"):  # of others it says nothing
            forged.append(made)
    follower = follower_of(lease, shop, {})
    for record in data.draw(st.permutations([*records, *forged])):
        follower.hear(heard(record), NOW_MS)
        assert lease.escrow >= 0
    follower.end(NOW_MS)
    applied = [each.heard.record for each in follower.applied]
    assert applied == records[: len(applied)]
    assert len(applied) >= len(records) - 1  # all but the close, which waits until somebody has looked
    macs = {each.number: each.mac for each in records}
    if any(macs.get(each.number) != each.mac for each in forged):  # else it passes for a duplicate: harmless
        assert follower.alarms
        assert lease.state in (CLOSED, FROZEN)
    elif not forged:
        assert lease.state == CLOSED


@given(st.integers(1, 2_000), st.integers(0, 3_000))
def test_a_loss_is_covered_by_what_is_released_before_the_customer_is(lost: int, left: int) -> None:
    shop = Shop(KEYS)
    lease = a_lease(shop)
    lease.state, lease.lost = "lost", lost
    records = [shop.open(lease.id, lease.purse, GRANTED)]
    records += [shop.write(lease.id, "top" if left > GRANTED else "spend", abs(left - GRANTED))]
    records += [shop.write(lease.id, "close", left)]
    follower = follower_of(lease, shop, {})
    for record in records:
        follower.hear(heard(record), NOW_MS)
    assert follower.applied[-1].covers_loss == min(lost, left)
    assert (lease.state, lease.lost, lease.escrow) == (CLOSED, lost - min(lost, left), 0)
