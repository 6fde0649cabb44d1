"""The settings of head office's server about members' money."""

from __future__ import annotations

from pydantic import Field

from config.mistakes import _
from config.shape import Section


class LeaseSettings(Section):
    """How much of a card's value and points stores may hold to pay from, with the line up or down.

    Value is in minor units of its currency (fen of CNY). What a store holds and has not reported is what
    can be stuck when its box is lost: these are the bounds of it.
    """

    value_default: int = Field(
        default=20_000,
        ge=0,
        le=100_000_000,
        description=_(
            "Value a store is given for a card when its till does not say how much, in minor units."
        ),
    )
    points_default: int = Field(
        default=2_000,
        ge=0,
        le=100_000_000,
        description=_("Points a store is given for a card when its till does not say how many."),
    )
    value_per_card: int = Field(
        default=100_000,
        ge=0,
        le=100_000_000,
        description=_("Value of one purse that stores hold at once, at most, in minor units."),
    )
    points_per_card: int = Field(
        default=100_000,
        ge=0,
        le=100_000_000,
        description=_("Points of one purse that stores hold at once, at most."),
    )
    value_per_store: int = Field(
        default=2_000_000,
        ge=0,
        le=10_000_000_000,
        description=_("Value that one store holds of all cards at once, at most, in minor units."),
    )
    points_per_store: int = Field(
        default=2_000_000,
        ge=0,
        le=10_000_000_000,
        description=_("Points that one store holds of all cards at once, at most."),
    )
    ttl_s: int = Field(
        default=900,
        ge=30,
        le=604_800,
        description=_(
            "Seconds for which a store may pay from what it was given, by its own clock; "
            "then it gives it back."
        ),
    )
    per_hour: int = Field(
        default=30, ge=1, le=10_000, description=_("Times an hour that one purse is given out, at most.")
    )
    stores_per_hour: int = Field(
        default=4,
        ge=1,
        le=10_000,
        description=_("Stores that one purse is given to within an hour, at most."),
    )
    unknown_per_hour: int = Field(
        default=300,
        ge=10,
        le=1_000_000,
        description=_(
            "Times an hour that one store may ask for cards that nobody knows; "
            "then all it asks is refused until the hour is over."
        ),
    )
    pin_wrong_max: int = Field(
        default=10,
        ge=3,
        le=1_000,
        description=_(
            "Wrong PINs of one card within a day, in all stores together, after which no PIN of it is taken "
            "for a day, or until it is unlocked at the desk."
        ),
    )
    grace_hours: int = Field(
        default=72,
        ge=1,
        le=8_760,
        description=_(
            "Hours that something must have been in doubt before two people can declare it lost: "
            "time for the store's box, or its till's journal, to be heard."
        ),
    )
