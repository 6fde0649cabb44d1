"""Names that a till's pages may say again: who paid, and whose cards are known by their purses alone.

In memory only, as masked as they were shown: the disk says of no payment whose it was.
"""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")

KEPT = 2_000  # of each kind; beyond, the oldest is forgotten, and the pages say no name


class Holders:
    """What the tills of a store have shown since the agent began."""

    def __init__(self) -> None:
        self._paid: dict[tuple[str, str], str] = {}
        self._bearers: dict[str, str] = {}

    def paid(self, till: str, txn: str, name: str) -> None:
        """The holder of the card that a till's transaction was about."""
        _keep(self._paid, (till, txn), name)

    def of(self, till: str, txn: str) -> str:
        """Their name; empty when nobody knows it any more."""
        return self._paid.get((till, txn), "")

    def bears(self, card: str, name: str) -> None:
        """That card has purses though no member; `name` is what head office calls its bearer, if anything."""
        _keep(self._bearers, card, name)

    def bearer(self, card: str) -> str | None:
        """Its bearer's name; None when the card is not known by its purses."""
        return self._bearers.get(card)


def _keep(kept: dict[K, str], key: K, name: str) -> None:
    kept.pop(key, None)
    kept[key] = name
    if len(kept) > KEPT:
        del kept[next(iter(kept))]
