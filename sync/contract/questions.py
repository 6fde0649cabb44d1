"""What a till or a reader asks, and what it is told. Questions are never stored and never travel.

A reader's decoder says `CardShown`, with the number in clear, in memory; the session makes the token,
asks `edge_agent/till.py`, and stores only the token.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class CardShown(msgspec.Struct, frozen=True, tag_field="type", tag="card", omit_defaults=True):
    """A card is at the reader: who is it? `number` is a card number or a UID in capitals."""

    number: str
    technology: str  # magstripe, rfid125, keyboard
    confidence: str = ""  # "single-track" when the other track was misread


class PhoneGiven(msgspec.Struct, frozen=True, tag_field="type", tag="phone"):
    """The cashier typed a telephone number."""

    phone: str


Question = CardShown | PhoneGiven


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of a member's last visits, anywhere in the chain."""

    wall_ms: int
    store: str
    total_minor: int
    currency: str


class PurseShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """One purse of a member or card, as head office last knew it."""

    purse: str
    unit: str  # a currency, or PTS
    programme: str  # as `ProgrammeTold` names it
    balance: int  # minor units, or points; what leases hold included


class MemberKnown(msgspec.Struct, frozen=True, tag_field="type", tag="known", omit_defaults=True):
    """The member, as the replica has been told: the name is masked already."""

    member: str
    name: str  # masked: 王**
    tier: str = ""
    points: int = 0
    value_minor: int = 0
    currency: str = "CNY"
    birthday: str = ""  # MM-DD
    flags: tuple[str, ...] = ()  # blocked, vip …
    visits: tuple[Visit, ...] = ()
    purses: tuple[PurseShown, ...] = ()


class NobodyKnown(msgspec.Struct, frozen=True, tag_field="type", tag="unknown"):
    """No member has this card or number, as far as this store has been told."""

    reason: Literal["unknown", "archived", "lost"] = "unknown"


Answer = MemberKnown | NobodyKnown
