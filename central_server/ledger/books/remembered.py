"""Accounts as the end of the chain left them, so that the next set need not read them again (SQLite).

Every change of a balance is in the chain, so accounts that were right at an end are right as long as the
chain ends there, whoever else has the file open and whatever became of the transaction: if it was rolled
back, or another process posted, the end is another, and nothing is remembered. Only accounts of posted
transfers are kept, because only those are in the chain. A hot account is hardly ever read; balances that
somebody altered by hand are found by `verify`, as they always were.
"""

from __future__ import annotations

from collections.abc import Iterable

from central_server.ledger.books.deciding import Standing

ACCOUNTS_MAX = 32_768  # some 8 MiB; past that all are forgotten and the next sets read theirs again


class Remembered:
    """Accounts by number, good for one end of the chain. One writer at a time."""

    def __init__(self) -> None:
        self._end = b""
        self._accounts: dict[int, Standing] = {}

    def at(self, end: bytes) -> dict[int, Standing]:
        """What is known of the accounts where the chain ends with the hash `end`."""
        return self._accounts if end == self._end else {}

    def moved(self, accounts: dict[int, Standing], changed: Iterable[Standing], end: bytes) -> None:
        """What `at` gave, and was `changed` since, is good for the hash `end`."""
        accounts.update((each[0], each) for each in changed)
        self._end, self._accounts = end, accounts if len(accounts) <= ACCOUNTS_MAX else {}
