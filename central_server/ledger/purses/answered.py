"""The same request twice is one request: its first answer is kept, and given again word for word.

A request that moves money carries a key, made where the fact arose: in the header `Idempotency-Key`, or as
`id` in the body. The key is claimed and its answer kept in the transaction that does the work, so a crash
leaves both or neither. A refusal is an answer too: asked again it is refused again, whatever has come in
meanwhile; whoever wants to try anew takes a new key. Keys are the chain's: a till that asks again under
another cashier's name gets the first answer, not a second payment.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database, bulk_insert
from central_server.errors import CentreError, Conflict, Invalid, NotFound
from central_server.ledger.models.approvals import Answered
from central_server.web.text import N_

KEY: Final = re.compile(r"[A-Za-z0-9._:/+=-]{8,80}")
_UNDER_WAY: Final = 0  # the status of a claimed key until its answer stands beside it
_TAKEN: Final = 1  # the status of a name that is taken
_REFUSALS: Final[dict[int, type[CentreError]]] = {404: NotFound, 409: Conflict, 422: Invalid}


@dataclass(frozen=True)
class Answer:
    """What was done, as JSON says it."""

    status: int
    body: dict[str, Any]


Work = Callable[[AsyncSession], Awaitable[Answer]]


async def once(database: Database, key: str, said: bytes, work: Work, *, now_ms: int) -> Answer:
    """The answer that `work` gave to the first request with this `key`; it runs in a transaction.

    `said` is the request itself: where it was sent, and its body. Raises Invalid when `key` is none, Conflict
    when it came with another request before, and what the first answer was if it was a refusal (404, 409,
    422). Other errors (busy, too often, no right) are no answer: the key stays free.
    """
    if not KEY.fullmatch(key):
        raise Invalid({"Idempotency-Key": N_("is needed: 8 to 80 letters, digits or ._:/+=-")})
    digest = hashlib.sha256(said).digest()

    async def attempt(session: AsyncSession) -> Answer:
        first = await _first(session, key, digest, now_ms)
        if first is not None:
            return first
        try:
            async with session.begin_nested():
                answer = await work(session)
        except (NotFound, Conflict, Invalid) as error:
            answer = _refusal(error)
        await session.execute(
            sa.update(Answered).where(Answered.key == key).values(status=answer.status, answer=answer.body)
        )
        return answer

    answer = await database.run(attempt)
    if answer.status in _REFUSALS:
        raise _raised(answer)
    return answer


async def forget_answers(session: AsyncSession, *, before_ms: int, limit: int = 5_000) -> int:
    """Let go of answers older than that; how many. Their transfers are still known by their ids."""
    old = sa.select(Answered.key).where(Answered.at_ms < before_ms, Answered.status != _TAKEN).limit(limit)
    gone = await session.execute(sa.delete(Answered).where(Answered.key.in_(old)))
    return int(getattr(gone, "rowcount", 0))


async def forget_claims(session: AsyncSession, *, before_ms: int, limit: int = 5_000) -> int:
    """Let go of names taken before that; how many. From then on another request may have them."""
    old = sa.select(Answered.key).where(Answered.at_ms < before_ms, Answered.status == _TAKEN).limit(limit)
    gone = await session.execute(sa.delete(Answered).where(Answered.key.in_(old)))
    return int(getattr(gone, "rowcount", 0))


async def claim(session: AsyncSession, name: str, key: str, now_ms: int) -> bool:
    """Take a name that only one request may ever have (a till's receipt); False when another has it."""
    digest = hashlib.sha256(key.encode()).digest()
    row: tuple[Any, ...] = (f"!{name}", digest, _TAKEN, {}, now_ms)
    if await bulk_insert(session, Answered, [row], skip_known=True):
        return True
    known = await session.scalar(sa.select(Answered.digest).where(Answered.key == f"!{name}"))
    return known == digest


async def _first(session: AsyncSession, key: str, digest: bytes, now_ms: int) -> Answer | None:
    """Claim the key (None), or give the answer that it has. Waits for whoever is claiming it just now."""
    row: tuple[Any, ...] = (key, digest, _UNDER_WAY, {}, now_ms)
    if await bulk_insert(session, Answered, [row], skip_known=True):
        return None
    known = (
        await session.execute(
            sa.select(Answered.digest, Answered.status, Answered.answer).where(Answered.key == key)
        )
    ).one()
    if known.digest != digest:
        raise Conflict(N_("this id was used for another request"))
    return Answer(known.status, known.answer)


def _refusal(error: CentreError) -> Answer:
    status = next(status for status, kind in _REFUSALS.items() if isinstance(error, kind))
    values = {
        name: value if isinstance(value, int | str) else str(value) for name, value in error.values.items()
    }
    fields: Mapping[str, str] = error.fields if isinstance(error, Invalid) else {}
    return Answer(status, {"msgid": error.msgid, "values": values, "fields": dict(fields)})


def _raised(answer: Answer) -> CentreError:
    kind = _REFUSALS[answer.status]
    if issubclass(kind, Invalid):
        return kind(answer.body["fields"], answer.body["msgid"])
    return kind(answer.body["msgid"], **answer.body["values"])


def said(method: str, path: str, body: Mapping[str, Any]) -> bytes:
    """A request as bytes, the same for the same request."""
    return msgspec.json.encode([method, path, body], order="deterministic")
