"""One transaction of the inbox: messages in, marks moved, effects made, receipts out.

The straight road applies a whole group of messages with one call per lane and type. When that fails
because of an event, `careful` applies a single message, halving each handler's facts between savepoints until
the bad ones stand alone: those go aside, and the others arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import Busy
from central_server.facts import Fact
from central_server.uplink.handlers import Handlers
from central_server.uplink.kept import kept_payload
from central_server.uplink.models import Aside, KeptBatch, Mark
from central_server.uplink.parts import LAST_MAX, Part, facts_by_type, new_part
from sync.contract.events import encode_event, tag_of
from sync.contract.ids import Lane
from sync.contract.message import Batch, Received, Spoiled, envelope

EPOCHS_MAX = 1_000  # of one store; an edge box is not replaced so often, but a thief might invent them
ALONE_MAX = 64  # bad events found one by one in one message; past it what fails goes aside together
WHY_MAX_CHARS = 1_000
ASIDE_MAX = 100_000  # events of one store that wait; past it they stand in the kept batches alone

LaneId = tuple[str, str, Lane]  # store, epoch, lane

# Made once: to make a statement anew takes as long as to ask it.
_MARKS = cast(sa.Table, Mark.__table__)
_ROWS = (
    sa.select(_MARKS.c.id, _MARKS.c.store, _MARKS.c.epoch, _MARKS.c.lane, _MARKS.c.mark)
    .where(_MARKS.c.store.in_(sa.bindparam("stores", expanding=True)))
    .where(_MARKS.c.epoch.in_(sa.bindparam("epochs", expanding=True)))
    .order_by(_MARKS.c.id)
    .with_for_update()
)
_MOVE = (
    sa.update(_MARKS)
    .where(_MARKS.c.id == sa.bindparam("at"))
    .values(mark=sa.bindparam("to"), moved_ms=sa.bindparam("now"))
)
_MARKS_OF = sa.select(_MARKS.c.lane, _MARKS.c.mark).where(
    _MARKS.c.store == sa.bindparam("of"), _MARKS.c.epoch == sa.bindparam("named")
)


class Arrived(NamedTuple):
    """A batch as it came from a store."""

    store: str
    batch: Batch
    payload: bytes
    received_ms: int

    @property
    def lane_id(self) -> LaneId:
        return self.store, self.batch.epoch, self.batch.lane


class Receipt(NamedTuple):
    """What a store is told after the commit."""

    store: str
    received: Received


class Outcome(NamedTuple):
    """What a transaction did, for the receipts and the counters."""

    receipts: list[Receipt]
    outcomes: dict[str, int]  # messages by what became of them: applied, known, gap, refused
    events: dict[str, int]  # applied, by tag
    aside: int
    not_kept: int  # went aside too, but the store had ASIDE_MAX waiting already


class BadEvents(Exception):
    """A handler failed because of what it was given: take the careful road."""


class _Row:
    """A lane's row in `mark`, as this transaction moves it."""

    def __init__(self, id_: int, mark: int) -> None:
        self.id = id_
        self.mark = mark
        self.parts: list[Part] = []


async def apply(
    session: AsyncSession,
    handlers: Handlers,
    arrived: Sequence[Arrived],
    now_ms: int,
    *,
    careful: bool = False,
) -> Outcome:
    """Give every message its effect, in order. Raises BadEvents unless `careful`, and database errors."""
    rows = await _rows(session, arrived, now_ms)
    outcomes: dict[str, int] = {}
    kept: list[tuple[Any, ...]] = []
    for each in arrived:
        outcome = _take(rows.get(each.lane_id), each, kept)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    moved = {lane_id: row for lane_id, row in rows.items() if row.parts}
    events: dict[str, int] = {}
    aside = not_kept = 0
    if moved:
        await bulk_insert(session, KeptBatch, kept)
        by_store: dict[str, list[tuple[Any, ...]]] = {}
        for lane_id, row in moved.items():
            bad = await _apply_lane(session, handlers, lane_id, row, now_ms, events, careful=careful)
            if bad:
                by_store.setdefault(lane_id[0], []).extend(bad)
        await _move_marks(session, moved.values(), now_ms)
        for store, bad in by_store.items():
            some = bad[: await _room_aside(session, store)]
            await bulk_insert(session, Aside, some, columns=_ASIDE_COLUMNS, skip_known=True)
            aside, not_kept = aside + len(some), not_kept + len(bad) - len(some)
    receipts = [
        Receipt(
            store, Received(epoch, lane, rows[store, epoch, lane].mark if (store, epoch, lane) in rows else 0)
        )
        for store, epoch, lane in dict.fromkeys(each.lane_id for each in arrived)
    ]
    return Outcome(receipts, outcomes, events, aside, not_kept)


