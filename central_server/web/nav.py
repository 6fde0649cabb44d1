"""The doors in the page's head: each is shown to those who may open it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from central_server.web.deps import Viewer
from central_server.web.text import N_


@dataclass(frozen=True)
class Door:
    """A place to go. `icon` is a symbol in static/icons.svg; `label` is an English msgid."""

    href: str
    right: str
    icon: str
    label: str


DOORS: Final = (
    Door("/", "overview.read", "overview", N_("Overview")),
    Door("/members", "members.read", "members", N_("Members")),
    Door("/cards", "cards.read", "card", N_("Cards")),
    Door("/approvals", "approvals.read", "check", N_("Approvals")),
    Door("/sales", "sales.read", "sales", N_("Sales")),
    Door("/traffic", "traffic.read", "traffic", N_("Traffic")),
    Door("/fleet", "stores.read", "fleet", N_("Fleet")),
    Door("/aside", "aside.read", "aside", N_("Set aside")),
    Door("/staff", "staff.read", "staff", N_("Staff")),
    Door("/audit", "audit.read", "audit", N_("Audit")),
)


def nav_for(viewer: Viewer | None, path: str) -> list[tuple[Door, bool]]:
    """The doors `viewer` may open, each with whether `path` is behind it."""
    return [(door, _behind(door, path)) for door in DOORS if viewer is not None and viewer.may(door.right)]


def home_of(rights: Collection[str]) -> str:
    """Where somebody with these rights begins: the first door they may open, else their account."""
    return next((door.href for door in DOORS if door.right in rights), "/me")


def _behind(door: Door, path: str) -> bool:
    return path == door.href or (door.href != "/" and path.startswith(f"{door.href}/"))
