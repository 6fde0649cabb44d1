"""The numbers of the lanes, as they stand and as the next commit makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.errors import EventTooLarge
from edge_agent.store.batches import BATCH_ROWS_FIRST
from edge_agent.store.lines import Sql
from sync.contract.events import Dropped, Event, encode_event, lane_of
from sync.contract.ids import Lane
from sync.contract.message import EVENT_MAX_BYTES

INSERT = "INSERT INTO row (lane, number, boot, mono_ms, body) VALUES (?, ?, ?, ?, ?)"

Born = tuple[int, int, bytes]  # lane, mono_ms, body; a plain int, which SQLite takes as it is
Row = tuple[int, int, str, int, bytes]


@dataclass(slots=True)
class LaneState:
    """One lane, in memory."""

    last: int  # the last number on disk
    confirmed: int  # how far the centre has receipted
    owed: int = 0  # numbers of events that found no room, to be said as one `dropped/1`
    handed: int = 0  # the last number given to the uplink in this run
    rows: int = BATCH_ROWS_FIRST  # how many rows to read for the next batch
    dirty: bool = False  # `confirmed` has moved and is not yet on disk


def born(events: Sequence[Event], mono_ms: int) -> list[Born]:
    """The events as they will lie on disk. Raises EventTooLarge."""
    found: list[Born] = []
    for event in events:
        body = encode_event(event)
        if len(body) > EVENT_MAX_BYTES:
            raise EventTooLarge(f"an event of {len(body)} bytes is over {EVENT_MAX_BYTES}")
        found.append((lane_of(event).real, mono_ms, body))
    return found


def numbered(
    lanes: Mapping[Lane, LaneState], groups: Iterable[Sequence[Born]], boot: str, now_ms: int
) -> tuple[list[Row], dict[int, int]]:
    """The rows of one commit, what is owed first, and the last number of each lane after it."""
    last = {int(lane): state.last for lane, state in lanes.items()}
    rows: list[Row] = []
    for each_lane, state in lanes.items():
        if state.owed:
            lane = int(each_lane)
            last[lane] += state.owed
            rows.append((lane, last[lane], boot, now_ms, encode_event(Dropped(numbers=state.owed))))
    for group in groups:
        for lane, mono_ms, body in group:
            number = last[lane] = last[lane] + 1
            rows.append((lane, number, boot, mono_ms, body))
    return rows, last


def save_marks(sql: Sql, marks: Iterable[tuple[int, int]]) -> None:
    """Notes how far lanes are confirmed: pairs of mark and lane."""
    sql.executemany("UPDATE lane SET confirmed = ? WHERE lane = ?", marks)
