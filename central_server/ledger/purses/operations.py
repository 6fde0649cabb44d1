"""What a request does once: the same request again has the first answer, another body is a conflict.

    return await once(session, request, "load", {"purse": purse, "amount": 100}, work, by=…, now_ms=…)

The answer is kept in the transaction that does the work, so a crash leaves both or neither. Two who send the
same request at once: the second waits for the first to commit, and has its answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import Conflict, Invalid
from central_server.ledger.models.cards import Operation
from central_server.web.text import N_

REQUEST_MAX = 120  # characters
Done = dict[str, Any]


async def once(
    session: AsyncSession,
    request: str,
    kind: str,
    body: Mapping[str, Any],
    work: Callable[[], Awaitable[Done]],
    *,
    by: str,
    now_ms: int,
) -> Done:
    """What `work` gave to the first of these requests. Raises Invalid, Conflict, and what `work` raises."""
    if not request or len(request) > REQUEST_MAX or not request.isprintable():
        raise Invalid({"request": N_("needs an id of 1 to 120 characters")})
    digest = hashlib.sha256(msgspec.json.encode([kind, body], order="deterministic")).digest()
    row: tuple[Any, ...] = (request, kind, digest, {}, now_ms, by)
    if not await bulk_insert(session, Operation, [row], skip_known=True):
        known = await session.execute(
            sa.select(Operation.digest, Operation.answer).where(Operation.request == request)
        )
        first = known.one()
        if bytes(first.digest) != digest:
            raise Conflict(N_("this id was used for another request"))
        return dict(first.answer)
    answer = await work()
    await session.execute(sa.update(Operation).where(Operation.request == request).values(answer=answer))
    return answer


async def forget_operations(session: AsyncSession, *, before_ms: int, limit: int = 5_000) -> int:
    """Let go of requests done before that; how many.

    One of them that comes again finds its transfers: their ids are made of the request's, and stay for ever.
    So no money moves twice. It is answered with how things stand now, or as a conflict.
    """
    old = sa.select(Operation.request).where(Operation.at_ms < before_ms).limit(limit)
    gone = await session.execute(sa.delete(Operation).where(Operation.request.in_(old)))
    return int(getattr(gone, "rowcount", 0))
