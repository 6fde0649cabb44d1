"""The money's programs with one rule taken out each. Walks that do not notice prove nothing.

with planted("gap_accepted"):
    …
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

import sqlalchemy as sa

from central_server.ledger import (
    asking,
    deciding,
    doubt,
    epochs,
    following,
    leases,
    limits,
    posting,
    records,
    settling,
    unheard,
)
from central_server.ledger.accounts import accounts_of, available, escrow
from central_server.ledger.models.leases import CLOSED, OPEN, Lease, LeaseLoss, LeasingStore
from central_server.uplink import apply as applying
from central_server.uplink import parts
from edge_agent import paying
from edge_agent.store import journal, vault
from edge_agent.store import leases as store_leases
from edge_agent.store.anchor import Anchor
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from sync.contract.message import Batch
from tests.corridor.money import desk

Planting = contextlib.AbstractContextManager[Any]


class Mutant(NamedTuple):
    """What is taken out, and how."""

    what: str
    plant: Callable[[], Planting]


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


def _reclaims_at_expiry() -> Planting:
    async def grant(session: Any, *, now_ms: int, **more: Any) -> Any:
        await _take_back(session, Lease.granted_ms + Lease.ttl_s * 1000 < now_ms, now_ms)
        return await whole(session, now_ms=now_ms, **more)

    whole = leases.grant
    return patch.object(asking, "grant", grant)


def _recall_assumed_done() -> Planting:
    async def grant(session: Any, *, now_ms: int, **more: Any) -> Any:
        await _take_back(session, Lease.recalled.is_(True), now_ms)
        return await whole(session, now_ms=now_ms, **more)

    whole = leases.grant
    return patch.object(asking, "grant", grant)


def _fence_releases() -> Planting:
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
    return _many(patch.object(asking, "new_epoch", new_epoch), patch.object(records, "new_epoch", new_epoch))


# ── the store's disk ────────────────────────────────────────────────────────────────────────────────────────


def _answered_before_commit() -> Planting:
    """The till is told while the transaction waits for the next one to take it along to the disk."""

    async def together(outbox: Any, work: Any, then: Any) -> Any:
        class Undo(Exception):
            result: Any

        def tried(sql: Any) -> Any:
            undo = Undo()
            undo.result = work(sql)[1]
            raise undo

        for each in outbox.__dict__.pop("later", ()):
            await whole(outbox, *each)
        try:
            await outbox._db.write(tried)
        except Undo as undo:
            outbox.later = [(work, then)]
            return undo.result

    whole = Outbox.together
    return patch.object(Outbox, "together", together)


def _answered_before_anchor() -> Planting:
    """The anchor is written at the next start alone."""

    async def hold(anchor: Any, mark: Any) -> None:
        if anchor.held is None or anchor.held.epoch != mark.epoch:
            await whole(anchor, mark)

    whole = Anchor.hold
    return patch.object(Anchor, "hold", hold)


def _restored_without_fence() -> Planting:
    return patch.object(vault, "put_back", lambda held, mark, *, expected: False)


def _no_anchor_no_matter() -> Planting:
    def put_back(held: Any, mark: Any, *, expected: bool) -> bool:
        return held is not None and whole(held, mark, expected=expected)

    whole = vault.put_back
    return patch.object(vault, "put_back", put_back)


def _fenced_in_old_epoch() -> Planting:
    """A disk that was put back begins no new epoch: its leases are in doubt, and it goes on."""
    return _many(
        patch.object(Outbox, "distrust", lambda outbox: None),
        patch.object(vault.Vault, "fenced", property(lambda self: False)),
        patch.object(vault, "doubt_all", lambda sql, epoch=None: 0),
    )


def _doubtful_given_back() -> Planting:
    """Leases of a disk that was put back are closed instead of doubted."""

    def overdue(self: Any, **more: Any) -> Any:
        stand = self._stand
        rows = self._sql.execute(store_leases._SELECT + "state = 'open'").fetchall()
        found = [store_leases.Lease(*row) for row in rows]
        return [each for each in found if each.boot != stand.boot or each.until_ms <= stand.mono_ms]

    def close(self: Any, lease: str) -> Any:
        row = self._known(lease)
        return self._append(row, "close", row.left, store_leases.Slip())

    return _many(
        patch.object(vault, "doubt_all", lambda sql: 0),
        patch.object(store_leases.Leases, "overdue", overdue),
        patch.object(store_leases.Leases, "close", close),
    )


# ── the store's leases ──────────────────────────────────────────────────────────────────────────────────────


def _spend_after_release() -> Planting:
    """A lease that was given back is still there to be spent."""

    def close(self: Any, lease: str) -> Any:
        before = self._known(lease)
        row = whole(self, lease)
        self._sql.execute(
            "UPDATE lease SET state = 'open', released = ? WHERE lease = ?", (before.released, row.lease)
        )
        return self._known(lease)

    whole = store_leases.Leases.close
    return patch.object(store_leases.Leases, "close", close)


def _grant_reopens() -> Planting:
    """Words that come again are taken again, and a grant among them makes the lease anew."""

    async def apply(self: Any, words: Any) -> bool:
        self._feeds[words.feed] = min(self._feeds[words.feed], words.after)
        return bool(await whole_apply(self, words))

    def take(self: Any, told: Any, **more: Any) -> Any:
        if not told.recalled:
            self._sql.execute("DELETE FROM lease WHERE lease = ? AND state = 'closed'", (told.lease,))
        return whole(self, told, **more)

    whole, whole_apply = store_leases.Leases.take, Replica.apply
    return _many(patch.object(store_leases.Leases, "take", take), patch.object(Replica, "apply", apply))


def _overspend() -> Planting:
    """A lease gives what is asked, whatever is left in it."""

    def shared(found: Sequence[Any], limit: int, currency: str, *rest: Any, **more: Any) -> Any:
        for lease in found:
            if lease.unit == currency and lease.left > 0:
                return [paying.Share(lease, min(limit, lease.left + 1), min(limit, lease.left + 1))]
        return []

    def spend(self: Any, lease: str, amount: int, slip: Any) -> Any:
        row = self._known(lease)
        if amount > row.left:
            self._sql.execute(
                "UPDATE lease SET granted = granted + ? WHERE lease = ?", (amount - row.left, lease)
            )
        return whole(self, lease, amount, slip)

    whole = store_leases.Leases.spend
    return _many(patch.object(paying, "shared", shared), patch.object(store_leases.Leases, "spend", spend))


def _expired_is_usable() -> Planting:
    """A lease is spent from when its time is over."""
    return patch.object(
        store_leases.Leases,
        "is_usable",
        lambda self, lease: (
            lease.state == "open" and lease.epoch == self._stand.epoch and lease.boot == self._stand.boot
        ),
    )


def _another_boots_lease() -> Planting:
    """A lease is spent from after the box was off, when no clock says how old it is."""
    return patch.object(
        store_leases.Leases,
        "is_usable",
        lambda self, lease: (
            lease.state == "open"
            and lease.epoch == self._stand.epoch
            and self._stand.mono_ms < lease.until_ms
        ),
    )


def _counted_from_arrival() -> Planting:
    """A lease's time counts from when it came, not from before it was asked for."""

    def take(self: Any, told: Any, *, asked_ms: int | None, digest: bytes = b"") -> Any:
        return whole(self, told, asked_ms=self._stand.mono_ms, digest=digest)

    whole = store_leases.Leases.take
    return patch.object(store_leases.Leases, "take", take)


