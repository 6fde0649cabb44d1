"""Posting: a set of transfers goes into the books, whole or (not strict) each by itself.

    post ─► read and lock the accounts, in the order of their numbers (SQLite: those not `remembered`)
            which of these ids are known
            the end of a chain                                 one hop to SQLite's thread, or
            decide (pure)                                      three statements to PostgreSQL
            add transfers and their batch, set balances, move the end of the chain

Two who post the same id at once both lock its accounts first, so the second sees the first. Only when the
second means other accounts may both get as far as the unique key; it must look again then, and finds a
conflict.

Accounts and chain are written beside SQLAlchemy's session: ask for columns, not for entities.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain as chained
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from central_server.errors import Busy, Conflict, Invalid
from central_server.ledger.books.chain import CHAINS_POSTGRESQL, SEQ_BITS, START, Head, Row, empty, next_head
from central_server.ledger.books.deciding import (
    ID_BYTES,
    Body,
    Decided,
    NewTransfer,
    OtherBody,
    Outcome,
    Short,
    Standing,
    decide,
)
from central_server.ledger.books.remembered import Remembered
from central_server.sqlite import BESIDE, in_one_hop
from central_server.web.text import N_

__all__ = ["NewTransfer", "OtherBody", "Outcome", "PostedMeanwhile", "Short", "post", "posting_id"]

BATCH_MAX = 2_000  # transfers; of a longer set, the rest is a batch of its own in the same transaction


class PostedMeanwhile(Busy, OSError):
    """Another process used the id for other accounts in this very moment. `Database.run` looks again."""

    def __init__(self) -> None:
        Busy.__init__(self, N_("somebody posted the same meanwhile; try again"))


def posting_id(*parts: str) -> bytes:
    """The id of a transfer, from what makes it the only one: ``posting_id("lease", lease, str(number))``.

    The same fact has the same id wherever it is worked out.
    """
    said = b"".join(b"%d:%b" % (len(part), part) for part in map(str.encode, parts))
    return hashlib.sha256(said).digest()[:ID_BYTES]


async def post(
    session: AsyncSession, transfers: Sequence[NewTransfer], *, strict: bool = True
) -> list[Outcome]:
    """Post a set in its order; what became of each. What one transfer brings, the next may use.

    Strict: Short or OtherBody (a Conflict) is raised at the first that cannot be posted, and none is. Not
    strict: the others are posted. Raises Invalid for what can never be posted, and then none is; and
    PostedMeanwhile, after which the transaction is to be done again.
    """
    if session.new or session.dirty or session.deleted:
        await session.flush()  # what the session holds came first
    connection = await session.connection()
    outcomes: list[Outcome] = []
    for at in range(0, len(transfers), BATCH_MAX):
        batch = transfers[at : at + BATCH_MAX]
        if connection.dialect.name == "sqlite":
            work = _sqlite_work(batch, strict, _remembered(connection))
            outcomes += await in_one_hop(connection, work, "posting")
        else:
            outcomes += await _post_on_postgresql(connection, batch, strict)
    return outcomes


def _accounts_in(transfers: Sequence[NewTransfer]) -> set[int]:
    return {each.debit for each in transfers} | {each.credit for each in transfers}


def _by_number(accounts: Iterable[Any]) -> dict[int, Standing]:
    return {each[0]: each for each in accounts}


# ── SQLite ──────────────────────────────────────────────────────────────────────────────────────────────────

_READ = "SELECT id, unit, balance, guarded, last_seq FROM account WHERE id IN"
_KNOWN = "SELECT seq, id, debit, credit, unit, amount, kind, about FROM transfer WHERE id IN"
_HEAD = "SELECT chain, number, seq, hash FROM ledger_chain WHERE chain = 0"
_FIRST_HEAD = "INSERT INTO ledger_chain (chain, number, seq, hash) VALUES (?, ?, ?, ?)"
_MOVE_HEAD = "UPDATE ledger_chain SET number = ?, seq = ?, hash = ? WHERE chain = ?"
_ADD_BATCH = (
    'INSERT INTO ledger_batch (chain, number, first_seq, "count", before, hash) VALUES (?, ?, ?, ?, ?, ?)'
)
# OR FAIL: without it SQLite keeps a copy of every page that the statement touches, to take the whole of it
# back should one row fail, which takes as long as the rows themselves. The rows before that one stay.
_ADD = (
    "INSERT OR FAIL INTO transfer (seq, id, debit, credit, unit, amount, kind, about, at_ms,"
    " debit_before, credit_before) VALUES"
)
_SET = (
    "UPDATE OR FAIL account SET balance = new.column2, last_seq = new.column3 FROM (VALUES {}) AS new"
    " WHERE account.id = new.column1"
)
_PIECE_MAX = 2_048  # rows of a statement: 11 × 2048 parameters; SQLite takes 32,766


def _remembered(connection: AsyncConnection) -> Remembered:
    """What is remembered of this database's accounts, by everybody in this process who posts to it."""
    plain = connection.sync_connection
    beside: dict[Any, Any] = {} if plain is None else plain.get_execution_options().get(BESIDE, {})
    remembered: Remembered = beside.setdefault(Remembered, Remembered())
    return remembered


