"""The tables of programmes, cards and what is done with them. Times are wall clocks, in milliseconds.

Of a card's number its token and its last four signs stay; a PIN and a buyer's papers are closed (`Keys`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base


class ProgrammeRow(Base):
    """A card programme: `rules` is `ledger.cards.rules.Rules` as JSON."""

    __tablename__ = "programme"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]  # value, points, coupon
    unit: Mapped[str]  # a currency, or PTS
    rules: Mapped[str]
    stopped: Mapped[int] = mapped_column(default=0)  # 1: nothing may leave or enter its purses
    version: Mapped[int] = mapped_column(default=1)  # an edit must name the one it saw
    made_ms: Mapped[int]
    changed_ms: Mapped[int]
    changed_by: Mapped[str]


class CardBatch(Base):
    """Cards made together."""

    __tablename__ = "card_batch"

    id: Mapped[str] = mapped_column(primary_key=True)
    programme: Mapped[str] = mapped_column(index=True)
    count: Mapped[int]
    made_ms: Mapped[int]
    by: Mapped[str]


class Card(Base):
    """A card that we made. Its state moves by the table in `ledger.cards.life` only."""

    __tablename__ = "card"

    id: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)
    last4: Mapped[str]
    programme: Mapped[str]
    batch: Mapped[str] = mapped_column(index=True)
    state: Mapped[str]
    member: Mapped[str] = mapped_column(default="", index=True)  # empty: a bearer's
    place: Mapped[str] = mapped_column(default="")  # the store that has it in stock, or issued it
    made_ms: Mapped[int]
    activated_ms: Mapped[int] = mapped_column(default=0)
    expires_ms: Mapped[int | None]
    changed_ms: Mapped[int]
    replaced_by: Mapped[str] = mapped_column(default="")  # of a replaced card, the id of the new one

    __table_args__ = (
        sa.Index("ix_card_programme_state", "programme", "state"),
        sa.Index("ix_card_expires_ms", "expires_ms"),
    )


class CardMove(Base):
    """One move of a card: who, when, why. Insert only."""

    __tablename__ = "card_move"

    id: Mapped[int] = mapped_column(primary_key=True)
    card: Mapped[str] = mapped_column(index=True)
    move: Mapped[str]  # as `ledger.cards.life` names it
    before: Mapped[str]
    after: Mapped[str]
    at_ms: Mapped[int]
    by: Mapped[str]
    why: Mapped[str]


class Pin(Base):
    """The PIN of a person or of a bearer's card: what tells it (`leases.pin_check`, as hex), closed."""

    __tablename__ = "card_pin"

    holder: Mapped[str] = mapped_column(primary_key=True)  # member:<id> or card:<id>
    salt: Mapped[str]  # hex
    closed: Mapped[bytes]
    changed_ms: Mapped[int]
    by: Mapped[str]
    wrong: Mapped[int] = mapped_column(default=0)  # tried in stores within a day of the first (`pin_tries`)
    wrong_since_ms: Mapped[int] = mapped_column(default=0)  # … when that was
    wrong_ms: Mapped[int] = mapped_column(default=0)  # … and when the last was


class CardPurchase(Base):
    """Who bought cards or a load, as the law wants it kept; `buyer` is closed JSON."""

    __tablename__ = "card_purchase"

    request: Mapped[str] = mapped_column(primary_key=True)  # the operation it belongs to
    kind: Mapped[str]  # person, unit
    amount: Mapped[int]
    unit: Mapped[str]
    tender: Mapped[str]  # cash, card, mobile, transfer
    buyer: Mapped[bytes]
    at_ms: Mapped[int]
    by: Mapped[str]


class Operation(Base):
    """What a request did, so that the same request again gives the first answer (`operations`)."""

    __tablename__ = "ledger_operation"

    request: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    digest: Mapped[bytes]  # of the body
    answer: Mapped[dict[str, Any]]
    at_ms: Mapped[int] = mapped_column(index=True)
    by: Mapped[str]


class TierState(Base):
    """Which tier of a programme a member has."""

    __tablename__ = "member_tier"

    member: Mapped[str] = mapped_column(primary_key=True)
    programme: Mapped[str] = mapped_column(primary_key=True)
    tier: Mapped[str]
    before: Mapped[str] = mapped_column(default="")  # back to which a return may lead
    since_ms: Mapped[int]
    until_ms: Mapped[int] = mapped_column(index=True)  # when it is looked at again


class CatalogueItem(Base):
    """Something that points can be had for."""

    __tablename__ = "catalogue_item"

    id: Mapped[str] = mapped_column(primary_key=True)
    programme: Mapped[str]
    zh: Mapped[str]
    en: Mapped[str]
    points: Mapped[int]
    stock: Mapped[int]
    each_max: Mapped[int] = mapped_column(default=0)  # of one purse, ever; 0: no limit
    stopped: Mapped[int] = mapped_column(default=0)
    changed_ms: Mapped[int]

    __table_args__ = (sa.CheckConstraint("stock >= 0", name="stock"),)


class Redemption(Base):
    """An item had for points. `request` is the operation; taken back, points and stock returned."""

    __tablename__ = "redemption"

    request: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(index=True)
    purse: Mapped[str] = mapped_column(index=True)
    count: Mapped[int]
    points: Mapped[int]
    at_ms: Mapped[int]
    by: Mapped[str]
    taken_back_ms: Mapped[int] = mapped_column(default=0)
