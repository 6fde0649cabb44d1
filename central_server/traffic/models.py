"""The tables of traffic: who passed, who stayed and how long, and the holes between them."""

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


class Outage:
    """A device did not count from `from_ms` to `until_ms` (None: it still does not)."""

    store: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    from_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    until_ms: Mapped[int | None]
    state: Mapped[str]  # that it began with
    detail: Mapped[str]


class DeviceOutage(Outage, Base):
    """A device was down or blocked."""

    __tablename__ = "traffic_outage"


class CameraGap(Outage, Base):
    """A camera was down, frozen, dark, covered, moved or flooded, while its process may well have been up."""

    __tablename__ = "traffic_camera_gap"


class BoxPresence(Base):
    """A store's box: its first heartbeat, less its uptime, and its last one."""

    __tablename__ = "traffic_box_presence"

    store: Mapped[str] = mapped_column(primary_key=True)
    since_ms: Mapped[int]
    until_ms: Mapped[int]


class BoxAbsence(Base):
    """A store's box was not there, in hours in which people come: nothing of the store was counted."""

    __tablename__ = "traffic_box_absence"

    store: Mapped[str] = mapped_column(primary_key=True)
    from_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    until_ms: Mapped[int]


class DwellHour(Base):
    """Visits of one sales area, as one camera saw it, that began in one local hour; only ever added to.

    `hour_ms` is the moment at which the local hour began. The last twenty are how many visits lasted so long,
    in the order of `dwell.BOUNDS_S`.
    """

    __tablename__ = "traffic_dwell_hour"

    store: Mapped[str] = mapped_column(primary_key=True)
    hour_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    device: Mapped[str] = mapped_column(primary_key=True)
    zone: Mapped[str] = mapped_column(primary_key=True)
    visits: Mapped[int]
    dwell_ms: Mapped[int]
    untimed: Mapped[int]  # visits of these that came with a clock not known to be right
    under_5_s: Mapped[int]
    under_10_s: Mapped[int]
    under_15_s: Mapped[int]
    under_20_s: Mapped[int]
    under_30_s: Mapped[int]
    under_45_s: Mapped[int]
    under_60_s: Mapped[int]
    under_90_s: Mapped[int]
    under_120_s: Mapped[int]
    under_180_s: Mapped[int]
    under_300_s: Mapped[int]
    under_450_s: Mapped[int]
    under_600_s: Mapped[int]
    under_900_s: Mapped[int]
    under_1200_s: Mapped[int]
    under_1800_s: Mapped[int]
    under_2700_s: Mapped[int]
    under_3600_s: Mapped[int]
    under_7200_s: Mapped[int]
    longer: Mapped[int]

    __table_args__ = ({"sqlite_with_rowid": False},)


class ZoneQuarter(Base):
    """How many people were in one sales area, as one camera saw it, in fifteen minutes (`levels.Level`)."""

    __tablename__ = "traffic_zone_quarter"

    store: Mapped[str] = mapped_column(primary_key=True)
    quarter_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    device: Mapped[str] = mapped_column(primary_key=True)
    zone: Mapped[str] = mapped_column(primary_key=True)
    known_ms: Mapped[int]
    people_ms: Mapped[int]
    most: Mapped[int]

    __table_args__ = ({"sqlite_with_rowid": False},)


class ZoneNow(Base):
    """An area that a camera watches: since when, and the last that it said of how many people are there."""

    __tablename__ = "traffic_zone_now"

    store: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    zone: Mapped[str] = mapped_column(primary_key=True)
    since_ms: Mapped[int]  # its first sample
    at_ms: Mapped[int]  # its last
    people: Mapped[int]
