"""Whether the chains are whole: batch after batch, each with its transfers, each hash worked out again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.books.chain import SEQ_BITS, Head, Row, batch_hash, empty
from central_server.ledger.books.deciding import ABOUT_MAX_CHARS, ID_BYTES
from central_server.ledger.books.findings import Found, Wrong
from central_server.ledger.books.posting import BATCH_MAX
from central_server.ledger.models.books import Batch, ChainHead, Transfer
from central_server.web.text import N_
from sync.contract.money import MINOR_MAX

AT_ONCE = 5_000
_TRANSFERS: Any = Transfer.__table__
_BATCHES: Any = Batch.__table__
_HEADS: Any = ChainHead.__table__


async def check_chains(session: AsyncSession, found: Found, kept: Sequence[Head] = ()) -> Wrong | None:
    """Every chain from its first batch to its end, and that it went through the ends that were `kept`."""
    heads = {row.chain: Head(*row) for row in (await session.execute(sa.select(_HEADS))).all()}
    begun = set((await session.execute(sa.select(_BATCHES.c.chain).distinct())).scalars())
    for chain in sorted(
        {*heads, *begun, *await _chains_of_transfers(session), *(each.chain for each in kept)}
    ):
        after = {each.number: each for each in kept if each.chain == chain}
        wrong = await _check_chain(session, chain, heads.get(chain), after, found)
        if wrong is not None:
            return wrong
    return None


async def _check_chain(
    session: AsyncSession, chain: int, end: Head | None, kept: dict[int, Head], found: Found
) -> Wrong | None:
    async with (
        aclosing(_transfers(session, chain)) as transfers,
        aclosing(_batches(session, chain)) as batches,
    ):
        return await _follow(chain, batches, transfers, end, kept, found)


async def _follow(
    chain: int,
    batches: AsyncIterator[Any],
    transfers: AsyncIterator[Row],
    end: Head | None,
    kept: dict[int, Head],
    found: Found,
) -> Wrong | None:
    last = empty(chain)
    async for batch in batches:
        where: dict[str, object] = {"chain": chain, "batch": last.number + 1}
        if batch.number != last.number + 1:
            return Wrong(N_("batch {batch} of chain {chain} is missing"), where)
        if batch.before != last.hash:
            return Wrong(N_("batch {batch} of chain {chain} does not follow the one before it"), where)
        if batch.first_seq != last.seq + 1 or not 0 < batch.count <= BATCH_MAX:
            return Wrong(
                N_("batch {batch} of chain {chain} says it has other transfers than come next"), where
            )
        rows: list[Row] = []
        for seq in range(batch.first_seq, batch.first_seq + batch.count):
            row = await anext(transfers, None)
            if row is None or row[0] > seq:
                return Wrong(
                    N_("transfer {number} of chain {chain} is missing, in batch {batch}"),
                    where | _number(seq),
                )
            if row[0] < seq:
                return _in_no_batch(row)
            rows.append(row)
        if batch_hash(last.hash, chain, batch.number, rows) != batch.hash:
            return _not_as_posted(rows, where)
        last = Head(chain, batch.number, rows[-1][0], batch.hash)
        if batch.number in kept and kept[batch.number].hash != batch.hash:
            return Wrong(N_("batch {batch} of chain {chain} is another than the one that was kept"), where)
        found.batches += 1
        found.transfers += batch.count
    extra = await anext(transfers, None)
    if extra is not None:
        return _in_no_batch(extra)
    if end != last and (end is not None or last.number):
        return Wrong(
            N_("chain {chain} ends with batch {batch}, and its end is kept otherwise"),
            {"chain": chain, "batch": last.number},
        )
    if kept and max(kept) > last.number:
        return Wrong(
            N_("chain {chain} ends with batch {batch}, and a later one was kept"),
            {"chain": chain, "batch": last.number},
        )
    if last.number:
        found.heads.append(last)
    return None


async def _chains_of_transfers(session: AsyncSession) -> set[int]:
    """Chains that some transfer says it is of; one step for each."""
    chains: set[int] = set()
    query = sa.select(_TRANSFERS.c.seq).order_by(_TRANSFERS.c.seq).limit(1)
    seq = (await session.execute(query)).scalar()
    while seq is not None:
        chains.add(seq >> SEQ_BITS)
        following = query.where(_TRANSFERS.c.seq > (seq | (1 << SEQ_BITS) - 1))
        seq = (await session.execute(following)).scalar()
    return chains


async def _batches(session: AsyncSession, chain: int) -> AsyncGenerator[Any, None]:
    query = sa.select(_BATCHES).where(_BATCHES.c.chain == chain).order_by(_BATCHES.c.number).limit(AT_ONCE)
    after: int | None = None
    while True:
        later = query if after is None else query.where(_BATCHES.c.number > after)
        rows = (await session.execute(later)).all()
        for row in rows:
            yield row
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].number


async def _transfers(session: AsyncSession, chain: int) -> AsyncGenerator[Row, None]:
    after, end = (chain << SEQ_BITS) - 1, (chain + 1 << SEQ_BITS) - 1
    query = sa.select(_TRANSFERS).order_by(_TRANSFERS.c.seq).limit(AT_ONCE)
    while True:
        some = query.where(_TRANSFERS.c.seq > after, _TRANSFERS.c.seq <= end)
        rows = (await session.execute(some)).all()
        for row in rows:
            yield tuple(row)
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].seq


def _not_as_posted(rows: list[Row], where: dict[str, object]) -> Wrong:
    """The transfer that could never have been posted, if there is one; otherwise the batch."""
    for seq, id_, debit, credit, _unit, amount, _kind, about, *_rest in rows:
        if (
            len(id_) != ID_BYTES
            or debit == credit
            or not 0 < amount <= MINOR_MAX
            or len(about) > ABOUT_MAX_CHARS
        ):
            return Wrong(
                N_("transfer {number} of chain {chain} is not what was posted, in batch {batch}"),
                where | _number(seq),
            )
    return Wrong(
        N_("batch {batch} of chain {chain} (transfers {first} to {last}) is not what was posted"),
        where | {"first": _number(rows[0][0])["number"], "last": _number(rows[-1][0])["number"]},
    )


def _in_no_batch(row: Row) -> Wrong:
    return Wrong(
        N_("transfer {number} of chain {chain} is in no batch"),
        _number(row[0]) | {"chain": row[0] >> SEQ_BITS},
    )


def _number(seq: int) -> dict[str, object]:
    return {"number": seq & (1 << SEQ_BITS) - 1}
