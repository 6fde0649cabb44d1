"""Leases: how value and points leave a card in a store, with the line up or down (DESIGN section 5).

    a card is presented   edge   Ask ───────────────────────────►  centre   available → escrow(lease)
                          edge   ◄── Answered, and LeaseTold in the store's feed
    the cashier takes it  edge   one local transaction: the lease, the journal, a `LeaseRecord`
    what is left          edge   LeaseRecord(close) ────────────►  centre   escrow → available

Every lease has records 1, 2, 3 … in a chain: the first is its `open`, the last its `close`, and the `mac` of
each is made of the one before with the key of the store. So the centre has a prefix of what the store wrote,
knows it is the store's, and a lost, doubled, altered or invented record shows.

A lease comes from the centre (`granted` > 0) or is opened by the store itself with nothing in it, to take a
top-up or a refund while the line is down. Pure: keys, times and random bytes are handed in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Literal

POINTS = "PTS"  # the unit of points, where money has its currency
DRIFT = 0.02  # by so much of its length a lease ends earlier at the edge: clocks drift, by far less
RECORDS_MAX = 10_000  # of one lease; it is closed then
MAC_HEX_DIGITS = 32
PIN_DIGITS = (4, 12)
LEASE_RANDOM_BYTES = 10

Kind = Literal["open", "spend", "refund", "top", "close"]


def lease_key(store_key: bytes) -> bytes:
    """The key of a store's leases, made of the store's own; the centre makes the same."""
    return hmac.digest(store_key, b"tillbeam leases 1", "sha256")


def lease_id(random: bytes) -> str:
    """``L`` and sixteen of A-Z and 2-7, made of `LEASE_RANDOM_BYTES`."""
    return "L" + base64.b32encode(random[:LEASE_RANDOM_BYTES]).decode()[:16]


def record_mac(
    key: bytes,
    before: str,
    *,
    lease: str,
    number: int,
    kind: Kind,
    purse: str,
    unit: str,
    amount: int,
    till: str,
    txn: str,
    receipt: str,
    cashier: str,
    refers_to: str,
) -> str:
    """A record's mac: `before` is the mac of the record before, and for the first the grant's `seal`.

    Every field that means money or answers for it is in; where and when are the envelope's.
    """
    said = [
        before,
        lease,
        str(number),
        kind,
        purse,
        unit,
        str(amount),
        till,
        txn,
        receipt,
        cashier,
        refers_to,
    ]
    return _mac(key, "record", said)


def grant_seal(
    key: bytes, *, lease: str, store: str, epoch: str, purse: str, unit: str, granted: int, recalled: bool
) -> str:
    """What a `LeaseTold` must carry, so that neither a broker nor another store can make one.

    A lease that a store opens itself has the seal of ``granted=0, recalled=False``.
    """
    return _mac(key, "grant", [lease, store, epoch, purse, unit, str(granted), str(int(recalled))])


def same(first: str, second: str) -> bool:
    """Whether two macs or seals are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(first.encode(), second.encode())


def pin_check(pin: str, salt: bytes) -> bytes:
    """32 bytes that tell a PIN: scrypt with 8 MiB, about 30 ms.

    Four digits can be guessed from it, so it lives closed at the centre and in an edge's memory, never on
    an edge's disk.
    """
    return hashlib.scrypt(pin.encode(), salt=salt, n=2**13, r=8, p=1, dklen=32)


def _mac(key: bytes, what: str, fields: list[str]) -> str:
    # Lengths in front: ("a", "bc") is not ("ab", "c").
    text = "".join(f"{len(field)}:{field}" for field in (what, *fields))
    return hmac.digest(key, text.encode(), "sha256").hex()[:MAC_HEX_DIGITS]
