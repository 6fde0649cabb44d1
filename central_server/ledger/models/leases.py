"""The tables of leases: what is entrusted to stores, what they wrote down about it, and what is doubtful.

lease          what a store holds of a purse; `escrow` says what is left of it as far as we have heard
lease_record   the records that were applied: a prefix of what the store wrote, without gaps
lease_waiting  records that cannot be applied yet: one before them is missing, or the lease is frozen
lease_loss     what two people declared lost
lease_alarm    what a person should look at
lease_store    a store's epoch of today and its switches; its row is locked while anything is granted to it
lease_epoch    every epoch a store ever had: one that is over never comes back
lease_anchor   how often was granted, for each anchor (`anchor`): it shows a database put back in time
lease_stop     one row while nothing is granted to any store, none else
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base

OPEN, DOUBT, FROZEN, CLOSED, LOST = "open", "doubt", "frozen", "closed", "lost"
THE_STOP = 1  # the key of the one row of `LeaseStop`
ORDERED = "ordered"  # its `why` when a person stopped the grants
_REFUNDS = sa.text("refers_to <> ''")
HOLDING = (OPEN, DOUBT, FROZEN, LOST)  # the states in which a lease may hold something


class Lease(Base):
    """Value or points of one purse, entrusted to one epoch of one store. Amounts in `unit`.

    open     the store may spend from it
    doubt    the store has another epoch now; records of it still settle
    frozen   its records do not fit, or one is missing (`why`); what they release stays in escrow meanwhile
    lost     a loss was declared for (part of) it; records of it still settle
    closed   its close was settled, escrow is 0
    """

    __tablename__ = "lease"
    __table_args__ = (
        sa.Index("ix_lease_store_state", "store", "state"),
        sa.Index("ix_lease_purse_state", "purse", "state"),
        sa.Index("ix_lease_purse_granted_ms", "purse", "granted_ms"),
        sa.Index("ix_lease_store_request", "store", "request"),
        sa.CheckConstraint("escrow >= 0", name="escrow"),
        sa.CheckConstraint("lost >= 0", name="lost"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # sync.contract.leases.lease_id
    store: Mapped[str]
    epoch: Mapped[str]
    purse: Mapped[str]
    programme: Mapped[str]  # as stores are told it
    unit: Mapped[str]
    granted: Mapped[int]  # 0: the store opened it itself
    funded: Mapped[bool]  # whether `granted` was posted; only a lease from before a restore may be not
    escrow: Mapped[int]  # granted + top-ups + refunds - spends - released, of the records applied
    lost: Mapped[int]  # declared lost and not yet covered by what was released
    state: Mapped[str]
    why: Mapped[str]  # what is wrong with it, a name of `lease_alarms`; empty: nothing
    recalled: Mapped[bool]
    last_number: Mapped[int]  # of the records applied
    head: Mapped[str]  # the mac of the last of them; empty before the first, which follows the grant's seal
    ttl_s: Mapped[int]  # how long the store may spend from it, by its own clock
    request: Mapped[str]  # the `Ask` it answers; empty when the store opened it itself
    card: Mapped[str]  # the token that was presented
    member: Mapped[str]
    granted_ms: Mapped[int]  # centre's wall clock
    doubt_ms: Mapped[int | None]  # since when it is in doubt or frozen: the grace of a loss counts from it
    closed_ms: Mapped[int | None]


class LeaseEntry(Base):
    """A record that was applied. `key` is the fact's, by which the batch it came in can be found."""

    __tablename__ = "lease_record"
    __table_args__ = (
        sa.Index("ix_lease_record_store_at_ms", "store", "at_ms"),
        sa.Index("ix_lease_record_refers_to", "refers_to", sqlite_where=_REFUNDS, postgresql_where=_REFUNDS),
    )

    lease: Mapped[str] = mapped_column(sa.ForeignKey(Lease.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]  # open, spend, refund, top, close
    amount: Mapped[int]
    purse: Mapped[str]
    unit: Mapped[str]
    store: Mapped[str]
    mac: Mapped[str]
    till: Mapped[str]
    txn: Mapped[str]
    receipt: Mapped[str]
    cashier: Mapped[str]
    refers_to: Mapped[str]  # of a refund: the spend it takes back, as lease/number
    at_ms: Mapped[int]  # when it happened, as far as the store's clock can be believed
    sure: Mapped[int]
    applied_ms: Mapped[int]
    key: Mapped[int]


class LeaseWaiting(Base):
    """A record that waits, as it came. Two with the same number both wait: which is true shows later."""

    __tablename__ = "lease_waiting"
    __table_args__ = (sa.Index("ix_lease_waiting_store", "store"),)

    lease: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mac: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True, default=b"")  # of `body`
    store: Mapped[str]
    body: Mapped[bytes]  # the event as JSON
    at_ms: Mapped[int]
    sure: Mapped[int]
    key: Mapped[int]
    arrived_ms: Mapped[int]


class LeaseLoss(Base):
    """A part of a lease that two people declared lost: the customer has it back at the store's cost."""

    __tablename__ = "lease_loss"

    lease: Mapped[str] = mapped_column(sa.ForeignKey(Lease.id), primary_key=True)
    request: Mapped[str] = mapped_column(
        primary_key=True
    )  # made where it was asked for: the same one is one loss
    amount: Mapped[int]
    first_by: Mapped[str]
    second_by: Mapped[str]
    doubt_ms: Mapped[int]  # since when the lease was in doubt then
    declared_ms: Mapped[int]


class LeaseAlarm(Base):
    """Something about a lease that a person should look at: one row for each kind, with its latest case."""

    __tablename__ = "lease_alarm"
    __table_args__ = (sa.Index("ix_lease_alarm_settled_ms", "settled_ms"),)

    store: Mapped[str] = mapped_column(primary_key=True)
    lease: Mapped[str] = mapped_column(primary_key=True)  # empty: of leases past `ALARMS_MAX` of the store
    name: Mapped[str] = mapped_column(primary_key=True)
    detail: Mapped[str]
    count: Mapped[int]
    first_ms: Mapped[int]
    last_ms: Mapped[int]
    settled_ms: Mapped[int | None]
    settled_by: Mapped[str]


class LeasingStore(Base):
    """A store as leases see it."""

    __tablename__ = "lease_store"

    store: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str]  # the current one; empty: none, nothing is granted
    stopped: Mapped[bool]  # head office grants it nothing
    unknown_hour_ms: Mapped[int]  # the hour in which it last asked for cards that nobody knows
    unknown: Mapped[int]  # … and how often


class LeaseAnchor(Base):
    """What the file of an anchor says or, after a power cut, will say with the next grant."""

    __tablename__ = "lease_anchor"

    name: Mapped[str] = mapped_column(primary_key=True)
    grants: Mapped[int]  # commits in which something was granted


class LeaseStop(Base):
    """Nothing is granted to any store. What stores hold they may still spend, and it settles."""

    __tablename__ = "lease_stop"

    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # `THE_STOP`
    since_ms: Mapped[int]  # what stores did before must have been heard before it ends
    why: Mapped[str]  # a name of `stopping.WHYS`


class StoreEpoch(Base):
    """An epoch that a store has or had."""

    __tablename__ = "lease_epoch"

    store: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    first_ms: Mapped[int]
    ended_ms: Mapped[int | None]
    echoes: Mapped[int] = mapped_column(default=0)  # greetings in it after it had ended
