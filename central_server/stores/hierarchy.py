"""Group, company, store: what there is, and what may be asked about it by modules above."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, NotFound
from central_server.staff.service import Who, differing, record_change
from central_server.stores.models import Login, Org, Store
from central_server.web.deps import Viewer
from central_server.web.text import N_
from sync.contract.errors import BadId
from sync.contract.ids import STORE_PATTERN
from sync.contract.money import exponent
from sync.contract.topics import CENTRE_LOGIN

_KNOWN: Final = (  # made once: to make a statement anew takes as long as to ask it
    sa.select(Store.id)
    .outerjoin(Login, Login.store == Store.id)
    .where(Store.id == sa.bindparam("of"), Login.revoked_ms.is_(None))
)

FORMATS: Final = {
    "supermarket": N_("Supermarket"),
    "department": N_("Department store"),
    "convenience": N_("Convenience store"),
}
KINDS: Final = {"group": N_("Group"), "company": N_("Company")}
STORES_MAX: Final = 20_000
ORGS_MAX: Final = 2_000
_DEPTH_MAX: Final = 10
_TAKEN: Final = frozenset({"new", "orgs", CENTRE_LOGIN})  # pages below /fleet, and the centre's own login
_STORE: Final = re.compile(STORE_PATTERN)


@dataclass(frozen=True)
class NewStore:
    """A store as a form, the API or a command gives one. `opened` as 2026-11-22."""

    id: str
    name: str
    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    region: str = ""
    format: str = "supermarket"
    opened: str | None = None
    org_id: int | None = None


async def add_store(session: AsyncSession, who: Who, new: NewStore, *, now_ms: int) -> Store:
    """Raises Invalid; Conflict when the id is taken or there are STORES_MAX."""
    await _check(session, new)
    if await session.get(Store, new.id) is not None:
        raise Conflict(N_("there is a store {store} already"), store=new.id)
    if (await session.scalar(sa.select(sa.func.count()).select_from(Store)) or 0) >= STORES_MAX:
        raise Conflict(N_("there are too many stores"))
    store = Store(**asdict(new), created_ms=now_ms)
    session.add(store)
    await session.flush()
    await record_change(session, who, "created", "store", store.id, None, asdict(new), now_ms)
    return store


async def change_store(session: AsyncSession, who: Who, new: NewStore, *, now_ms: int) -> Store:
    """Changes everything but the id. Raises NotFound, Invalid."""
    store = await store_with(session, new.id)
    await _check(session, new)
    values = asdict(new)
    old, changed = differing({name: getattr(store, name) for name in values}, values)
    for name, value in changed.items():
        setattr(store, name, value)
    if changed:
        await record_change(session, who, "changed", "store", store.id, old, changed, now_ms)
    return store


async def add_org(
    session: AsyncSession, who: Who, kind: str, name: str, parent_id: int | None, *, now_ms: int
) -> Org:
    """A group or company. Raises Invalid, Conflict."""
    wrong: dict[str, str] = {}
    if kind not in KINDS:
        wrong["kind"] = N_("is none of the choices")
    if not 0 < len(name.strip()) <= 80:
        wrong["name"] = N_("is needed")
    known = {org.id: org for org in await orgs(session)}
    if parent_id is not None and (parent_id not in known or _depth(known, parent_id) >= _DEPTH_MAX):
        wrong["parent_id"] = N_("is none of the choices")
    if wrong:
        raise Invalid(wrong)
    if len(known) >= ORGS_MAX:
        raise Conflict(N_("there are too many organisations"))
    org = Org(kind=kind, name=name.strip(), parent_id=parent_id)
    session.add(org)
    await session.flush()
    new = {"kind": kind, "name": org.name, "parent_id": parent_id}
    await record_change(session, who, "created", "organisation", org.id, None, new, now_ms)
    return org


async def orgs(session: AsyncSession) -> list[Org]:
    """Every group and company, parents before their children (a parent is always the older)."""
    return list((await session.scalars(sa.select(Org).order_by(Org.id).limit(ORGS_MAX))).all())


async def stores(session: AsyncSession, viewer: Viewer | None = None) -> list[Store]:
    """Every store, or those that `viewer` may see, by id."""
    query = sa.select(Store).order_by(Store.id).limit(STORES_MAX)
    if viewer is not None and viewer.stores is not None:
        query = query.where(Store.id.in_(viewer.stores))
    return list((await session.scalars(query)).all())


async def store_with(session: AsyncSession, store: str, viewer: Viewer | None = None) -> Store:
    """That store. Raises NotFound, also when `viewer` may not see it."""
    found = await session.get(Store, store)
    if found is None or (viewer is not None and not viewer.may_see(store)):
        raise NotFound(N_("there is no store {store}"), store=store)
    return found


async def is_known(session: AsyncSession, store: str) -> bool:
    """Whether there is such a store, and its edge was not shut out; what others send is not taken.

    Also asked when the broker is somebody else's, who knows nothing of whom we have shut out.
    """
    return await session.scalar(_KNOWN, {"of": store}) is not None


async def timezone_of(session: AsyncSession, store: str) -> str:
    """The IANA time zone of a store. Raises NotFound."""
    return (await store_with(session, store)).timezone


async def timezones_of(session: AsyncSession, named: Collection[str]) -> dict[str, str]:
    """The IANA time zones of those of these stores that there are."""
    rows = await session.execute(sa.select(Store.id, Store.timezone).where(Store.id.in_(named)))
    return {row.id: row.timezone for row in rows}


async def stores_below(session: AsyncSession, org_id: int) -> list[str]:
    """The stores of a group or company and of all below it."""
    known = await orgs(session)
    below = {org_id}
    for org in known:  # parents come first
        if org.parent_id in below:
            below.add(org.id)
    query = sa.select(Store.id).where(Store.org_id.in_(below)).order_by(Store.id).limit(STORES_MAX)
    return list((await session.scalars(query)).all())


def path_of(orgs_by_id: dict[int, Org], org_id: int | None) -> Sequence[Org]:
    """From the topmost group down to `org_id`."""
    path: list[Org] = []
    while org_id is not None and org_id in orgs_by_id and len(path) <= _DEPTH_MAX:
        path.append(orgs_by_id[org_id])
        org_id = path[-1].parent_id
    return path[::-1]


def _depth(known: dict[int, Org], org_id: int) -> int:
    return len(path_of(known, org_id))


async def _check(session: AsyncSession, new: NewStore) -> None:
    wrong: dict[str, str] = {}
    if not _STORE.fullmatch(new.id) or new.id in _TAKEN:
        wrong["id"] = N_("1 to 32 of a-z, 0-9 and '-', not starting with '-'")
    if not 0 < len(new.name.strip()) <= 80:
        wrong["name"] = N_("is needed")
    if new.timezone not in _timezones():
        wrong["timezone"] = N_("there is no such time zone")
    if new.format not in FORMATS:
        wrong["format"] = N_("is none of the choices")
    try:
        exponent(new.currency)
    except BadId:
        wrong["currency"] = N_("three capital letters, as CNY")
    try:
        date.fromisoformat(new.opened or "2000-01-01")
    except ValueError:
        wrong["opened"] = N_("must be a date, as 2026-11-22")
    if new.org_id is not None and await session.get(Org, new.org_id) is None:
        wrong["org_id"] = N_("is none of the choices")
    if wrong:
        raise Invalid(wrong)


@lru_cache(maxsize=1)
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
