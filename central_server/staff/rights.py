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
}

ROLES: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "admin": (N_("Administrator"), frozenset(RIGHTS)),
    "manager": (N_("Manager"), frozenset(RIGHTS) - {"members.write", "staff.write", "aside.write"}),
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
        frozenset({"members.read", "members.write", "members.personal", "sales.read"}),
    ),
    "finance": (N_("Finance"), frozenset({"overview.read", "sales.read", "audit.read", "export"})),
    "technician": (
        N_("Technician"),
        frozenset({"stores.read", "stores.write", "traffic.read", "aside.read", "aside.write"}),
    ),
    "auditor": (
        N_("Auditor"),
        frozenset(right for right in RIGHTS if right.endswith(".read")) | {"export"},
    ),
}


def rights_of(roles: Iterable[str]) -> frozenset[str]:
    """All that these roles may do together; a role that no longer exists may do nothing."""
    return frozenset().union(*(ROLES[role][1] for role in roles if role in ROLES))
