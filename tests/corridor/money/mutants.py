"""The money's programs with one rule taken out each. Walks that do not notice prove nothing.

with planted("gap_accepted"):
    …
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.corridor.money import centre_mutants as centre
from tests.corridor.money import store_mutants as store
from tests.corridor.money.planting import Planting


class Mutant(NamedTuple):
    """What is taken out, and how."""

    what: str
    plant: Callable[[], Planting]


MUTANTS: dict[str, Mutant] = {
    # those of DESIGN section 5
    "reclaims_at_expiry": Mutant("the centre reclaims at expiry", centre.reclaims_at_expiry),
    "recall_assumed_done": Mutant("a recall is assumed done", centre.recall_assumed_done),
    "answered_before_commit": Mutant("no fsync before the answer", store.answered_before_commit),
    "restored_without_fence": Mutant("a snapshot is restored without fencing", store.restored_without_fence),
    "no_deduplication": Mutant("no de-duplication of records", centre.no_deduplication),
    "spend_after_release": Mutant("spend after release", store.spend_after_release),
    "grant_reopens": Mutant("a late duplicate grant re-opens", store.grant_reopens),
    "gap_accepted": Mutant("a gap is accepted", centre.gap_accepted),
    # more of the store's
    "answered_before_anchor": Mutant(
        "the anchor is not written before the answer", store.answered_before_anchor
    ),
    "no_anchor_no_matter": Mutant("leases without an anchor are believed", store.no_anchor_no_matter),
    "doubtful_given_back": Mutant("a disk put back gives its leases back", store.doubtful_given_back),
    "overspend": Mutant("a lease gives one more than it has", store.overspend),
    "expired_is_usable": Mutant("a lease is used past its time", store.expired_is_usable),
    "another_boots_lease": Mutant("a lease is used after a reboot", store.another_boots_lease),
    "counted_from_arrival": Mutant("a lease's time counts from its arrival", store.counted_from_arrival),
    "close_unsaid": Mutant("a close makes no event", store.close_unsaid),
    "paid_again": Mutant("a repeated question is a new one", store.paid_again),
    "refunds_uncounted": Mutant("a refund can be had twice", store.refunds_uncounted),
    # more of the centre's
    "lane_gap_accepted": Mutant("the inbox accepts a gap", centre.lane_gap_accepted),
    "mac_unchecked": Mutant("macs are not checked", centre.mac_unchecked),
    "fence_releases": Mutant("a new epoch releases what the old one held", centre.fence_releases),
    "granted_to_old_epoch": Mutant("an old epoch is granted leases", centre.granted_to_old_epoch),
    "doubt_forgotten": Mutant("leases of an old epoch stay open", centre.doubt_forgotten),
    "caps_ignored": Mutant("the caps are ignored", centre.caps_ignored),
    "granted_twice": Mutant("what other stores hold is granted again", centre.granted_twice),
    "overdrawn": Mutant("a guarded account may fall below 0", centre.overdrawn),
    "lots_forgotten": Mutant("a payment takes from no lot", centre.lots_forgotten),
    "loss_at_once": Mutant("a loss needs no grace", centre.loss_at_once),
    "loss_by_one": Mutant("a loss needs one person", centre.loss_by_one),
    "loss_twice": Mutant("a loss can be declared twice", centre.loss_twice),
    "loss_never_covered": Mutant("a close covers no loss", centre.loss_never_covered),
}


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """The programs with that rule taken out; empty: whole. Raises KeyError."""
    if not name:
        yield
        return
    with MUTANTS[name].plant():
        yield
