"""Which module takes which event: the corridor's switchboard.

A handler is given all new facts of one type of one lane, in lane order, in the inbox's transaction. It
never commits, and may be called again with the same facts after a rollback. Types are handled in the order
of this table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.facts import Fact
from central_server.keys import Keys
from sync.contract.events import (
    Alarm,
    CameraState,
    CardPresented,
    CardRefused,
    Devices,
    DeviceState,
    Dropped,
    Heartbeat,
    LeaseRecord,
    MemberJoined,
    Occupancy,
    Passed,
    ReceiptUnreadable,
    SaleCompleted,
    Visited,
)


class Handler(Protocol):
    """A module's service function for one type of event; `now_ms` is the centre's wall clock."""

    async def __call__(
        self, session: AsyncSession, store: str, facts: Sequence[Fact[Any]], now_ms: int
    ) -> None: ...


Handlers = Mapping[type, Handler]


def handlers(keys: Keys, country: str = "86") -> Handlers:
    """The table. Modules are imported here, so that a test of the inbox needs none of them."""
    from central_server.ledger.leases import records as leases
    from central_server.ledger.purses.earning import earned
    from central_server.ledger.purses.pin_tries import wrong_pins
    from central_server.membership import service as membership
    from central_server.sales import service as sales
    from central_server.stores import service as stores
    from central_server.traffic import service as traffic

    return {
        MemberJoined: partial(membership.joined, keys=keys, country=country),
        CardPresented: membership.cards_presented,
        CardRefused: _both(membership.cards_refused, partial(wrong_pins, keys=keys)),
        LeaseRecord: partial(leases.record, keys=keys),
        SaleCompleted: _both(partial(earned, keys=keys), sales.record),
        ReceiptUnreadable: sales.record_unreadable,
        Passed: traffic.record,
        Visited: traffic.visited,
        Occupancy: traffic.occupied,
        Dropped: traffic.dropped,
        DeviceState: _both(stores.device_states, traffic.device_states),
        CameraState: _both(stores.camera_states, traffic.camera_states),
        Devices: _both(stores.devices_wanted, traffic.devices_wanted),
        Heartbeat: _both(stores.heartbeats, traffic.box_beats),
        Alarm: stores.alarms,
    }


def _both(first: Handler, second: Handler) -> Handler:
    """An event that two modules care about."""

    async def handle(session: AsyncSession, store: str, facts: Sequence[Fact[Any]], now_ms: int) -> None:
        await first(session, store, facts, now_ms)
        await second(session, store, facts, now_ms)

    return handle
