"""What stores say about themselves becomes their state now, an hour's worst, and a history.

The handlers take facts in lane order from the inbox and never commit. A fact counts from when it
happened if its clock can be believed, else from when it came (`calendar.believed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import HOUR_MS, believed
from central_server.db import Database
from central_server.facts import Fact
from central_server.stores.models import Device, Happening, Health, HealthHour, Login, OpenAlarm, Store
from central_server.web.text import N_
from sync.contract.events import DEVICES_MAX, Alarm, CameraState, Devices, DeviceState, Heartbeat

ALARMS_MAX: Final = 500
_CAMERA: Final = "camera_"  # alarms of this name and a state of CameraState
_DAY_MS: Final = 24 * HOUR_MS
_DETAIL_MAX: Final = 500
_NOW: Final = (
    "version",
    "uptime_s",
    "outbox_rows",
    "oldest_s",
    "disk_free_mib",
    "clock_skew_ms",
    "clock_sure",
    "devices_up",
    "devices_down",
    "rss_mib",
    "settings",
)


# What devices and alarms may be, as the pages say it.
STATES: Final = (
    *(N_("up"), N_("down"), N_("blocked"), N_("clear"), N_("raised"), N_("over")),
    *(N_("frozen"), N_("dark"), N_("covered"), N_("moved"), N_("late"), N_("flooded"), N_("resting")),
)
_CAMERA_WELL: Final = ("up", "clear", "resting")


async def heard(session: AsyncSession, store: str, at_ms: int) -> None:
    """The store has said something, whatever it was."""
    row = sa.update(Health).where(Health.store == store).values(heard_ms=at_ms)
    if not (await session.execute(row)).rowcount:  # type: ignore[attr-defined]
        session.add(Health(store=store, heard_ms=at_ms))
        await session.flush()


async def heartbeats(
    session: AsyncSession, store: str, facts: Sequence[Fact[Heartbeat]], now_ms: int
) -> None:
    """The handler of `Heartbeat`."""
    if not facts:
        return
    health = await _health(session, store, now_ms)
    last = facts[-1]
    health.heartbeat_ms = believed(last.stamp, now_ms)[0]
    for name in _NOW:
        setattr(health, name, getattr(last.event, name))
    hours: dict[int, list[Heartbeat]] = {}
    for fact in facts:
        hours.setdefault(believed(fact.stamp, now_ms)[0] // HOUR_MS * HOUR_MS, []).append(fact.event)
    for hour_ms, beats in hours.items():
        await _worst_of_hour(session, store, hour_ms, beats)


async def device_states(
    session: AsyncSession, store: str, facts: Sequence[Fact[DeviceState]], now_ms: int
) -> None:
    """The handler of `DeviceState`."""
    if not facts:
        return
    await _health(session, store, now_ms)
    known = {row.name: row for row in await devices(session, store)}
    for fact in facts:
        event, at_ms = fact.event, believed(fact.stamp, now_ms)[0]
        session.add(_happening(fact, store, at_ms, "", event.state, event.detail))
        row = known.get(event.device)
        if row is None:
            if len(known) >= DEVICES_MAX:
                continue  # the history still has it
            row = known[event.device] = Device(store=store, name=event.device, state="", changes=0)
            session.add(row)
        if row.state != event.state:
            row.state, row.since_ms = event.state, at_ms
            row.changes += 1
        row.detail = event.detail[:_DETAIL_MAX]
    await session.flush()


async def camera_states(
    session: AsyncSession, store: str, facts: Sequence[Fact[CameraState]], now_ms: int
) -> None:
    """The handler of `CameraState`: what is wrong with a picture is an open alarm until the picture is well.

    It is no state of the device, which is up: its box does all it can.
    """
    if not facts:
        return
    await _health(session, store, now_ms)
    known = {row.device: row for row in await open_alarms(session, store) if row.name.startswith(_CAMERA)}
    for fact in facts:
        event, at_ms = fact.event, believed(fact.stamp, now_ms)[0]
        session.add(_happening(fact, store, at_ms, "", event.state, event.detail))
        row, name = known.get(event.device), _CAMERA + event.state
        if row is not None and row.name != name:
            await session.delete(known.pop(event.device))
            await session.flush()
            row = None
        if event.state not in _CAMERA_WELL:
            detail = event.detail[:_DETAIL_MAX]
            if row is not None:
                row.detail = detail
            elif len(known) < DEVICES_MAX:
                row = known[event.device] = OpenAlarm(
                    store=store, device=event.device, name=name, detail=detail, since_ms=at_ms
                )
                session.add(row)
                await session.flush()
    await session.flush()


async def devices_wanted(
    session: AsyncSession, store: str, facts: Sequence[Fact[Devices]], now_ms: int
) -> None:
    """The handler of `Devices`: nothing is wrong with what a box's settings no longer name."""
    if not facts:
        return
    names = facts[-1].event.names
    await session.execute(sa.delete(Device).where(Device.store == store, Device.name.not_in(names)))
    gone = (OpenAlarm.store == store, OpenAlarm.device != "", OpenAlarm.device.not_in(names))
    await session.execute(sa.delete(OpenAlarm).where(*gone))