async def _room_aside(session: AsyncSession, store: str) -> int:
    """How many more events of `store` may wait aside: a box gone mad must not fill the disk with them."""
    lanes = sa.select(Mark.id).where(Mark.store == store)
    wait = sa.select(sa.func.count()).select_from(Aside)
    wait = wait.where(Aside.mark_id.in_(lanes), Aside.settled_ms.is_(None))
    return max(0, ASIDE_MAX - (await session.execute(wait)).scalar_one())


def _take(row: _Row | None, each: Arrived, kept: list[tuple[Any, ...]]) -> str:
    """Decide on one message: what became of it; its new part is added to `row`."""
    if row is None:
        return "gap" if each.batch.first > 1 else "refused"
    part = new_part(each.batch, row.mark)
    if part is None:
        return "gap"
    if part.last <= row.mark:
        return "known"
    if part.last > LAST_MAX:
        return "refused"
    kept.append((row.id, part.first, part.last, each.received_ms, kept_payload(each.batch, each.payload)))
    row.parts.append(part)
    row.mark = part.last
    return "applied"


async def _rows(session: AsyncSession, arrived: Sequence[Arrived], now_ms: int) -> dict[LaneId, _Row]:
    """The rows of the lanes that have arrived, locked; new ones for lanes that begin."""
    wanted = dict.fromkeys(each.lane_id for each in arrived)
    rows = await _known_rows(session, wanted)
    begin = [each for each in arrived if each.batch.first == 1 and each.lane_id not in rows]
    if begin:
        lanes = dict.fromkeys(each.lane_id for each in begin)
        stores = {store for store, _, _ in lanes}
        query = sa.select(Mark.store, sa.func.count()).where(Mark.store.in_(stores)).group_by(Mark.store)
        counts = {row[0]: row[1] for row in await session.execute(query)}
        fresh = [
            (store, epoch, int(lane), 0, now_ms)
            for store, epoch, lane in lanes
            if counts.get(store, 0) < EPOCHS_MAX * len(Lane)
        ]
        await bulk_insert(
            session, Mark, fresh, columns=["store", "epoch", "lane", "mark", "moved_ms"], skip_known=True
        )
        rows = await _known_rows(session, wanted)
    return rows


async def _known_rows(session: AsyncSession, wanted: dict[LaneId, None]) -> dict[LaneId, _Row]:
    stores, epochs = {store for store, _, _ in wanted}, {epoch for _, epoch, _ in wanted}
    found = await session.execute(_ROWS, {"stores": sorted(stores), "epochs": sorted(epochs)})
    rows = {(store, epoch, Lane(lane)): _Row(id_, mark) for id_, store, epoch, lane, mark in found}
    return {lane_id: row for lane_id, row in rows.items() if lane_id in wanted}


async def _move_marks(session: AsyncSession, rows: Any, now_ms: int) -> None:
    connection = await session.connection()
    await connection.execute(_MOVE, [{"at": row.id, "to": row.mark, "now": now_ms} for row in rows])


