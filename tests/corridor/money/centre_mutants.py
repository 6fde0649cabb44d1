"""The centre with one rule taken out each."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from central_server.ledger.books import deciding, posting
from central_server.ledger.books.accounts import accounts_of, available, escrow
from central_server.ledger.leases import (
    asking,
    doubt,
    epochs,
    following,
    leases,
    limits,
    records,
    settling,
    unheard,
)
from central_server.ledger.models.leases import CLOSED, OPEN, Lease, LeaseLoss, LeasingStore
from central_server.uplink import apply as applying
from central_server.uplink import parts
from sync.contract.message import Batch
from tests.corridor.money import desk
from tests.corridor.money.planting import Planting, many

# ── the centre takes back what a store may still spend ──────────────────────────────────────────────────────


async def _take_back(session: Any, which: Any, now_ms: int) -> None:
    """What these leases hold becomes available again, without a word of their stores."""
    for lease in (
        await session.scalars(sa.select(Lease).where(Lease.state == OPEN, Lease.escrow > 0, which))
    ).all():
        names = escrow(lease.id, lease.unit), available(lease.purse, lease.unit)
        ids = await accounts_of(session, names)
        id_ = posting.posting_id("reclaimed", lease.id)
        transfer = posting.NewTransfer(
            id_, ids[names[0]], ids[names[1]], lease.unit, lease.escrow, "close", lease.id, now_ms
        )
        await posting.post(session, [transfer])
        lease.escrow, lease.state = 0, CLOSED
    await session.flush()


def reclaims_at_expiry() -> Planting:
    async def grant(session: Any, *, now_ms: int, **more: Any) -> Any:
        await _take_back(session, Lease.granted_ms + Lease.ttl_s * 1000 < now_ms, now_ms)
        return await whole(session, now_ms=now_ms, **more)

    whole = leases.grant
    return patch.object(asking, "grant", grant)


def recall_assumed_done() -> Planting:
    async def grant(session: Any, *, now_ms: int, **more: Any) -> Any:
        await _take_back(session, Lease.recalled.is_(True), now_ms)
        return await whole(session, now_ms=now_ms, **more)

    whole = leases.grant
    return patch.object(asking, "grant", grant)


def fence_releases() -> Planting:
    """A store's new disk gives back what the old one held."""

    async def new_epoch(session: Any, store: str, epoch: str, now_ms: int) -> int:
        done = await whole(session, store, epoch, now_ms)
        if done:
            await session.execute(
                sa.update(Lease)
                .where(Lease.store == store, Lease.state == "doubt", Lease.last_number == 0)
                .values(state=OPEN)
            )
            await _take_back(session, sa.and_(Lease.store == store, Lease.epoch != epoch), now_ms)
        return done

    whole = epochs.new_epoch
    return many(patch.object(asking, "new_epoch", new_epoch), patch.object(records, "new_epoch", new_epoch))


# ── the way up ──────────────────────────────────────────────────────────────────────────────────────────────


def no_deduplication() -> Planting:
    """A batch that comes again is taken again, and a record that comes again counts again."""

    def take(row: Any, each: Any, kept: list[Any]) -> str:
        if row is None or each.batch.first > row.mark + 1:
            return str(whole_take(row, each, kept))
        part = parts._walked(each.batch, each.batch.first - 1)
        if part.last > row.mark:
            kept.append((row.id, row.mark + 1, part.last, each.received_ms, each.payload))
        row.parts.append(part)
        row.mark = max(row.mark, part.last)
        return "applied"

    def hear(self: Any, heard: Any, now_ms: int) -> None:
        record = heard.record
        if record.number <= self.lease.last_number and record.kind in ("spend", "top", "refund"):
            sign = -1 if record.kind == "spend" else 1
            self.lease.escrow = max(0, self.lease.escrow + sign * record.amount)
        whole(self, heard, now_ms)

    whole, whole_take = following.Follower.hear, applying._take
    return many(patch.object(applying, "_take", take), patch.object(following.Follower, "hear", hear))


def gap_accepted() -> Planting:
    """Whatever comes is taken to follow what was there, in the lane and in the lease."""

    def new_part(batch: Batch, mark: int) -> Any:
        return whole_part(batch, max(mark, batch.first - 1))

    def hear(self: Any, heard: Any, now_ms: int) -> None:
        if heard.record.number > self.lease.last_number + 1 and self.lease.state != CLOSED:
            self.lease.escrow = max(self.lease.escrow, heard.record.amount)
            self._apply(heard, now_ms)
            return
        whole(self, heard, now_ms)

    whole_part, whole = parts.new_part, following.Follower.hear
    return many(patch.object(applying, "new_part", new_part), patch.object(following.Follower, "hear", hear))


