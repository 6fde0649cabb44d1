"""Who may do what: roles and their rights, as data. Routes ask for rights, never for roles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from central_server.web.text import N_

RIGHTS: Final = {
    "overview.read": N_("see the overview"),
    "members.read": N_("see members, masked"),
    "members.write": N_("change members"),
    "members.personal": N_("see members' names and telephone numbers"),
    "sales.read": N_("see sales"),
    "traffic.read": N_("see visitors"),
    "stores.read": N_("see stores and devices"),
    "stores.write": N_("change stores, enrol and revoke edges"),
    "staff.read": N_("see staff"),
    "staff.write": N_("change staff"),
    "audit.read": N_("see who changed what"),
    "aside.read": N_("see events that were set aside"),
    "aside.write": N_("replay events that were set aside"),
    "export": N_("download tables"),
    "programmes.write": N_("change card programmes, catalogue and coupons"),
    "cards.read": N_("see cards"),
    "cards.make": N_("make and activate batches of cards"),
    "cards.write": N_("issue, freeze, replace and cancel cards"),
    "value.read": N_("see balances and statements"),
    "value.ask": N_("ask a balance by card number and PIN"),
    "value.load": N_("top cards up"),
    "value.spend": N_("take payments by card and points"),
    "value.refund": N_("give card money back"),
    "value.correct": N_("ask for corrections of balances"),
    "points.write": N_("give and take points and coupons"),
    "approvals.read": N_("see what waits for a second person"),
    "approvals.decide": N_("be the second person"),
    "leases.read": N_("see leases"),
    "leases.write": N_("recall leases, ask to declare one lost"),
    "ledger.audit": N_("prove the ledger"),
}

ROLES: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "admin": (N_("Administrator"), frozenset(RIGHTS)),
    "manager": (
        N_("Manager"),
        frozenset(RIGHTS)
        - {"members.write", "staff.write", "aside.write"}
        - {
            "value.load",
            "value.spend",
            "value.refund",
            "value.correct",
        },  # decides, and takes no money itself
    ),
    "store_manager": (
        N_("Store manager"),
        frozenset(
            {"overview.read", "members.read", "members.personal", "sales.read", "traffic.read", "stores.read"}
            | {"cards.read", "cards.write", "value.read", "value.load", "value.spend", "value.refund"}
            | {"points.write", "approvals.read", "approvals.decide", "leases.read", "leases.write"}
        ),
    ),
    "cashier": (
        N_("Cashier"),
        frozenset(
            {"members.read", "cards.read", "value.read"} | {"value.load", "value.spend", "value.refund"}
        ),
    ),
    "analyst": (
        N_("Analyst"),
        frozenset({"overview.read", "members.read", "sales.read", "traffic.read", "stores.read", "export"}),
    ),
    "marketing": (
        N_("Marketing"),
        frozenset(
            {"overview.read", "members.read", "members.personal", "sales.read", "traffic.read", "export"}
        ),
    ),
    "service": (
        N_("Customer service"),
        frozenset(
            {"members.read", "members.write", "members.personal", "sales.read"}
            | {"cards.read", "cards.write", "value.read", "value.refund", "value.correct", "points.write"}
            | {"approvals.read"}
        ),
    ),
    "finance": (
        N_("Finance"),
        frozenset(
            {"overview.read", "sales.read", "audit.read", "export", "ledger.audit"}
            | {
                "cards.read",
                "cards.make",
                "value.read",
                "value.correct",
                "approvals.read",
                "approvals.decide",
            }
            | {"leases.read", "leases.write"}
        ),
    ),
    "technician": (
        N_("Technician"),
        frozenset({"stores.read", "stores.write", "traffic.read", "aside.read", "aside.write"}),
    ),
    "auditor": (
        N_("Auditor"),
        frozenset(right for right in RIGHTS if right.endswith(".read")) | {"export", "ledger.audit"},
    ),
}


def rights_of(roles: Iterable[str]) -> frozenset[str]:
    """All that these roles may do together; a role that no longer exists may do nothing."""
    return frozenset().union(*(ROLES[role][1] for role in roles if role in ROLES))