async def _apply_lane(
    session: AsyncSession,
    handlers: Handlers,
    lane_id: LaneId,
    row: _Row,
    now_ms: int,
    events: dict[str, int],
    *,
    careful: bool,
) -> list[tuple[Any, ...]]:
    """Hand the new facts of one lane to their handlers; gives the rows that must go aside."""
    store, epoch, lane = lane_id
    by_type: dict[type, list[Fact[Any]]] = {}
    aside: list[tuple[Any, ...]] = []
    for part in row.parts:
        for kind, facts in facts_by_type(part, row.id, store, epoch, lane).items():
            by_type.setdefault(kind, []).extend(facts)
        if not part.plain:
            aside += [
                _aside_row(row.id, number, "", each.body, each.why, now_ms)
                for number, each in zip(part.numbers, part.events, strict=True)
                if isinstance(each, Spoiled)
            ]
    for kind in [*(k for k in handlers if k in by_type), *(k for k in by_type if k not in handlers)]:
        facts = by_type[kind]
        bad = await _hand_over(session, handlers, store, facts, now_ms, careful=careful)
        aside += [aside_row(row.id, fact, why, now_ms) for fact, why in bad]
        tag = tag_of(facts[0].event)
        events[tag] = events.get(tag, 0) + len(facts) - len(bad)
    return aside


async def _hand_over(
    session: AsyncSession,
    handlers: Handlers,
    store: str,
    facts: list[Fact[Any]],
    now_ms: int,
    *,
    careful: bool,
) -> list[tuple[Fact[Any], str]]:
    handler = handlers.get(type(facts[0].event))
    if handler is None:
        return [(fact, "this centre has no use for it") for fact in facts]
    if not careful:
        try:
            await handler(session, store, facts, now_ms)
            await session.flush()  # what the handler left to be written is still its own fault
        except Exception as error:  # whatever a handler makes of an event, it must not stop a store
            if not is_the_events_fault(error):
                raise
            raise BadEvents(repr(error)) from error
        return []
    bad: list[tuple[Fact[Any], str]] = []
    left = [facts]
    while left:
        some = left.pop()
        try:
            async with session.begin_nested():
                await handler(session, store, some, now_ms)
        except Exception as error:  # as above
            if not is_the_events_fault(error):
                raise
            if len(some) == 1 or len(bad) >= ALONE_MAX:
                bad += [(fact, repr(error)) for fact in some]
            else:
                half = len(some) // 2
                left += [some[half:], some[:half]]
    return bad


def is_the_events_fault(error: Exception) -> bool:
    """Whether an event is to blame and not the database, the disk or the line: then it goes aside."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        # Class 22 is bad data, 23 a broken constraint; asyncpg also refuses values itself, as a ValueError.
        refused = isinstance(getattr(error.orig, "__cause__", None), ValueError)
        blamed = isinstance(error, IntegrityError | DataError) or state[:2] in ("22", "23") or refused
        return blamed and not error.connection_invalidated
    return not isinstance(error, OSError | Busy | MemoryError)


_ASIDE_COLUMNS = ["mark_id", "number", "type", "envelope", "why", "aside_ms", "tries"]


def aside_row(mark_id: int, fact: Fact[Any], why: str, now_ms: int) -> tuple[Any, ...]:
    """A fact as a row of `aside`."""
    body = envelope(encode_event(fact.event), fact.stamp)
    return _aside_row(mark_id, fact.id.number, tag_of(fact.event), body, why, now_ms)


def _aside_row(mark_id: int, number: int, tag: str, body: bytes, why: str, now_ms: int) -> tuple[Any, ...]:
    # PostgreSQL's text holds neither NUL nor half a surrogate pair, and an odd event may well speak of one.
    why = why[:WHY_MAX_CHARS].encode(errors="backslashreplace").decode().replace("\0", "\\0")
    return mark_id, number, tag, body, why, now_ms, 0


async def marks_of(session: AsyncSession, store: str, epoch: str) -> dict[str, int]:
    """How far the centre has each lane of that epoch, by the lane's label; for `Hello`."""
    found = await session.execute(_MARKS_OF, {"of": store, "named": epoch})
    return {Lane(lane).label: mark for lane, mark in found}