def lane_gap_accepted() -> Planting:
    """The inbox takes a batch although those before it are missing."""

    def new_part(batch: Batch, mark: int) -> Any:
        return whole(batch, max(mark, batch.first - 1))

    whole = parts.new_part
    return patch.object(applying, "new_part", new_part)


def mac_unchecked() -> Planting:
    """Whoever can publish as a store can write its records."""
    return many(
        patch.object(following, "same", lambda one, other: True),
        patch.object(following.Follower, "_follows", lambda self, record: True),
        patch.object(unheard, "same", lambda one, other: True),
    )


# ── head office ─────────────────────────────────────────────────────────────────────────────────────────────


def granted_to_old_epoch() -> Planting:
    """An ask that was kept back from a former life of the store's disk is answered with a lease."""

    async def grant(session: Any, *, store: str, ask: Any, **more: Any) -> Any:
        shop = await epochs.of_store(session, store)
        current = shop.epoch
        if not current:
            return await whole(session, store=store, ask=ask, **more)
        shop.epoch = ask.epoch
        await session.flush()
        answer = await whole(session, store=store, ask=ask, **more)
        await session.execute(
            sa.update(LeasingStore).where(LeasingStore.store == store).values(epoch=current)
        )
        return answer

    whole = leases.grant
    return patch.object(asking, "grant", grant)


def doubt_forgotten() -> Planting:
    """A store's new disk changes nothing about what the old one holds."""

    async def into_doubt(session: Any, store: str, current: str, now_ms: int) -> int:
        return 0

    return patch.object(epochs, "_into_doubt", into_doubt)


def caps_ignored() -> Planting:
    whole = limits.caps_of
    return patch.object(
        limits, "caps_of", lambda settings, unit: limits.Caps(whole(settings, unit).default, 10**9, 10**9)
    )


def granted_twice() -> Planting:
    """A store is given what other stores hold, as if it had come back already."""

    async def grant(session: Any, *, now_ms: int, ask: Any, store: str, **more: Any) -> Any:
        await _take_back(session, Lease.store != store, now_ms)
        return await whole(session, now_ms=now_ms, ask=ask, store=store, **more)

    whole = leases.grant
    return patch.object(asking, "grant", grant)


def overdrawn() -> Planting:
    """An account that must not fall below 0 may."""

    def decide(transfers: Any, accounts: Any, *more: Any, **most: Any) -> Any:
        loose = {n: (n, unit, balance, 0, seq) for n, (_, unit, balance, _, seq) in accounts.items()}
        return whole(transfers, loose, *more, **most)

    whole = deciding.decide
    return patch.object(posting, "decide", decide)


def lots_forgotten() -> Planting:
    """A payment takes from the accounts, and from no lot."""
    whole = settling._lots
    return patch.object(
        settling,
        "_lots",
        lambda each, kinds: None if each.heard.record.kind == "spend" else whole(each, kinds),
    )


def loss_at_once() -> Planting:
    return patch.object(desk, "LEASES", desk.LEASES.model_copy(update={"grace_hours": 0}))


def loss_by_one() -> Planting:
    """One person alone declares a loss."""

    async def declare(session: Any, lease: str, *, approvers: tuple[str, str], **more: Any) -> Any:
        loss = await whole(session, lease, approvers=("one", "two"), **more)
        await session.execute(
            sa.update(LeaseLoss)
            .where(LeaseLoss.lease == loss.lease, LeaseLoss.request == loss.request)
            .values(first_by=approvers[0], second_by=approvers[1])
        )
        return loss

    whole = doubt.declare_loss
    return patch.object(desk, "declare_loss", declare)


def loss_twice() -> Planting:
    """What was declared lost can be declared lost again."""

    async def declare(session: Any, lease: str, **more: Any) -> Any:
        row = await session.get(Lease, lease)
        lost = row.lost
        row.lost = 0
        await session.flush()
        loss = await whole(session, lease, **more)
        row.lost += lost
        await session.flush()
        return loss

    whole = doubt.declare_loss
    return patch.object(desk, "declare_loss", declare)


def loss_never_covered() -> Planting:
    """What comes back of a lease that was declared lost goes to the customer, who has it already."""

    def apply(self: Any, heard: Any, now_ms: int) -> None:
        lost, self.lease.lost = self.lease.lost, 0
        whole(self, heard, now_ms)
        self.lease.lost = lost

    whole = following.Follower._apply
    return patch.object(following.Follower, "_apply", apply)
