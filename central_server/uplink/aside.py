"""Events that could not be read or applied: to look at, to replay when the cause is mended, to discard.

A replay hands the event to its handler again, with the same key as ever, and notes it as settled in the same
transaction: it has its effect once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound
from central_server.staff.service import Who, record_change
from central_server.uplink.apply import WHY_MAX_CHARS, is_the_events_fault
from central_server.uplink.handlers import Handlers
from central_server.uplink.models import Aside, KeptBatch, Mark
from central_server.uplink.parts import facts_by_type, new_part
from central_server.web.text import N_
from sync.contract.errors import ContractError
from sync.contract.ids import EventId, Lane
from sync.contract.message import Spoiled, decode_batch, encode_batch

ROWS_MAX = 500
PRUNE_AT_ONCE = 1_000
_DAY_MS = 24 * 3_600_000


class SetAside(NamedTuple):
    """An event that waits for a person. `envelope` is ``[wall_ms, sure, boot, mono_ms, event]`` as JSON."""

    id: int
    event: EventId
    type: str
    why: str
    aside_ms: int
    tries: int
    envelope: str


async def waiting(
    session: AsyncSession,
    *,
    after_id: int = 0,
    limit: int = ROWS_MAX,
    stores: Collection[str] | None = None,
) -> list[SetAside]:
    """Those not settled, oldest first, of `stores` or of all."""
    query = _rows().where(Aside.settled_ms.is_(None), Aside.id > after_id, *_of(stores))
    rows = await session.execute(query.order_by(Aside.id).limit(limit))
    return [_set_aside(*row) for row in rows]


async def every_waiting(
    session: AsyncSession, stores: Collection[str] | None = None
) -> AsyncIterator[SetAside]:
    """All that are not settled, oldest first, of `stores` or of all."""
    some = await waiting(session, stores=stores)
    while some:
        for each in some:
            yield each
        some = await waiting(session, after_id=some[-1].id, stores=stores)


async def waiting_count(session: AsyncSession, stores: Collection[str] | None = None) -> int:
    """How many are not settled, of `stores` or of all."""
    count = sa.select(sa.func.count()).select_from(Aside)
    if stores is not None:
        count = count.join(Mark, Mark.id == Aside.mark_id)
    query = count.where(Aside.settled_ms.is_(None), *_of(stores))
    return (await session.execute(query)).scalar_one()


async def one(session: AsyncSession, aside_id: int) -> SetAside:
    """One of them, settled or not. Raises NotFound."""
    row = (await session.execute(_rows().where(Aside.id == aside_id))).one_or_none()
    if row is None:
        raise NotFound(N_("nothing of that number was set aside"))
    return _set_aside(*row)


async def replay(session: AsyncSession, handlers: Handlers, aside_id: int, *, by: Who, now_ms: int) -> bool:
    """Hand an event to its handler again; False when it fails again, and then `why` says how.

    Raises NotFound, Conflict when it is settled already.
    """
    row, mark = await _unsettled(session, aside_id)
    why = await _replayed(session, handlers, row, mark, now_ms)
    if why is not None:
        row.tries, row.why = row.tries + 1, why[:WHY_MAX_CHARS].replace("\0", "\\0")
        return False
    await _settle(session, row, mark, "replayed", None, by, now_ms)
    return True


async def replay_all(
    database: Database, handlers: Handlers, *, by: Who, now_ms: int, limit: int = ROWS_MAX
) -> tuple[int, int]:
    """Replay up to `limit` that wait, each in its own transaction: (done, failed again)."""
    async with database.reading() as session:
        ids = [each.id for each in await waiting(session, limit=limit)]
    done = 0
    for aside_id in ids:

        async def work(session: AsyncSession, aside_id: int = aside_id) -> bool:
            return await replay(session, handlers, aside_id, by=by, now_ms=now_ms)

        try:
            done += await database.run(work)
        except Conflict:  # somebody else was quicker
            continue
    return done, len(ids) - done


async def discard(session: AsyncSession, aside_id: int, *, reason: str, by: Who, now_ms: int) -> None:
    """Decide that an event shall have no effect. Raises NotFound, Conflict, Invalid without a reason."""
    if not 3 <= len(reason.strip()) <= WHY_MAX_CHARS:
        raise Invalid({"reason": N_("say why it may be discarded")})
    row, mark = await _unsettled(session, aside_id)
    await _settle(session, row, mark, "discarded", reason.strip(), by, now_ms)


async def prune(database: Database, now_ms: int, *, batches_days: int, aside_days: int) -> None:
    """Delete kept batches and settled events older than so many days, a few at a time."""
    old_batches = (
        sa.select(KeptBatch.mark_id, KeptBatch.first)
        .where(KeptBatch.received_ms < now_ms - batches_days * _DAY_MS)
        .limit(PRUNE_AT_ONCE)
    )
    old_aside = (
        sa.select(Aside.id).where(Aside.settled_ms < now_ms - aside_days * _DAY_MS).limit(PRUNE_AT_ONCE)
    )
    batch_key = sa.tuple_(KeptBatch.mark_id, KeptBatch.first)
    await _delete(database, sa.delete(KeptBatch).where(batch_key.in_(old_batches)))
    await _delete(database, sa.delete(Aside).where(Aside.id.in_(old_aside)))


async def _delete(database: Database, some: sa.Delete) -> None:
    more = True
    while more:
        async with database.transaction() as session:
            deleted = await session.execute(some, execution_options={"synchronize_session": False})
            more = cast("sa.CursorResult[Any]", deleted).rowcount == PRUNE_AT_ONCE


def _of(stores: Collection[str] | None) -> list[sa.ColumnElement[bool]]:
    return [] if stores is None else [Mark.store.in_(stores)]


def _rows() -> sa.Select[Aside, Mark]:
    return sa.select(Aside, Mark).join(Mark, Mark.id == Aside.mark_id)


def _set_aside(row: Aside, mark: Mark) -> SetAside:
    event = EventId(mark.store, mark.epoch, Lane(mark.lane), row.number)
    body = row.envelope.decode(errors="backslashreplace")
    return SetAside(row.id, event, row.type, row.why, row.aside_ms, row.tries, body)


async def _unsettled(session: AsyncSession, aside_id: int) -> tuple[Aside, Mark]:
    query = _rows().where(Aside.id == aside_id).with_for_update(of=Aside)
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFound(N_("nothing of that number was set aside"))
    row, mark = found
    if row.settled_ms is not None:
        raise Conflict(N_("this event was replayed or discarded already"))
    return row, mark


async def _replayed(
    session: AsyncSession, handlers: Handlers, row: Aside, mark: Mark, now_ms: int
) -> str | None:
    """None when the event has had its effect, else why not."""
    lane = Lane(mark.lane)
    # Through the same door as when it came, so that an event of an older version is brought up to date.
    try:
        batch = decode_batch(encode_batch(mark.epoch, lane, row.number, [row.envelope]))
    except ContractError as error:  # an event too long was kept in part only, and is no JSON any more
        return str(error)
    if isinstance(batch.events[0], Spoiled):
        return batch.events[0].why
    part = new_part(batch, row.number - 1)
    assert part is not None
    ((kind, facts),) = facts_by_type(part, mark.id, mark.store, mark.epoch, lane).items()
    handler = handlers.get(kind)
    if handler is None:
        return "this centre has no use for it"
    try:
        async with session.begin_nested():
            await handler(session, mark.store, facts, now_ms)
    except Exception as error:  # as in apply.py
        if not is_the_events_fault(error):
            raise
        return repr(error)
    return None


async def _settle(
    session: AsyncSession, row: Aside, mark: Mark, action: str, reason: str | None, by: Who, now_ms: int
) -> None:
    row.settled_ms, row.settled_by, row.discarded_why = now_ms, by.name, reason
    said: dict[str, Sequence[str] | str | None] = {"type": row.type, "why": row.why, "reason": reason}
    event = EventId(mark.store, mark.epoch, Lane(mark.lane), row.number)
    await record_change(session, by, action, "event", event, None, said, now_ms)
