"""The life of a card: one table of the moves there are. Pure.

    made → stock → issued → active ⇄ frozen
                               ⇅ lost → replaced
                               ⇅ expired → refunded
    and from most of them → cancelled

A move that is not in the table does not happen. `replaced`, `refunded` and `cancelled` are for good: a
replaced card is the tombstone that points at the new one.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple

from central_server.errors import Conflict, NotFound
from central_server.web.text import N_

MADE, STOCK, ISSUED, ACTIVE, FROZEN = "made", "stock", "issued", "active", "frozen"
LOST, REPLACED, EXPIRED, REFUNDED, CANCELLED = "lost", "replaced", "expired", "refunded", "cancelled"
STATES: Final = (MADE, STOCK, ISSUED, ACTIVE, FROZEN, LOST, REPLACED, EXPIRED, REFUNDED, CANCELLED)


class Move(NamedTuple):
    """From which states to which."""

    before: tuple[str, ...]
    after: str


MOVES: Final = MappingProxyType(
    {
        "stock": Move((MADE,), STOCK),
        "issue": Move((MADE, STOCK), ISSUED),
        "activate": Move((ISSUED,), ACTIVE),
        "freeze": Move((ACTIVE,), FROZEN),
        "unfreeze": Move((FROZEN,), ACTIVE),
        "lose": Move((ACTIVE,), LOST),
        "find": Move((LOST,), ACTIVE),
        "replace": Move((ACTIVE, FROZEN, LOST, EXPIRED), REPLACED),
        "expire": Move((ACTIVE, FROZEN), EXPIRED),
        "revive": Move((EXPIRED,), ACTIVE),
        "refund": Move((ACTIVE, EXPIRED), REFUNDED),
        "cancel": Move((MADE, STOCK, ISSUED, ACTIVE, FROZEN, LOST, EXPIRED), CANCELLED),
    }
)

# What a till is told of a card in that state; empty: it may be used.
REASONS: Final = MappingProxyType(
    {
        MADE: "stopped",
        STOCK: "stopped",
        ISSUED: "stopped",
        ACTIVE: "",
        FROZEN: "frozen",
        LOST: "lost",
        REPLACED: "lost",
        EXPIRED: "expired",
        REFUNDED: "stopped",
        CANCELLED: "stopped",
    }
)


def after(state: str, move: str) -> str:
    """The state that `move` leads to. Raises NotFound (no such move) and Conflict (not from that state)."""
    legal = MOVES.get(move)
    if legal is None:
        raise NotFound(N_("there is no move {move}"), move=move)
    if state not in legal.before:
        raise Conflict(N_("a card that is {state} cannot {move}"), state=state, move=move)
    return legal.after


def moves_from(state: str) -> list[str]:
    """What may be done with a card in that state."""
    return [name for name, move in MOVES.items() if state in move.before]
