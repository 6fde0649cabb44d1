"""A fact as the modules are given it: the event, where it stands, and when it happened."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from sync.contract.clock import Stamp
from sync.contract.ids import EventId

NUMBER_BITS = 40  # a lane of a store may number 10^12 events; 2^23 lanes of stores fit in front

E = TypeVar("E")


class Fact(msgspec.Struct, Generic[E], frozen=True, gc=False):
    """One event of a store.

    `key` is a positive 64-bit number made of the lane's row at the centre and the event's number; the
    same event has the same key for ever, so it serves as the primary key of what the event causes.
    """

    key: int
    id: EventId
    stamp: Stamp
    event: E


def fact_key(mark_id: int, number: int) -> int:
    """The key of event `number` of the lane whose row in `mark` is `mark_id`."""
    return mark_id << NUMBER_BITS | number
