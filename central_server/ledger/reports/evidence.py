"""Statements out of the books, and statements that somebody shows held against the books."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import NotFound
from central_server.ledger.books import accounts
from central_server.ledger.books.accounts import account_id, available, held
from central_server.ledger.books.chain import SEQ_BITS, START, Row, batch_hash
from central_server.ledger.models.books import Account, Batch, ChainHead, Transfer
from central_server.ledger.models.leases import Lease
from central_server.ledger.models.lots import Purse
from central_server.ledger.reports import statement
from central_server.ledger.reports.history import EVER_MS, Position, Window, placed
from central_server.ledger.reports.statement import BadStatement, Entry, Flaw, Statement, moment_ms
from central_server.web.text import N_

TRANSFERS_MAX: Final = 500_000  # of all batches that a check reads again; a few seconds
_AT_ONCE: Final = 500
_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,3})/([1-9][0-9]{0,14})")
_CHANGES: Final = (Transfer.seq, Transfer.at_ms, Transfer.kind, Transfer.about, Transfer.id)
_TRANSFERS: Final[Any] = Transfer.__table__  # its columns are a `chain.Row`


async def statement_of(
    session: AsyncSession, purse: str, *, first_ms: int = 0, until_ms: int | None = None, made_ms: int
) -> Statement:
    """What changed the purse in that time; without an end, all that did, up to the balance of its accounts.

    Raises NotFound, and BadStatement when it is too long.
    """
    row = await _purse(session, purse)
    heads = (
        await session.execute(sa.select(ChainHead.chain, ChainHead.number, ChainHead.seq, ChainHead.hash))
    ).all()
    upto = Position({chain: seq - (chain << SEQ_BITS) for chain, _, seq, _ in heads})
    ends = [(f"{chain}/{number}", hash_.hex()) for chain, number, _, hash_ in sorted(heads) if number]
    return await _stated(session, row, first_ms, until_ms, made_ms, upto, ends)


async def verify_statement(session: AsyncSession, shown: Statement) -> list[Flaw]:
    """What is wrong with a statement that somebody shows; empty: it is what the books say, unaltered.

    Raises NotFound for a purse that is none of ours, BadStatement when it names too much to look at.
    """
    row = await _purse(session, shown.purse)
    flaws = []
    if (shown.programme, shown.unit) != (row.programme, row.unit):
        flaws.append(Flaw(0, N_("the programme or the unit is not the purse's")))
    batches = await _batches(session, {name for name, _ in (*shown.batches, *shown.heads)})
    hashes = await _worked_out(session, batches.values())
    upto = Position()
    for name, _ in shown.heads:
        if name in batches:
            batch = batches[name]
            upto[batch.chain] = batch.first_seq + batch.count - 1 - (batch.chain << SEQ_BITS)
    first_ms, until_ms, made_ms = (moment_ms(at) for at in (shown.first, shown.until, shown.made))
    again = await _stated(session, row, first_ms, until_ms, made_ms, upto, shown.heads)
    return flaws + statement.flaws(shown, again, hashes)


async def _purse(session: AsyncSession, purse: str) -> Purse:
    row = await session.get(Purse, purse) if purse.isprintable() and len(purse) <= 64 else None
    if row is None:
        raise NotFound(N_("there is no purse {purse}"), purse=purse[:64])
    return row


async def _stated(
    session: AsyncSession,
    purse: Purse,
    first_ms: int,
    until_ms: int | None,
    made_ms: int,
    upto: Position,
    heads: Iterable[tuple[str, str]],
) -> Statement:
    before = await _changes(session, purse, Window(0, first_ms, upto), total=True)
    rows = await _changes(session, purse, Window(first_ms, EVER_MS if until_ms is None else until_ms, upto))
    if until_ms is None:  # the clock of a store may be ahead of ours
        until_ms = max([made_ms, *(row[1] + 1 for row in rows)])
    names, hashes = await _batches_of(session, [row[0] for row in rows])
    entries = [
        Entry(at_ms, kind, store, about, int(amount), id_.hex(), names[seq])
        for seq, at_ms, kind, about, id_, store, amount in rows
    ]
    return statement.state(
        entries,
        purse=purse.id,
        programme=purse.programme,
        unit=purse.unit,
        opening=sum(int(row[0] or 0) for row in before),
        first_ms=first_ms,
        until_ms=until_ms,
        made_ms=made_ms,
        hashes=hashes,
        heads=heads,
    )


async def _changes(session: AsyncSession, purse: Purse, window: Window, *, total: bool = False) -> list[Any]:
    """The transfers into the purse and out of it, in the order in which they happened; or two sums of them.

    What moves between the purse and its own leases and holds changes nothing and is left out.
    """
    leases = sa.select(Lease.id).where(Lease.purse == purse.id)
    own = [account_id(name(purse.id, purse.unit)) for name in (available, held)]
    escrows = sa.and_(Account.kind == accounts.ESCROW, Account.owner.in_(leases))
    mine = sa.select(Account.id).where(sa.or_(Account.id.in_(own), escrows))
    touched = sa.select(accounts.history(mine).c.seq)
    at = placed()
    parts = []
    for side, other, amount in (
        (Transfer.credit, Transfer.debit, Transfer.amount),
        (Transfer.debit, Transfer.credit, -Transfer.amount),
    ):
        columns = (sa.func.sum(amount),) if total else (*_CHANGES, at.store, amount)
        of = sa.select(*columns).select_from(Transfer if total else at.source)
        crossing = sa.and_(Transfer.seq.in_(touched), side.in_(mine), sa.not_(other.in_(mine)))
        parts.append(of.where(crossing, window.holds()))
    if total:
        return list((await session.execute(sa.union_all(*parts))).all())
    both = sa.union_all(*parts).subquery()
    query = sa.select(both).order_by(both.c.at_ms, both.c.seq).limit(statement.LINES_MAX + 1)
    return list((await session.execute(query)).all())


async def _batches_of(session: AsyncSession, seqs: Collection[int]) -> tuple[dict[int, str], dict[str, str]]:
    """In which batch each transfer is (chain/number), and these batches' hashes.

    A chain's batches have no index by transfer, which every posting would pay for; but both are numbered
    without gaps, so halving the span finds the batch in as many rounds as its number has digits in binary.
    """
    found: dict[int, str] = {}
    hashes: dict[str, str] = {}
    # No batch is empty, so the transfer's number in its chain is the most that its batch's can be.
    spans = {seq: (1, seq - (seq >> SEQ_BITS << SEQ_BITS)) for seq in seqs}
    while spans:
        tries = {seq: (seq >> SEQ_BITS, (low + high) // 2) for seq, (low, high) in spans.items()}
        rows = {(row.chain, row.number): row for row in await _rows(session, set(tries.values()))}
        for seq, key in tries.items():
            row, (low, high) = rows.get(key), spans[seq]
            if row is not None and row.first_seq <= seq < row.first_seq + row.count:
                found[seq] = f"{row.chain}/{row.number}"
                hashes[found[seq]] = row.hash.hex()
                del spans[seq]
            elif row is None or seq < row.first_seq:
                spans[seq] = (low, key[1] - 1)
            else:
                spans[seq] = (key[1] + 1, high)
            if seq in spans and spans[seq][0] > spans[seq][1]:
                raise BadStatement(N_("a transfer is in no batch of its chain: the books are damaged"))
    return found, hashes


async def _batches(session: AsyncSession, names: Iterable[str]) -> dict[str, Any]:
    """The batches called so; what is no name, or of no batch, is left out."""
    keys = {(int(match[1]), int(match[2])) for name in names if (match := _NAME.fullmatch(name))}
    return {f"{row.chain}/{row.number}": row for row in await _rows(session, keys)}


async def _rows(session: AsyncSession, keys: Collection[tuple[int, int]]) -> list[Any]:
    columns = (Batch.chain, Batch.number, Batch.first_seq, Batch.count, Batch.before, Batch.hash)
    wanted = sorted(keys)
    found: list[Any] = []
    for at in range(0, len(wanted), _AT_ONCE):
        some = wanted[at : at + _AT_ONCE]
        query = sa.select(*columns).where(sa.tuple_(Batch.chain, Batch.number).in_(some))
        found += (await session.execute(query)).all()
    return found


async def _worked_out(session: AsyncSession, batches: Collection[Any]) -> dict[str, str]:
    """Each batch's hash, made again of its transfers; without those that are not what their chain says."""
    if sum(batch.count for batch in batches) > TRANSFERS_MAX:
        raise BadStatement(N_("this names too many transfers to look at once; choose a shorter time"))
    before = await _rows(session, {(batch.chain, batch.number - 1) for batch in batches if batch.number > 1})
    ends = {(row.chain, row.number): row.hash for row in before}
    hashes = {}
    for batch in batches:
        last = batch.first_seq + batch.count - 1
        rows = await session.execute(
            sa.select(_TRANSFERS).where(Transfer.seq.between(batch.first_seq, last)).order_by(Transfer.seq)
        )
        transfers: list[Row] = [tuple(row) for row in rows]
        start = ends.get((batch.chain, batch.number - 1), START if batch.number == 1 else None)
        if len(transfers) == batch.count and start == batch.before:
            made = batch_hash(batch.before, batch.chain, batch.number, transfers)
            if made == batch.hash:
                hashes[f"{batch.chain}/{batch.number}"] = made.hex()
    return hashes
