"""The count at the end: every row ever committed at the edge has had its effect at the centre, once.

Read from the two databases themselves, not from what either program says of them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from sync.contract.events import Dropped, MemberJoined, Passed, decode_event, encode_event, tag_of
from sync.contract.ids import Lane
from sync.contract.message import inflate

_WireBatch = tuple[str, int, int, list[tuple[int, bool, str, int, msgspec.Raw]]]


class Row(NamedTuple):
    """An event as the edge has it; `number` is the last it stands for."""

    number: int
    boot: str
    mono_ms: int
    body: bytes


class Reckoning(NamedTuple):
    """What there was: events by type, and people through the door."""

    events: Counter[str]
    people: int


def reckon(edge_db: Path, central_db: Path, store: str, *, pruned: bool = False) -> Reckoning:
    """Compares the two, asserting that nothing is lost, doubled or changed; what there was.

    `pruned`: the edge made room by removing rows that the centre had confirmed, the oldest of each lane.
    Both programs must have ended or be idle.
    """
    with closing(sqlite3.connect(edge_db)) as edge, closing(sqlite3.connect(central_db)) as centre:
        (epoch,) = edge.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
        marks = centre.execute(
            "SELECT id, epoch, lane, mark FROM mark WHERE store = ? AND mark > 0", (store,)
        ).fetchall()
        assert {each[1] for each in marks} == {epoch}, "the edge began a new epoch"
        events: Counter[str] = Counter()
        people = 0
        for lane in Lane:
            here = [
                Row(*row)
                for row in edge.execute(
                    "SELECT number, boot, mono_ms, body FROM row WHERE lane = ? ORDER BY number", (lane,)
                )
            ]
            ((mark_id, mark),) = [(each[0], each[3]) for each in marks if each[2] == lane]
            assert mark == here[-1].number, (
                f"{lane.label}: the edge has {here[-1].number}, the mark is {mark}"
            )
            there = list(_kept(centre, mark_id, epoch, lane, mark))
            _same_rows(lane, here, [row for row in there if not pruned or row.number >= here[0].number])
            for row in there:
                event = decode_event(row.body)
                events[tag_of(event)] += 1
                if isinstance(event, Passed):
                    people += event.inward + event.outward
        _effects(centre, store, events, people)
        return Reckoning(events, people)


def _same_rows(lane: Lane, here: list[Row], there: list[Row]) -> None:
    for one, other in zip(here, there, strict=False):
        assert _unsealed(one) == other, f"{lane.label}: the edge has {one}, the centre {other}"
    assert len(here) == len(there), f"{lane.label}: {len(here)} rows here, {len(there)} there"
    numbers = there[0].number - _numbers(there[0])
    for row in here:
        numbers += _numbers(row)
        assert row.number == numbers, f"{lane.label}: number {row.number} stands for event {numbers}"


def _unsealed(row: Row) -> Row:
    """The row as the centre keeps it: who joined is taken out of the raw batches (`uplink/kept.py`)."""
    event = decode_event(row.body)
    if isinstance(event, MemberJoined):
        return row._replace(body=encode_event(msgspec.structs.replace(event, sealed="")))
    return row


def _numbers(row: Row) -> int:
    """How many numbers the row stands for."""
    event = decode_event(row.body)
    return event.numbers if isinstance(event, Dropped) else 1


def _kept(centre: sqlite3.Connection, mark_id: int, epoch: str, lane: Lane, mark: int) -> Iterator[Row]:
    """The lane's events out of the kept batches, which must cover 1 to `mark` without gap or overlap."""
    reached = 0
    for first, last, payload in centre.execute(
        "SELECT first, last, payload FROM batch WHERE mark_id = ? ORDER BY first", (mark_id,)
    ):
        assert first == reached + 1, f"{lane.label}: a batch begins at {first} after {reached}"
        assert last >= first
        said_epoch, said_lane, number, envelopes = msgspec.json.decode(inflate(payload), type=_WireBatch)
        assert (said_epoch, said_lane) == (epoch, lane)
        for _wall_ms, _sure, boot, mono_ms, body in envelopes:
            row = Row(number, boot, mono_ms, bytes(body))
            number += _numbers(row)
            if number > first:  # `number` is now the next event's
                yield row._replace(number=number - 1)
        assert number == last + 1, f"{lane.label}: a batch up to {last} ends before {number}"
        reached = last
    assert reached == mark, f"{lane.label}: kept up to {reached}, the mark is {mark}"


def _effects(centre: sqlite3.Connection, store: str, events: Counter[str], people: int) -> None:
    def one(query: str) -> int:
        return int(centre.execute(query, (store,)).fetchone()[0] or 0)

    found = {
        "sale.completed/1": one("SELECT count(*) FROM sale WHERE store = ?"),
        "card.presented/1": one("SELECT count(*) FROM card_swipe WHERE store = ?"),
        "receipt.unreadable/1": one("SELECT count(*) FROM receipt_unreadable WHERE store = ?"),
    }
    assert found == {tag: events[tag] for tag in found}
    assert one("SELECT sum(sales + returns) FROM sales_hour WHERE store = ?") == events["sale.completed/1"]
    assert one("SELECT sum(inward + outward) FROM traffic_quarter WHERE store = ?") == people
    assert centre.execute("SELECT count(*) FROM aside").fetchone()[0] == 0, "events were put aside"
