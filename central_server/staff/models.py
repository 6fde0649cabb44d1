"""Staff as rows: users, their sessions and API tokens, failed attempts, and the audit trail."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base


class User(Base):
    __tablename__ = "staff_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)  # in small letters
    name: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]]
    stores: Mapped[list[str] | None]  # None: every store
    lang: Mapped[str]
    active: Mapped[bool]
    must_change: Mapped[bool]  # the password was set by somebody else
    created_ms: Mapped[int]


class Session(Base):
    __tablename__ = "staff_session"

    token_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("staff_user.id"), index=True)
    created_ms: Mapped[int]
    seen_ms: Mapped[int]
    address: Mapped[str]
    agent: Mapped[str]


class Token(Base):
    """A key for programs. Its rights are never more than its owner's."""

    __tablename__ = "staff_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("staff_user.id"), index=True)
    name: Mapped[str]
    rights: Mapped[list[str]]
    created_ms: Mapped[int]
    expires_ms: Mapped[int]
    seen_ms: Mapped[int | None]
    revoked_ms: Mapped[int | None]


class Throttle(Base):
    """Failed attempts under one key: a login name, an address."""

    __tablename__ = "staff_throttle"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_ms: Mapped[int] = mapped_column(index=True)
    until_ms: Mapped[int]  # refused before this


class Change(Base):
    """Who changed what, when, from what to what. Only ever inserted."""

    __tablename__ = "audit_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    at_ms: Mapped[int] = mapped_column(index=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    actor: Mapped[str]
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    old: Mapped[dict[str, Any] | None]
    new: Mapped[dict[str, Any] | None]

    __table_args__ = (sa.Index("ix_audit_change_subject", "subject_kind", "subject_id"),)