def _sqlite_work(
    transfers: Sequence[NewTransfer], strict: bool, remembered: Remembered
) -> Callable[[sqlite3.Connection], list[Outcome]]:
    """What is done in SQLite's thread.

    A strict set asks first which of its ids are known. Otherwise mostly none is and all can be posted, so
    the unique key is asked by adding them. When it says no, or something is short, the books are asked and
    the set is decided again: nothing changes by that up to the first that is known, and what was added stays.
    """

    def work(driver: sqlite3.Connection) -> list[Outcome]:
        found = driver.execute(_HEAD).fetchone()
        head = Head(*found) if found else empty(0)
        there, wanted = remembered.at(head.hash), _accounts_in(transfers)
        accounts, unread = there, wanted.difference(there)
        if unread:
            accounts = {number: there[number] for number in wanted - unread}
            accounts |= _by_number(_asked(driver, _READ, list(unread)))
        changes, decided = driver.total_changes, None
        if not strict:
            decided = _decide_all_new(transfers, accounts, head)
        if decided is None or not _add(driver, decided.rows):
            added = driver.total_changes - changes
            asked = _asked(driver, _KNOWN, [each.id for each in transfers])
            known = {id_: tuple(body) for seq, id_, *body in asked if seq <= head.seq}
            decided = decide(transfers, accounts, known, head.seq, strict=strict)
            if not _add(driver, decided.rows[added:]):
                raise sqlite3.IntegrityError("the end of the chain is not where it is kept")
        if decided.rows:
            if not found:
                driver.execute(_FIRST_HEAD, head)
            end = _write_on_sqlite(driver, decided, head)
            remembered.moved(there, decided.accounts, end.hash)
        return decided.outcomes

    return work


def _decide_all_new(
    transfers: Sequence[NewTransfer], accounts: Mapping[int, Standing], head: Head
) -> Decided | None:
    """What is decided if no id is known; None if then not all can be posted."""
    try:
        decided = decide(transfers, accounts, {}, head.seq, strict=True)
    except (Conflict, Invalid):
        return None
    return decided if len(decided.rows) == len(transfers) else None


def _add(driver: sqlite3.Connection, rows: Sequence[Row]) -> bool:
    """Add rows up to the first whose id is known; whether that was all."""
    try:
        for at, size in _pieces(len(rows)):
            driver.execute(_adding(size), list(chained.from_iterable(rows[at : at + size])))
    except sqlite3.IntegrityError:
        return False
    return True


def _write_on_sqlite(driver: sqlite3.Connection, decided: Decided, head: Head) -> Head:
    rows, new = decided.rows, next_head(head, decided.rows)
    for at, size in _pieces(len(decided.accounts)):
        values: list[int] = []
        for number, _, balance, _, last_seq in decided.accounts[at : at + size]:
            values += number, balance, last_seq
        if driver.execute(_setting(size), values).rowcount != size:
            raise sqlite3.IntegrityError("an account is gone")
    driver.execute(_ADD_BATCH, (new.chain, new.number, rows[0][0], len(rows), head.hash, new.hash))
    driver.execute(_MOVE_HEAD, (new.number, new.seq, new.hash, new.chain))
    return new


def _asked(driver: sqlite3.Connection, question: str, keys: list[Any]) -> list[Any]:
    """Rows by their keys, in few statements that SQLite knows already: the last key fills up to 2^n."""
    found: list[Any] = []
    for at in range(0, len(keys), _PIECE_MAX):
        some = keys[at : at + _PIECE_MAX]
        size = 1 << (len(some) - 1).bit_length()
        found += driver.execute(_asking(question, size), some + some[-1:] * (size - len(some))).fetchall()
    return found


def _pieces(rows: int) -> Iterator[tuple[int, int]]:
    """`rows` in pieces of 2^n, so that SQLite knows each statement already: where, how many."""
    at, size = 0, _PIECE_MAX
    while at < rows:
        while size > rows - at:
            size //= 2
        yield at, size
        at += size


@lru_cache
def _asking(question: str, size: int) -> str:
    return f"{question} ({', '.join('?' * size)})"


@lru_cache
def _adding(size: int) -> str:
    return f"{_ADD} {', '.join(['(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'] * size)}"


@lru_cache
def _setting(size: int) -> str:
    return _SET.format(", ".join(["(?, ?, ?)"] * size))


# ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────