async def alarms(session: AsyncSession, store: str, facts: Sequence[Fact[Alarm]], now_ms: int) -> None:
    """The handler of `Alarm`."""
    if not facts:
        return
    await _health(session, store, now_ms)
    known = {(row.device, row.name): row for row in await open_alarms(session, store)}
    for fact in facts:
        event, at_ms = fact.event, believed(fact.stamp, now_ms)[0]
        state = "raised" if event.raised else "over"
        session.add(_happening(fact, store, at_ms, event.name, state, event.detail))
        place = (event.device, event.name)
        row = known.get(place)
        if not event.raised:
            if row is not None:
                await session.delete(known.pop(place))
                await session.flush()
        elif row is not None:
            row.detail = event.detail[:_DETAIL_MAX]
        elif len(known) < ALARMS_MAX:
            row = known[place] = OpenAlarm(
                store=store,
                device=event.device,
                name=event.name,
                detail=event.detail[:_DETAIL_MAX],
                since_ms=at_ms,
            )
            session.add(row)
            await session.flush()
    await session.flush()


async def devices(session: AsyncSession, store: str) -> list[Device]:
    """The store's devices, by name."""
    query = sa.select(Device).where(Device.store == store).order_by(Device.name).limit(DEVICES_MAX)
    return list((await session.scalars(query)).all())


async def open_alarms(session: AsyncSession, store: str) -> list[OpenAlarm]:
    """The store's alarms that are not over, the oldest first."""
    query = sa.select(OpenAlarm).where(OpenAlarm.store == store).order_by(OpenAlarm.since_ms)
    return list((await session.scalars(query.limit(ALARMS_MAX))).all())


async def untold(session: AsyncSession, since_ms: int) -> list[str]:
    """The stores with a box that may not have told yet all that it did before `since_ms`, by id.

    A box sends its heartbeats last. So one made later, which says that nothing so old waited, is the sign.
    """
    spare_ms = Health.heartbeat_ms - since_ms
    told = sa.and_(spare_ms >= 0, sa.func.coalesce(Health.oldest_s, 0) * 1000 <= spare_ms)
    query = (
        sa.select(Store.id)
        .outerjoin(Login, Login.store == Store.id)
        .outerjoin(Health, Health.store == Store.id)
        .where(Login.revoked_ms.is_(None), sa.or_(Login.store.is_not(None), Health.store.is_not(None)))
        .where(sa.not_(sa.func.coalesce(told, sa.false())))
    )
    return list(await session.scalars(query.order_by(Store.id)))


async def hours(session: AsyncSession, store: str, from_ms: int) -> list[HealthHour]:
    """The store's hours since then, the oldest first."""
    query = sa.select(HealthHour).where(HealthHour.store == store, HealthHour.hour_ms >= from_ms)
    return list((await session.scalars(query.order_by(HealthHour.hour_ms).limit(10_000))).all())


async def happenings(session: AsyncSession, store: str, rows_max: int) -> list[Happening]:
    """What became of devices and alarms, the newest first."""
    query = sa.select(Happening).where(Happening.store == store)
    newest = query.order_by(Happening.at_ms.desc(), Happening.key.desc()).limit(rows_max)
    return list((await session.scalars(newest)).all())


async def prune(database: Database, now_ms: int, *, health_days: int) -> None:
    """Forgets the history from before that; what is now stays."""
    before_ms = now_ms - health_days * _DAY_MS

    async def pruned(session: AsyncSession) -> None:
        await session.execute(sa.delete(HealthHour).where(HealthHour.hour_ms < before_ms))
        await session.execute(sa.delete(Happening).where(Happening.at_ms < before_ms))

    await database.run(pruned)


async def _health(session: AsyncSession, store: str, now_ms: int) -> Health:
    row = await session.get(Health, store)
    if row is None:
        row = Health(store=store, heard_ms=now_ms)
        session.add(row)
    row.heard_ms = max(row.heard_ms, now_ms)
    return row


async def _worst_of_hour(session: AsyncSession, store: str, hour_ms: int, beats: Sequence[Heartbeat]) -> None:
    row = await session.get(HealthHour, (store, hour_ms))
    if row is None:
        row = HealthHour(
            store=store,
            hour_ms=hour_ms,
            beats=0,
            outbox_rows_most=0,
            oldest_s_most=0,
            disk_free_mib_least=beats[0].disk_free_mib,
            clock_skew_ms_most=0,
            devices_down_most=0,
        )
        session.add(row)
    row.beats += len(beats)
    row.outbox_rows_most = max(row.outbox_rows_most, *(beat.outbox_rows for beat in beats))
    row.oldest_s_most = max(row.oldest_s_most, *(beat.oldest_s for beat in beats))
    row.disk_free_mib_least = min(row.disk_free_mib_least, *(beat.disk_free_mib for beat in beats))
    row.clock_skew_ms_most = max(row.clock_skew_ms_most, *(abs(beat.clock_skew_ms) for beat in beats))
    row.devices_down_most = max(row.devices_down_most, *(beat.devices_down for beat in beats))


def _happening(
    fact: Fact[Alarm] | Fact[CameraState] | Fact[DeviceState],
    store: str,
    at_ms: int,
    alarm: str,
    state: str,
    detail: str,
) -> Happening:
    return Happening(
        key=fact.key,
        store=store,
        at_ms=at_ms,
        device=fact.event.device,
        alarm=alarm,
        state=state,
        detail=detail[:_DETAIL_MAX],
    )
