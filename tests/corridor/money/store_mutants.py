"""A store's agent with one rule taken out each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from edge_agent import paying
from edge_agent.store import journal, vault
from edge_agent.store import leases as store_leases
from edge_agent.store.anchor import Anchor
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from tests.corridor.money.planting import Planting, many

# ── the store's disk ────────────────────────────────────────────────────────────────────────────────────────


def answered_before_commit() -> Planting:
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


def answered_before_anchor() -> Planting:
    """The anchor is written at the next start alone."""

    async def hold(anchor: Any, mark: Any) -> None:
        if anchor.held is None or anchor.held.epoch != mark.epoch:
            await whole(anchor, mark)

    whole = Anchor.hold
    return patch.object(Anchor, "hold", hold)


def restored_without_fence() -> Planting:
    return patch.object(vault, "put_back", lambda held, mark, *, expected: False)


def no_anchor_no_matter() -> Planting:
    def put_back(held: Any, mark: Any, *, expected: bool) -> bool:
        return held is not None and whole(held, mark, expected=expected)

    whole = vault.put_back
    return patch.object(vault, "put_back", put_back)


def doubtful_given_back() -> Planting:
    """Leases of a disk that was put back are closed instead of doubted."""

    def overdue(self: Any, **more: Any) -> Any:
        stand = self._stand
        rows = self._sql.execute(store_leases._SELECT + "state = 'open'").fetchall()
        found = [store_leases.Lease(*row) for row in rows]
        return [each for each in found if each.boot != stand.boot or each.until_ms <= stand.mono_ms]

    def close(self: Any, lease: str) -> Any:
        row = self._known(lease)
        return self._append(row, "close", row.left, store_leases.Slip())

    return many(
        patch.object(vault, "doubt_all", lambda sql: 0),
        patch.object(store_leases.Leases, "overdue", overdue),
        patch.object(store_leases.Leases, "close", close),
    )


# ── the store's leases ──────────────────────────────────────────────────────────────────────────────────────


def spend_after_release() -> Planting:
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


def grant_reopens() -> Planting:
    """Words that come again are taken again, and a grant among them makes the lease anew."""

    async def apply(self: Any, words: Any) -> bool:
        self._feeds[words.feed] = min(self._feeds[words.feed], words.after)
        return bool(await whole_apply(self, words))

    def take(self: Any, told: Any, **more: Any) -> Any:
        if not told.recalled:
            self._sql.execute("DELETE FROM lease WHERE lease = ? AND state = 'closed'", (told.lease,))
        return whole(self, told, **more)

    whole, whole_apply = store_leases.Leases.take, Replica.apply
    return many(patch.object(store_leases.Leases, "take", take), patch.object(Replica, "apply", apply))


def overspend() -> Planting:
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
    return many(patch.object(paying, "shared", shared), patch.object(store_leases.Leases, "spend", spend))


def expired_is_usable() -> Planting:
    """A lease is spent from when its time is over."""
    return patch.object(
        store_leases.Leases,
        "is_usable",
        lambda self, lease: (
            lease.state == "open" and lease.epoch == self._stand.epoch and lease.boot == self._stand.boot
        ),
    )


def another_boots_lease() -> Planting:
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


def counted_from_arrival() -> Planting:
    """A lease's time counts from when it came, not from before it was asked for."""

    def take(self: Any, told: Any, *, asked_ms: int | None, digest: bytes = b"") -> Any:
        return whole(self, told, asked_ms=self._stand.mono_ms, digest=digest)

    whole = store_leases.Leases.take
    return patch.object(store_leases.Leases, "take", take)


def close_unsaid() -> Planting:
    """What is given back stands on the disk and is not said."""

    def append(self: Any, row: Any, kind: str, *more: Any, **most: Any) -> Any:
        done = whole(self, row, kind, *more, **most)
        if kind == "close":
            self.records.pop()
        return done

    whole = store_leases.Leases._append
    return patch.object(store_leases.Leases, "_append", append)


# ── the till's questions ────────────────────────────────────────────────────────────────────────────────────


def paid_again() -> Planting:
    """A question that comes again is a new one."""

    def find(self: Any, till: str, txn: str) -> Any:
        self._sql.execute("UPDATE journal SET txn = txn || '.' WHERE till = ? AND txn = ?", (till, txn))

    return patch.object(journal.Journal, "find", find)


def refunds_uncounted() -> Planting:
    """What was given back of a payment can be given back again."""
    return patch.object(journal.Journal, "give_back", lambda self, *more, **most: None)
