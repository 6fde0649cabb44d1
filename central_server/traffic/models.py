"""The tables of traffic: quarters of an hour, and the holes between them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base


class TrafficQuarter(Base):
    """Who passed one line of one door in fifteen minutes; only ever added to.

    Every time zone of today is whole quarters away from UTC, so local hours and days are sums of these.
    """

    __tablename__ = "traffic_quarter"

    store: Mapped[str] = mapped_column(primary_key=True)
    quarter_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    device: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str] = mapped_column(primary_key=True)
    inward: Mapped[int]
    outward: Mapped[int]
    unsure: Mapped[int]  # people of these whom the device could not tell apart for certain
    untimed: Mapped[int]  # people of these that came with a clock not known to be right

    __table_args__ = ({"sqlite_with_rowid": False},)


class TrafficLoss(Base):
    """Counts that a full disk took: nobody knows how many people they were. `id` is the fact's key."""

    __tablename__ = "traffic_loss"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    store: Mapped[str]
    at_ms: Mapped[int]
    numbers: Mapped[int]  # events lost
    reason: Mapped[str]

    __table_args__ = (sa.Index("ix_traffic_loss_store_at", "store", "at_ms"),)


class DeviceOutage(Base):
    """A device did not count from `from_ms` to `until_ms` (None: it still does not)."""

    __tablename__ = "traffic_outage"

    store: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    from_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    until_ms: Mapped[int | None]
    state: Mapped[str]  # down or blocked
    detail: Mapped[str]