_LOCK = (
    "SELECT id, unit, balance, guarded, last_seq FROM account WHERE id = ANY($1::bigint[])"
    " ORDER BY id FOR NO KEY UPDATE"
)
_LOOK = (  # the end of a chain that nobody else is writing to, beside each transfer that is known
    "SELECT h.chain, h.number, h.seq, h.hash, k.id, k.debit, k.credit, k.unit, k.amount, k.kind, k.about"
    " FROM (SELECT * FROM ledger_chain ORDER BY chain LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS h"
    " LEFT JOIN transfer AS k ON k.id = ANY($1::bytea[])"
)
_LOOK_AT = (  # the same with a chain that we wait for
    "SELECT h.chain, h.number, h.seq, h.hash, k.id, k.debit, k.credit, k.unit, k.amount, k.kind, k.about"
    " FROM (SELECT * FROM ledger_chain WHERE chain = $2 FOR NO KEY UPDATE) AS h"
    " LEFT JOIN transfer AS k ON k.id = ANY($1::bytea[])"
)
_FIRST_HEADS = (
    f"INSERT INTO ledger_chain SELECT n, 0, n::bigint << {SEQ_BITS}, $1"  # noqa: S608 (our own number)
    f" FROM generate_series(0, {CHAINS_POSTGRESQL - 1}) AS n ON CONFLICT DO NOTHING"
)


# An array as PostgreSQL writes it. asyncpg asks of every element of a list whether it is a list itself, which
# for the 1,700 of a set of 100 takes as long as everything else that is done here.


def _integers(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _texts(values: Iterable[str]) -> str:
    quoted = [each.replace("\\", r"\\").replace('"', r"\"") for each in values]
    return '{"' + '","'.join(quoted) + '"}'


def _blobs(values: Iterable[bytes]) -> str:
    return "{" + ",".join([r'"\\x' + each.hex() + '"' for each in values]) + "}"


_SAID: tuple[Callable[[Any], str], ...] = (  # of a `Row`
    _integers, _blobs, _integers, _integers, _texts, _integers, _texts, _texts,
    _integers, _integers, _integers,
)  # fmt: skip
_WRITE = (
    "WITH added AS (INSERT INTO transfer (seq, id, debit, credit, unit, amount, kind, about, at_ms,"
    " debit_before, credit_before)"
    " SELECT * FROM unnest($1::text::bigint[], $2::text::bytea[], $3::text::bigint[], $4::text::bigint[],"
    " $5::text::text[], $6::text::bigint[], $7::text::text[], $8::text::text[], $9::text::bigint[],"
    " $10::text::bigint[], $11::text::bigint[])),"
    ' batch AS (INSERT INTO ledger_batch (chain, number, first_seq, "count", before, hash)'
    " VALUES ($12, $13, $14, $15, $16, $17)),"
    " head AS (UPDATE ledger_chain SET number = $13, seq = $18, hash = $17 WHERE chain = $12)"
    " UPDATE account SET balance = new.balance, last_seq = new.last_seq"
    " FROM unnest($19::text::bigint[], $20::text::bigint[], $21::text::bigint[])"
    " AS new (id, balance, last_seq) WHERE account.id = new.id"
)


async def _post_on_postgresql(
    connection: AsyncConnection, transfers: Sequence[NewTransfer], strict: bool
) -> list[Outcome]:
    accounts = _by_number(await _asked_of(connection, _LOCK, sorted(_accounts_in(transfers))))
    # Only now, when nobody else can be posting to these accounts.
    head, known = await _look(connection, [each.id for each in transfers])
    decided = decide(transfers, accounts, known, head.seq, strict=strict)
    if decided.rows:
        await _write_on_postgresql(connection, decided, head)
    return decided.outcomes


async def _look(connection: AsyncConnection, ids: list[bytes]) -> tuple[Head, dict[bytes, Body]]:
    """The end of a chain, ours until the transaction ends, and what the books hold of `ids`.

    A chain that nobody else is writing to; if there is none, the one that the first id falls on.
    """
    found = await _asked_of(connection, _LOOK, ids)
    if not found:
        await connection.exec_driver_sql(_FIRST_HEADS, (START,))
        found = await _asked_of(connection, _LOOK, ids)
    if not found:
        found = await _asked_of(connection, _LOOK_AT, ids, ids[0][0] % CHAINS_POSTGRESQL)
    known: dict[bytes, Body] = {row[4]: tuple(row[5:]) for row in found if row[4] is not None}
    return Head(*found[0][:4]), known


async def _asked_of(connection: AsyncConnection, question: str, *parameters: Any) -> Sequence[Any]:
    return (await connection.exec_driver_sql(question, parameters)).all()


async def _write_on_postgresql(connection: AsyncConnection, decided: Decided, head: Head) -> None:
    rows, new = decided.rows, next_head(head, decided.rows)
    batch = (new.chain, new.number, rows[0][0], len(rows), head.hash, new.hash, new.seq)
    numbers, _, balances, _, last_seqs = zip(*decided.accounts, strict=True)
    columns = [said(column) for said, column in zip(_SAID, zip(*rows, strict=True), strict=True)]
    accounts = map(_integers, (numbers, balances, last_seqs))
    try:
        await connection.exec_driver_sql(_WRITE, (*columns, *batch, *accounts))
    except IntegrityError as error:
        raise PostedMeanwhile from error
