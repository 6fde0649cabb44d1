"""Every store at a glance, those that need somebody first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.stores.hierarchy import stores
from central_server.stores.models import Health, Login, OpenAlarm, Store
from central_server.web.deps import Viewer
from central_server.web.text import N_

HEARTBEAT_MS: Final = 60_000  # as the edge's settings have it when nobody changes them
LATE_AFTER_MS: Final = HEARTBEAT_MS * 3 // 2
OFFLINE_AFTER_MS: Final = HEARTBEAT_MS * 5
OLDEST_S_MOST: Final = 600
DISK_FREE_MIB_LEAST: Final = 500
CLOCK_SKEW_MS_MOST: Final = 30_000


class State(StrEnum):
    ONLINE = "online"
    LATE = "late"
    OFFLINE = "offline"
    REVOKED = "revoked"
    NEW = "new"


STATES: Final = {
    State.ONLINE: (N_("online"), "good"),
    State.LATE: (N_("late"), "warn"),
    State.OFFLINE: (N_("offline"), "bad"),
    State.REVOKED: (N_("shut out"), "quiet"),
    State.NEW: (N_("not enrolled"), "quiet"),
}


@dataclass(frozen=True)
class Row:
    """A store as the fleet page shows it. `reasons` are msgids: why somebody should look, the worst first."""

    store: Store
    state: State
    health: Health | None
    alarms: int
    reasons: Sequence[str]

    @property
    def urgency(self) -> tuple[int, int]:
        """Sorts: the lower, the sooner somebody should look."""
        if self.state in (State.NEW, State.REVOKED):
            return (3, 0)
        if self.state is State.OFFLINE or self.alarms:
            return (0, self.health.heard_ms if self.health else 0)
        return (1 if self.reasons else 2, self.health.heard_ms if self.health else 0)


async def fleet(session: AsyncSession, viewer: Viewer, *, now_ms: int) -> list[Row]:
    """The stores that `viewer` may see, by urgency and then by id."""
    seen = await stores(session, viewer)
    health = {row.store: row for row in await session.scalars(sa.select(Health))}
    logins = {row.store: row for row in await session.scalars(sa.select(Login))}
    counted = sa.select(OpenAlarm.store, sa.func.count()).group_by(OpenAlarm.store)
    alarms: dict[str, int] = {row[0]: row[1] for row in await session.execute(counted)}
    rows = [
        row_of(store, health.get(store.id), logins.get(store.id), alarms.get(store.id, 0), now_ms=now_ms)
        for store in seen
    ]
    return sorted(rows, key=lambda row: (row.urgency, row.store.id))


async def row_of_store(session: AsyncSession, store: Store, *, now_ms: int) -> Row:
    """One store's row."""
    counted = sa.select(sa.func.count()).select_from(OpenAlarm).where(OpenAlarm.store == store.id)
    return row_of(
        store,
        await session.get(Health, store.id),
        await session.get(Login, store.id),
        await session.scalar(counted) or 0,
        now_ms=now_ms,
    )


async def silent(session: AsyncSession, stores: Collection[str], *, now_ms: int) -> set[str]:
    """Those of `stores` that have not been heard for so long that they count as offline."""
    query = sa.select(Health.store).where(
        Health.store.in_(stores), Health.heard_ms < now_ms - OFFLINE_AFTER_MS
    )
    return set(await session.scalars(query))


def row_of(store: Store, health: Health | None, login: Login | None, alarms: int, *, now_ms: int) -> Row:
    """What is known of a store, judged."""
    state = _state(health, login, now_ms)
    reasons: list[str] = []
    if state is State.OFFLINE:
        reasons.append(N_("not heard"))
    if alarms:
        reasons.append(N_("alarm"))
    if state is State.LATE:
        reasons.append(N_("late"))
    if health is not None and state is not State.REVOKED:
        reasons += _reasons(health)
    return Row(store, state, health, alarms, reasons)


def _state(health: Health | None, login: Login | None, now_ms: int) -> State:
    if login is not None and login.revoked_ms is not None:
        return State.REVOKED
    if health is None:
        return State.NEW
    silent_ms = now_ms - health.heard_ms
    if silent_ms <= LATE_AFTER_MS:
        return State.ONLINE
    return State.LATE if silent_ms <= OFFLINE_AFTER_MS else State.OFFLINE


def _reasons(health: Health) -> list[str]:
    checks = (
        ((health.devices_down or 0) > 0, N_("device down")),
        ((health.oldest_s or 0) > OLDEST_S_MOST, N_("events wait")),
        (health.disk_free_mib is not None and health.disk_free_mib < DISK_FREE_MIB_LEAST, N_("disk full")),
        (abs(health.clock_skew_ms or 0) > CLOCK_SKEW_MS_MOST, N_("clock wrong")),
        (health.clock_sure is False, N_("clock unsure")),
    )
    return [reason for is_so, reason in checks if is_so]
