"""Rows of a lane as a batch that travels: the message's bytes, ready, made in the reading thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from edge_agent.store.lines import Sql
from sync.contract.clock import Stamp
from sync.contract.errors import TooLarge
from sync.contract.events import Dropped, decode_event, encode_event, tag_of
from sync.contract.ids import Lane
from sync.contract.message import (
    BATCH_MAX_EVENTS,
    INFLATED_MAX_BYTES,
    PAYLOAD_MAX_BYTES,
    encode_batch,
    envelope,
)

BATCH_ROWS_AIM = 2_000  # counts; more makes receipts coarse, fewer makes the centre's commits small
BATCH_ROWS_FIRST = 64  # until we know how well a lane's events close
_RAW_MAX_BYTES = INFLATED_MAX_BYTES // 2
_FILL = 0.75  # of a payload; the rest is for batches that close less well than the one before
_DROPPED = b'{"type":"%s"' % tag_of(Dropped(numbers=1)).encode()
_SELECT = "SELECT number, boot, mono_ms, body FROM row WHERE lane = ? AND number > ? ORDER BY number LIMIT ?"

assert BATCH_ROWS_AIM * 2 <= BATCH_MAX_EVENTS  # each row may bring a `dropped` for a hole before it


class Ready(NamedTuple):
    """A batch that can be published: numbers `first` to `last` of `lane`, made of `rows` rows."""

    epoch: str
    lane: Lane
    first: int
    last: int
    rows: int
    payload: bytes


def read_batch(
    sql: Sql, epoch: str, lane: Lane, after: int, rows_most: int, stamp: Callable[[str, int], Stamp]
) -> Ready | None:
    """The numbers following `after`, at most `rows_most` rows and one payload; None when there are none.

    A hole (rows pruned, and now asked for again by a centre restored from an older backup than we keep) is
    said as `dropped/1`, so that the numbers never have a gap.
    """
    envelopes: list[bytes] = []
    lasts: list[int] = []
    raw = 0
    have = after
    for number, boot, mono_ms, body in sql.execute(_SELECT, (lane, after, rows_most)):
        when = stamp(boot, mono_ms)
        if number != have + 1 or body.startswith(_DROPPED):
            hole, body = _fitted(have, number, body)
            if hole:
                envelopes.append(envelope(encode_event(Dropped(numbers=hole, reason="pruned")), when))
                lasts.append(have + hole)
        envelopes.append(envelope(body, when))
        lasts.append(number)
        have = number
        raw += len(body)
        if raw > _RAW_MAX_BYTES:
            break
    return _closed(epoch, lane, after + 1, envelopes, lasts) if envelopes else None


def rows_next(ready: Ready) -> int:
    """How many rows to try for the batch after `ready`, going by how well it closed."""
    return max(
        1,
        min(BATCH_ROWS_AIM, int(ready.rows * _FILL * PAYLOAD_MAX_BYTES / len(ready.payload)), ready.rows * 8),
    )


def _closed(epoch: str, lane: Lane, first: int, envelopes: list[bytes], lasts: list[int]) -> Ready:
    count = len(envelopes)
    while True:
        try:
            payload = encode_batch(epoch, lane, first, envelopes[:count])
        except TooLarge:
            assert count > 1  # EVENT_MAX_BYTES fits a payload, however badly it closes
            count //= 2
            continue
        return Ready(epoch, lane, first, lasts[count - 1], count, payload)


def _fitted(have: int, number: int, body: bytes) -> tuple[int, bytes]:
    """(numbers missing before the row, its body); a `dropped` the centre has in part says only the rest."""
    if not body.startswith(_DROPPED):
        return number - have - 1, body
    dropped = decode_event(body)
    assert isinstance(dropped, Dropped)
    first = number - dropped.numbers + 1
    if first > have:
        return first - have - 1, body
    return 0, encode_event(Dropped(numbers=number - have, reason=dropped.reason))
