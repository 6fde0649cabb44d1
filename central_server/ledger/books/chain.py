"""The chain: every set that is posted is a batch, and each batch's hash has the one before in it.

    hash = SHA-256( before ‖ MessagePack [chain, number, first_seq, [transfer, …]] )
    transfer = [seq, id, debit, credit, unit, amount, kind, about, at_ms, debit_before, credit_before]

`before` is the hash of the batch before, 32 zero bytes for the first of a chain. MessagePack in its smallest
forms (integers as short as they go, text as str, `id` as bin), which is one sequence of bytes only. A
transfer's accounts are in it by number, and the number is made of the account's name: so the chain holds who
paid whom, how much, of what, why, when, and in which order. Whoever keeps a head elsewhere can tell later
that nothing up to it was altered.

SQLite has one chain, as it has one writer. PostgreSQL has several: a writer takes the end of any that nobody
else is writing to, so that writers do not stand in one row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

SEQ_BITS = 48  # of a transfer's number in its chain; the chain's number stands in front
CHAINS_SQLITE = 1
CHAINS_POSTGRESQL = 16  # more than one process has connections in use at once; past that, writers wait
START = bytes(32)

# A transfer as drawn above: also the columns of the table, in their order.
Row = tuple[int, bytes, int, int, str, int, str, str, int, int, int]


class Head(NamedTuple):
    """The end of a chain: its last batch's number and hash, its last transfer's `seq`."""

    chain: int
    number: int
    seq: int
    hash: bytes


def empty(chain: int) -> Head:
    """The head of a chain that has nothing in it."""
    return Head(chain, 0, chain << SEQ_BITS, START)


def next_head(head: Head, rows: Sequence[Row]) -> Head:
    """The head after one more batch of `rows`, whose `seq` follow the head's."""
    number = head.number + 1
    return Head(head.chain, number, rows[-1][0], batch_hash(head.hash, head.chain, number, rows))


def batch_hash(before: bytes, chain: int, number: int, rows: Sequence[Row]) -> bytes:
    """The hash of batch `number` of a chain, as drawn above."""
    said = msgspec.msgpack.encode((chain, number, rows[0][0], rows))
    return hashlib.sha256(before + said).digest()
