"""The tables of the desk: what waits for a second person, what was done without one, what was answered."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base


class Approval(Base):
    """Something that one person asked for and another must allow. Decided once, never edited after."""

    __tablename__ = "ledger_approval"

    id: Mapped[str] = mapped_column(primary_key=True)  # made of the request's key
    kind: Mapped[str]  # load, refund, cash_out, correction, loss …: the deed that a yes does
    body: Mapped[dict[str, Any]]  # what the deed is given
    store: Mapped[str]  # whose people may see it; empty: head office's
    about: Mapped[str]  # the card, purse or lease, for people
    amount: Mapped[int]  # in minor units of `unit`, or points
    unit: Mapped[str]
    why: Mapped[str]
    state: Mapped[str]  # waiting, done, refused
    asked_by: Mapped[int]  # user
    asked_name: Mapped[str]
    asked_ms: Mapped[int]
    expires_ms: Mapped[int]
    decided_by: Mapped[int | None]
    decided_name: Mapped[str]
    decided_ms: Mapped[int | None]
    note: Mapped[str]
    result: Mapped[dict[str, Any] | None]  # what the deed gave

    __table_args__ = (sa.Index("ix_ledger_approval_state_asked", "state", "asked_ms"),)


class Alone(Base):
    """What was done within an hour without a second person, by one user or with one purse (`desk.alone`)."""

    __tablename__ = "ledger_alone"

    about: Mapped[str] = mapped_column(primary_key=True)  # user:<id>, purse:<id>
    kind: Mapped[str] = mapped_column(primary_key=True)  # load, refund, cash_out: the limit it is under
    unit: Mapped[str] = mapped_column(primary_key=True)
    hour_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # its beginning
    amount: Mapped[int]

    __table_args__ = (sa.Index("ix_ledger_alone_hour_ms", "hour_ms"),)


class Answered(Base):
    """The first answer to a request, given again to every later one with the same key and body."""

    __tablename__ = "ledger_answered"

    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]  # of where it was sent and its body
    status: Mapped[int]
    answer: Mapped[dict[str, Any]]  # the body; of a refusal what it says, untranslated
    at_ms: Mapped[int] = mapped_column(index=True)
