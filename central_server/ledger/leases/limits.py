"""How much of a purse a store is given: the caps of the settings, as arithmetic. Pure."""

from __future__ import annotations

from typing import NamedTuple

from config.money import LeaseSettings
from sync.contract.leases import POINTS

HOUR_MS = 3_600_000


class Caps(NamedTuple):
    """What the settings say of one unit. Amounts in that unit."""

    default: int  # given when the till does not say how much
    per_card: int  # of one purse, at all stores together
    per_store: int  # of all purses, at one store


class Standing(NamedTuple):
    """How things stand for one purse at one store, in its unit, before a grant."""

    available: int
    here: int  # in leases of this purse that this store may spend from now
    out: int  # in leases of this purse anywhere
    store: int  # in all leases of this store
    granted_last_hour: int  # leases of this purse
    stores_last_hour: int  # … at so many stores
    store_among_them: bool


class Grant(NamedTuple):
    """What comes of it: so much, or why nothing; `short` says that the purse itself has too little."""

    amount: int
    refused: str = ""  # as `Answered.refused`; empty when nothing is lacking
    short: bool = False


def caps_of(settings: LeaseSettings, unit: str) -> Caps:
    """The caps of a unit: those of points, or those of money."""
    if unit == POINTS:
        return Caps(settings.points_default, settings.points_per_card, settings.points_per_store)
    return Caps(settings.value_default, settings.value_per_card, settings.value_per_store)


def granted(want: int | None, standing: Standing, settings: LeaseSettings, unit: str) -> Grant:
    """What a store is given of a purse.

    `want` is what the store lacks, beyond what it holds already, and is given on top of that; without it the
    store is filled up to the default. Every cap may make it less.
    """
    caps = caps_of(settings, unit)
    lacking = caps.default - standing.here if want is None else want
    if lacking <= 0:
        return Grant(0)
    if standing.granted_last_hour >= settings.per_hour:
        return Grant(0, "velocity")
    if not standing.store_among_them and standing.stores_last_hour >= settings.stores_per_hour:
        return Grant(0, "velocity")
    allowed = min(lacking, caps.per_card - standing.out)
    if allowed <= 0:
        return Grant(0, "card_cap")
    allowed = min(allowed, caps.per_store - standing.store)
    if allowed <= 0:
        return Grant(0, "store_cap")
    if standing.available <= 0:
        return Grant(0, "empty", short=True)
    return Grant(min(allowed, standing.available), short=standing.available < allowed)
