"""What the inbox keeps: how far each lane has come, messages as they came, what could not be applied."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base


class Mark(Base):
    """How far the centre has a lane: every number up to and with `mark` has had its effect."""

    __tablename__ = "mark"
    __table_args__ = (sa.UniqueConstraint("store", "epoch", "lane"),)

    id: Mapped[int] = mapped_column(primary_key=True)  # in front of every fact's key (facts.py)
    store: Mapped[str]
    epoch: Mapped[str]
    lane: Mapped[int]
    mark: Mapped[int]
    moved_ms: Mapped[int]  # centre's wall clock when the mark last moved


class KeptBatch(Base):
    """A message as it came, kept some days so that raw events can be read again."""

    __tablename__ = "batch"
    __table_args__ = (sa.Index(None, "received_ms"),)

    mark_id: Mapped[int] = mapped_column(sa.ForeignKey(Mark.id), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # the first number that was new
    last: Mapped[int]
    received_ms: Mapped[int]
    payload: Mapped[bytes]  # may begin before `first`: what came again stands in the row before


class Aside(Base):
    """An event that could not be read or applied; the mark has moved past it."""

    __tablename__ = "aside"
    __table_args__ = (sa.UniqueConstraint("mark_id", "number"), sa.Index(None, "settled_ms"))

    id: Mapped[int] = mapped_column(primary_key=True)
    mark_id: Mapped[int] = mapped_column(sa.ForeignKey(Mark.id))
    number: Mapped[int]
    type: Mapped[str]  # the event's tag; empty when it could not be read
    envelope: Mapped[bytes]  # JSON as it stands in a batch: [wall_ms, sure, boot, mono_ms, event]
    why: Mapped[str]
    aside_ms: Mapped[int]
    tries: Mapped[int] = mapped_column(default=0)  # replays that failed
    settled_ms: Mapped[int | None]  # replayed or discarded
    settled_by: Mapped[str | None]
    discarded_why: Mapped[str | None]  # None when it was replayed