def _refused_records_lost() -> Planting:
    """What is given back stands on the disk and is not said."""

    def append(self: Any, row: Any, kind: str, *more: Any, **most: Any) -> Any:
        done = whole(self, row, kind, *more, **most)
        if kind == "close":
            self.records.pop()
        return done

    whole = store_leases.Leases._append
    return patch.object(store_leases.Leases, "_append", append)


# ── the till's questions ────────────────────────────────────────────────────────────────────────────────────


def _paid_again() -> Planting:
    """A question that comes again is a new one."""

    def find(self: Any, till: str, txn: str) -> Any:
        self._sql.execute("UPDATE journal SET txn = txn || '.' WHERE till = ? AND txn = ?", (till, txn))

    return patch.object(journal.Journal, "find", find)


def _refunds_uncounted() -> Planting:
    """What was given back of a payment can be given back again."""
    return patch.object(journal.Journal, "give_back", lambda self, *more, **most: None)


# ── the way up ──────────────────────────────────────────────────────────────────────────────────────────────


def _no_deduplication() -> Planting:
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
    return _many(patch.object(applying, "_take", take), patch.object(following.Follower, "hear", hear))


def _gap_accepted() -> Planting:
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
    return _many(patch.object(applying, "new_part", new_part), patch.object(following.Follower, "hear", hear))


def _lane_gap_accepted() -> Planting:
    """The inbox takes a batch although those before it are missing."""

    def new_part(batch: Batch, mark: int) -> Any:
        return whole(batch, max(mark, batch.first - 1))

    whole = parts.new_part
    return patch.object(applying, "new_part", new_part)


def _mac_unchecked() -> Planting:
    """Whoever can publish as a store can write its records."""
    return _many(
        patch.object(following, "same", lambda one, other: True),
        patch.object(following.Follower, "_follows", lambda self, record: True),
        patch.object(unheard, "same", lambda one, other: True),
    )


# ── head office ─────────────────────────────────────────────────────────────────────────────────────────────


def _granted_to_old_epoch() -> Planting:
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


def _doubt_forgotten() -> Planting:
    """A store's new disk changes nothing about what the old one holds."""

    async def into_doubt(session: Any, store: str, current: str, now_ms: int) -> int:
        return 0

    return patch.object(epochs, "_into_doubt", into_doubt)


