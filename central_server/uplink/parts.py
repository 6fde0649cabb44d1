"""What is new of a batch, as facts by type. Pure: the inbox's decision, without its database.

Within a type facts stand in lane order. Between types of one batch the order is that of the handlers
(`handlers.py`): who joined stands before who bought, so that a sale finds its member whichever was printed
first. No module may rely on more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from central_server.facts import NUMBER_BITS, Fact
from sync.contract.clock import Stamp
from sync.contract.events import Dropped
from sync.contract.ids import EventId, Lane
from sync.contract.message import Batch, Envelope, Spoiled

LAST_MAX = 2**NUMBER_BITS - 1


class Part(NamedTuple):
    """The events of a batch that have not had their effect; `numbers[i]` is that of `events[i]`."""

    first: int
    last: int
    numbers: Sequence[int]
    events: Sequence[Any]  # Envelope | Spoiled
    plain: bool  # nothing spoiled


def new_part(batch: Batch, mark: int) -> Part | None:
    """What of `batch` comes after `mark`; None when it leaves a gap; without events when all is known.

    A `Dropped` that spans numbers on both sides of the mark counts only those above it: the others arrived
    before the store's disk was full.
    """
    if batch.first > mark + 1:
        return None
    events: Sequence[Any] = batch.events
    plain = {type(each) for each in events} == {Envelope}
    if plain and Dropped not in {type(each.event) for each in events}:
        last = batch.first + len(events) - 1
        first = max(batch.first, mark + 1)
        return Part(first, max(last, mark), range(first, last + 1), events[first - batch.first :], plain)
    return _walked(batch, mark)


def _walked(batch: Batch, mark: int) -> Part:
    number = batch.first
    numbers: list[int] = []
    events: list[Envelope | Spoiled] = []
    for each in batch.events:
        spans = each.event.numbers if isinstance(each, Envelope) and isinstance(each.event, Dropped) else 1
        after = number + spans
        if number > mark:
            numbers.append(number)
            events.append(each)
        elif after - 1 > mark:
            assert isinstance(each, Envelope)
            rest = msgspec.structs.replace(each.event, numbers=after - 1 - mark)
            numbers.append(mark + 1)
            events.append(msgspec.structs.replace(each, event=rest))
        number = after
    last = max(number - 1, mark)
    plain = not any(isinstance(each, Spoiled) for each in events)
    return Part(max(batch.first, mark + 1), last, numbers, events, plain)


def facts_by_type(
    part: Part, mark_id: int, store: str, epoch: str, lane: Lane
) -> dict[type, list[Fact[Any]]]:
    """The part's events as facts, in order, by their class; what is spoiled is not among them."""
    above = mark_id << NUMBER_BITS
    pairs = zip(part.numbers, part.events, strict=True)
    facts: list[Fact[Any]] = [
        Fact(
            above | number,
            EventId(store, epoch, lane, number),
            Stamp(each.boot, each.mono_ms, each.wall_ms, each.sure),
            each.event,
        )
        for number, each in pairs
        if part.plain or isinstance(each, Envelope)
    ]
    kinds = {type(fact.event) for fact in facts}
    if len(kinds) == 1:
        return {kinds.pop(): facts}
    by_type: dict[type, list[Fact[Any]]] = {kind: [] for kind in kinds}
    for fact in facts:
        by_type[type(fact.event)].append(fact)
    return by_type
