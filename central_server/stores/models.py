"""Stores as rows: where they stand in the company, their edges' logins, and how they are."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base


class Org(Base):
    """A group or a company: the levels above stores."""

    __tablename__ = "org"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("org.id"), index=True)
    kind: Mapped[str]  # group, company
    name: Mapped[str]


class Store(Base):
    __tablename__ = "store"

    id: Mapped[str] = mapped_column(primary_key=True)  # sync.contract.ids.check_store
    org_id: Mapped[int | None] = mapped_column(sa.ForeignKey("org.id"), index=True)
    name: Mapped[str]
    timezone: Mapped[str]
    currency: Mapped[str]
    region: Mapped[str]
    format: Mapped[str]  # hierarchy.FORMATS
    opened: Mapped[str | None]  # 2026-11-22
    created_ms: Mapped[int]


class Code(Base):
    """The code with which a store's next edge may enrol itself, once. Only its keyed digest is kept."""

    __tablename__ = "store_code"

    store: Mapped[str] = mapped_column(sa.ForeignKey("store.id"), primary_key=True)
    code_blind: Mapped[bytes] = mapped_column(unique=True)
    expires_ms: Mapped[int]


class Login(Base):
    """A store's login at the broker: one at a time, so a replaced edge is shut out by its successor."""

    __tablename__ = "store_login"

    store: Mapped[str] = mapped_column(sa.ForeignKey("store.id"), primary_key=True)
    secret_sha256: Mapped[bytes]
    since_ms: Mapped[int]
    version: Mapped[str]  # of the edge's program when it enrolled
    revoked_ms: Mapped[int | None]


class Health(Base):
    """A store now: when it was last heard, and its last heartbeat."""

    __tablename__ = "store_health"

    store: Mapped[str] = mapped_column(primary_key=True)
    heard_ms: Mapped[int]
    heartbeat_ms: Mapped[int | None]
    version: Mapped[str | None]
    uptime_s: Mapped[int | None]
    outbox_rows: Mapped[int | None]
    oldest_s: Mapped[int | None]
    disk_free_mib: Mapped[int | None]
    clock_skew_ms: Mapped[int | None]
    clock_sure: Mapped[bool | None]
    devices_up: Mapped[int | None]
    devices_down: Mapped[int | None]
    rss_mib: Mapped[int | None]
    settings: Mapped[str | None]


class HealthHour(Base):
    """An hour of a store's heartbeats: how many, and the worst of each."""

    __tablename__ = "store_health_hour"

    store: Mapped[str] = mapped_column(primary_key=True)
    hour_ms: Mapped[int] = mapped_column(primary_key=True)
    beats: Mapped[int]
    outbox_rows_most: Mapped[int]
    oldest_s_most: Mapped[int]
    disk_free_mib_least: Mapped[int]
    clock_skew_ms_most: Mapped[int]
    devices_down_most: Mapped[int]


class Device(Base):
    """A device now."""

    __tablename__ = "store_device"

    store: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]  # up, down, blocked, clear
    detail: Mapped[str]
    since_ms: Mapped[int]
    changes: Mapped[int]


class OpenAlarm(Base):
    """An alarm that has been raised and not yet taken back."""

    __tablename__ = "store_alarm"

    store: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    detail: Mapped[str]
    since_ms: Mapped[int]


class Happening(Base):
    """What became of a store's devices and alarms, one row each time."""

    __tablename__ = "store_happening"

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # facts.Fact.key
    store: Mapped[str]
    at_ms: Mapped[int]
    device: Mapped[str]
    alarm: Mapped[str]  # empty: the device itself
    state: Mapped[str]  # up, down, blocked, clear; raised, over; of a camera: CameraState.state
    detail: Mapped[str]

    __table_args__ = (sa.Index("ix_store_happening_store_at_ms", "store", "at_ms"),)