def _caps_ignored() -> Planting:
    whole = limits.caps_of
    return patch.object(
        limits, "caps_of", lambda settings, unit: limits.Caps(whole(settings, unit).default, 10**9, 10**9)
    )


def _granted_twice() -> Planting:
    """A store is given what other stores hold, as if it had come back already."""

    async def grant(session: Any, *, now_ms: int, ask: Any, store: str, **more: Any) -> Any:
        await _take_back(session, Lease.store != store, now_ms)
        return await whole(session, now_ms=now_ms, ask=ask, store=store, **more)

    whole = leases.grant
    return patch.object(asking, "grant", grant)


def _overdrawn() -> Planting:
    """An account that must not fall below 0 may."""

    def decide(transfers: Any, accounts: Any, *more: Any, **most: Any) -> Any:
        loose = {number: standing._replace(guarded=0) for number, standing in accounts.items()}
        return whole(transfers, loose, *more, **most)

    whole = deciding.decide
    return patch.object(posting, "decide", decide)


def _lots_forgotten() -> Planting:
    """A payment takes from the accounts, and from no lot."""
    whole = settling._lots
    return patch.object(
        settling,
        "_lots",
        lambda each, kinds: None if each.heard.record.kind == "spend" else whole(each, kinds),
    )


def _loss_at_once() -> Planting:
    return patch.object(doubt, "HOUR_MS", 0)


def _loss_by_one() -> Planting:
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


def _loss_twice() -> Planting:
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


def _loss_never_covered() -> Planting:
    """What comes back of a lease that was declared lost goes to the customer, who has it already."""

    def apply(self: Any, heard: Any, now_ms: int) -> None:
        lost, self.lease.lost = self.lease.lost, 0
        whole(self, heard, now_ms)
        self.lease.lost = lost

    whole = following.Follower._apply
    return patch.object(following.Follower, "_apply", apply)


def _many(*plantings: Planting) -> Planting:
    @contextlib.contextmanager
    def all_of_them() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for each in plantings:
                stack.enter_context(each)
            yield

    return all_of_them()


MUTANTS: dict[str, Mutant] = {
    # those of DESIGN section 5
    "reclaims_at_expiry": Mutant("the centre reclaims at expiry", _reclaims_at_expiry),
    "recall_assumed_done": Mutant("a recall is assumed done", _recall_assumed_done),
    "answered_before_commit": Mutant("no fsync before the answer", _answered_before_commit),
    "restored_without_fence": Mutant("a snapshot is restored without fencing", _restored_without_fence),
    "no_deduplication": Mutant("no de-duplication of records", _no_deduplication),
    "spend_after_release": Mutant("spend after release", _spend_after_release),
    "grant_reopens": Mutant("a late duplicate grant re-opens", _grant_reopens),
    "gap_accepted": Mutant("a gap is accepted", _gap_accepted),
    # more of the store's
    "answered_before_anchor": Mutant("the anchor is not written before the answer", _answered_before_anchor),
    "no_anchor_no_matter": Mutant("leases without an anchor are believed", _no_anchor_no_matter),
    "doubtful_given_back": Mutant("a disk put back gives its leases back", _doubtful_given_back),
    "overspend": Mutant("a lease gives one more than it has", _overspend),
    "expired_is_usable": Mutant("a lease is used past its time", _expired_is_usable),
    "another_boots_lease": Mutant("a lease is used after a reboot", _another_boots_lease),
    "counted_from_arrival": Mutant("a lease's time counts from its arrival", _counted_from_arrival),
    "close_unsaid": Mutant("a close makes no event", _refused_records_lost),
    "paid_again": Mutant("a repeated question is a new one", _paid_again),
    "refunds_uncounted": Mutant("a refund can be had twice", _refunds_uncounted),
    # more of the centre's
    "lane_gap_accepted": Mutant("the inbox accepts a gap", _lane_gap_accepted),
    "mac_unchecked": Mutant("macs are not checked", _mac_unchecked),
    "fence_releases": Mutant("a new epoch releases what the old one held", _fence_releases),
    "granted_to_old_epoch": Mutant("an old epoch is granted leases", _granted_to_old_epoch),
    "doubt_forgotten": Mutant("leases of an old epoch stay open", _doubt_forgotten),
    "caps_ignored": Mutant("the caps are ignored", _caps_ignored),
    "granted_twice": Mutant("what other stores hold is granted again", _granted_twice),
    "overdrawn": Mutant("a guarded account may fall below 0", _overdrawn),
    "lots_forgotten": Mutant("a payment takes from no lot", _lots_forgotten),
    "loss_at_once": Mutant("a loss needs no grace", _loss_at_once),
    "loss_by_one": Mutant("a loss needs one person", _loss_by_one),
    "loss_twice": Mutant("a loss can be declared twice", _loss_twice),
    "loss_never_covered": Mutant("a close covers no loss", _loss_never_covered),
}


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """The programs with that rule taken out; empty: whole. Raises KeyError."""
    if not name:
        yield
        return
    with MUTANTS[name].plant():
        yield
