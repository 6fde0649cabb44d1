"""Purses and the lots in them.

A lot is what came in at once, of one kind and with one expiry. Σ `left` of a purse's lots is what its
accounts hold: available + held + what leases hold. Points that are pending stand in `pending` and are not
in the accounts yet; what has expired stands in `expired`, and can be re-activated.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base

PAID, BONUS, EARNED, COUPON = "paid", "bonus", "earned", "coupon"
_OPEN = sa.text('"left" > 0')
_PENDING = sa.text("pending > 0")


class Purse(Base):
    """Value, points or coupons of one holder in one programme."""

    __tablename__ = "purse"

    id: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]  # member:<id> or card:<id>
    programme: Mapped[str]
    kind: Mapped[str]  # value, points, coupon
    unit: Mapped[str]
    owed: Mapped[int] = mapped_column(default=0)  # points returned goods should have taken, but were spent
    opened_ms: Mapped[int]

    __table_args__ = (
        sa.UniqueConstraint("holder", "programme"),
        sa.Index("ix_purse_programme", "programme"),
        sa.CheckConstraint("owed >= 0", name="owed"),
    )


class Lot(Base):
    """What came into a purse at once. `amount` = `left` + Σ of its uses, after every operation."""

    __tablename__ = "lot"

    id: Mapped[int] = mapped_column(primary_key=True)
    purse: Mapped[str]
    kind: Mapped[str]  # paid, bonus, earned, coupon
    transfer: Mapped[bytes]  # that brought it; of a pending one, that will
    place: Mapped[int] = mapped_column(default=0)  # among those it brought
    amount: Mapped[int]
    left: Mapped[int]
    pending: Mapped[int] = mapped_column(default=0)
    expired: Mapped[int] = mapped_column(default=0)
    from_ms: Mapped[int] = mapped_column(default=0)  # when what is pending becomes spendable
    expires_ms: Mapped[int | None]
    made_ms: Mapped[int]
    about: Mapped[str] = mapped_column(default="")  # store/receipt, or why

    __table_args__ = (
        sa.UniqueConstraint("purse", "transfer", "place"),
        sa.CheckConstraint('"left" >= 0 AND "left" <= amount', name="left"),
        sa.CheckConstraint("pending >= 0 AND expired >= 0", name="pending"),
        sa.Index("ix_lot_purse", "purse"),
        sa.Index("ix_lot_expires_ms", "expires_ms", sqlite_where=_OPEN, postgresql_where=_OPEN),
        sa.Index("ix_lot_from_ms", "from_ms", sqlite_where=_PENDING, postgresql_where=_PENDING),
    )


class LotUse(Base):
    """What one transfer took from a lot, or (below zero) gave back to it. Insert only, but for `returned`."""

    __tablename__ = "lot_use"

    transfer: Mapped[bytes] = mapped_column(primary_key=True)
    lot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    purse: Mapped[str]
    place: Mapped[int]  # among those the transfer used: the order in which they were taken
    amount: Mapped[int]
    returned: Mapped[int] = mapped_column(default=0)  # of `amount`, what refunds have given back since
    kind: Mapped[str]  # spend, refund, expire, revive, unearn, payout, move, loss
    at_ms: Mapped[int]

    __table_args__ = (
        sa.Index("ix_lot_use_purse_at", "purse", "at_ms"),
        sa.Index("ix_lot_use_lot", "lot"),
    )


class Earning(Base):
    """What a receipt earned in one programme; returns take it back in proportion. `sale`: the fact's key."""

    __tablename__ = "earning"

    sale: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    programme: Mapped[str] = mapped_column(primary_key=True)
    store: Mapped[str]
    receipt: Mapped[str]
    member: Mapped[str]
    purse: Mapped[str]
    at_ms: Mapped[int]
    tier: Mapped[str]  # by which it was counted
    spend: Mapped[int]  # minor units that count towards a tier; below zero for a return
    counted: Mapped[str]  # of a sale: what still counts of it, as `counting.Counted` is written
    amount: Mapped[int]  # points or value earned; below zero: taken back
    returned: Mapped[int] = mapped_column(default=0)  # of a sale: what returns took back of `amount`
    refers_to: Mapped[int | None]  # of a return: the sale it takes back, when known

    __table_args__ = (
        sa.Index("ix_earning_member_programme_at", "member", "programme", "at_ms"),
        sa.Index("ix_earning_store_receipt", "store", "receipt"),
    )
