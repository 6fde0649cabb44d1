"""Names for ids, as the desk's pages show them: people know the shop by its name, and its id only helps."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.books import accounts
from central_server.ledger.cards.programmes import programmes
from central_server.stores import service as stores
from central_server.web.text import N_

ACCOUNTS: Final = {  # what an account is called by its kind
    accounts.AVAILABLE: N_("Another purse"),
    accounts.HELD: N_("Held in another purse"),
    accounts.ESCROW: N_("Lease"),
    accounts.CASH: N_("Cash taken in"),
    accounts.BANK: N_("Money taken in otherwise"),
    accounts.ADJUSTED: N_("Correction"),
    accounts.BONUS: N_("Bonus and points"),
    accounts.CAPTURED: N_("Goods given"),
    accounts.REFUNDED: N_("Paid out"),
    accounts.FORFEITED: N_("Expired"),
    accounts.LOSS: N_("Declared lost"),
    accounts.PARTNER: N_("Partner"),
}
_APPROVAL: Final = re.compile(r"A[0-9a-f]{24}")
_LEASE: Final = re.compile(r"L[A-Z2-7]{16}")
_ID: Final = re.compile(r"[0-9a-f]{16,64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def named(session: AsyncSession) -> dict[str, Any]:
    """What templates need for `desk.place`, `desk.programme`, `desk.side` and `desk.about`."""
    return {
        "store_names": await store_names(session),
        "programmes": await programmes(session),
        "account_labels": ACCOUNTS,
        "about_kind": about_kind,
    }


async def store_names(session: AsyncSession) -> dict[str, str]:
    """What each store is called, by its id."""
    return {store.id: store.name for store in await stores.stores(session)}


def about_kind(text: str) -> Literal["approval", "lease", "id", "text"]:
    """What a transfer is about, as far as its text says: a name for people, or an id that a program made."""
    if _APPROVAL.fullmatch(text):
        return "approval"
    if _LEASE.fullmatch(text):
        return "lease"
    return "id" if _ID.fullmatch(text) else "text"
