"""The tables of membership. A column of type `Closed` holds a personal field as `Keys.encrypt` closed it.

What stands in clear: ids, tokens (keyed digests), the last four signs of a card, tier, sex, dates of
dealings, and `told`, the masked words that every store has been told anyway.
"""

from __future__ import annotations

from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base

ACTIVE, ARCHIVED, MERGED, ERASED = "active", "archived", "merged", "erased"
STATUSES = (ACTIVE, ARCHIVED, MERGED, ERASED)
LOST, REPLACED = "lost", "replaced"  # besides ACTIVE, the states of a card
PERSONAL_FIELDS = ("name", "phone", "email", "address", "birthday", "note")
OPEN_FIELDS = ("sex", "tier", "consent")  # may be edited, and need not be closed


class Member(Base):
    """A member. A merged one points at whom it became; an erased one keeps its id as a pseudonym."""

    __tablename__ = "member"

    id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default=ACTIVE)
    merged_into: Mapped[str] = mapped_column(default="")
    name: Mapped[bytes | None]
    phone: Mapped[bytes | None]
    email: Mapped[bytes | None]
    address: Mapped[bytes | None]
    birthday: Mapped[bytes | None]
    note: Mapped[bytes | None]
    phone_token: Mapped[str] = mapped_column(default="")
    sex: Mapped[str] = mapped_column(default="")
    tier: Mapped[str] = mapped_column(default="")
    consent: Mapped[bool] = mapped_column(default=False)
    store: Mapped[str] = mapped_column(default="")  # where they joined; empty: at head office
    told: Mapped[bytes] = mapped_column(default=b"")  # the MemberTold last sent, as JSON
    purses: Mapped[bytes | None]  # what tills were last told they hold, as JSON
    joined_ms: Mapped[int]
    changed_ms: Mapped[int]
    seen_ms: Mapped[int] = mapped_column(default=0)  # last card or purchase anywhere
    version: Mapped[int] = mapped_column(default=1)  # an edit must name the one it saw

    __table_args__ = (
        sa.Index("ix_member_phone_token", "phone_token"),
        sa.Index("ix_member_merged_into", "merged_into"),
        sa.Index("ix_member_joined_ms", "joined_ms"),
    )


MEMBERS = cast(sa.Table, Member.__table__)  # for statements about many rows at once


class MemberCard(Base):
    """A card of a member: its token, and what may be shown of its number."""

    __tablename__ = "member_card"

    token: Mapped[str] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(index=True)
    last4: Mapped[str] = mapped_column(default="")
    technology: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default=ACTIVE)
    replaced_by: Mapped[str] = mapped_column(default="")
    added_ms: Mapped[int]
    changed_ms: Mapped[int]


class NamePiece(Base):
    """The keyed digest of a piece of a member's name (`pieces.py`), 63 bits of it."""

    __tablename__ = "member_name_piece"

    piece: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member: Mapped[str] = mapped_column(primary_key=True, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class MemberChange(Base):
    """One field of a member changed: who, when, old and new, closed. Insert only, until the person is erased.

    `field` is a field of the member, or what was done: joined, card_added, card_lost, card_replaced,
    card_gone, status, merged, erased.
    """

    __tablename__ = "member_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    member: Mapped[str]
    at_ms: Mapped[int]
    by: Mapped[str]  # a user's name, or store/till
    field: Mapped[str]
    old: Mapped[bytes | None]
    new: Mapped[bytes | None]

    __table_args__ = (sa.Index("ix_member_change_member_at", "member", "at_ms"),)


class CardSwipe(Base):
    """A card was shown at a till. `id` is the fact's key."""

    __tablename__ = "card_swipe"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    store: Mapped[str]
    till: Mapped[str]
    at_ms: Mapped[int]
    sure: Mapped[int]  # 1: the clock was known to be right
    card: Mapped[str]
    technology: Mapped[str]
    member: Mapped[str]  # empty while the card is nobody's

    __table_args__ = (
        sa.Index(
            "ix_card_swipe_member_at",
            "member",
            "at_ms",
            sqlite_where=sa.text("member <> ''"),
            postgresql_where=sa.text("member <> ''"),
        ),
        sa.Index(
            "ix_card_swipe_card",
            "card",
            sqlite_where=sa.text("member = ''"),
            postgresql_where=sa.text("member = ''"),
        ),
    )


class CardRefusal(Base):
    """A card that a reader refused; nothing of its number is kept. `id` is the fact's key."""

    __tablename__ = "card_refusal"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    store: Mapped[str]
    till: Mapped[str]
    at_ms: Mapped[int]
    reason: Mapped[str]
