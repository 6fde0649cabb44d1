"""Stores, as other modules and the doors call them."""

from __future__ import annotations

from central_server.stores.enrolment import Enrolled, enrol, new_code, revoke
from central_server.stores.fleet import Row, fleet, row_of_store, silent
from central_server.stores.health import (
    alarms,
    camera_states,
    device_states,
    devices,
    devices_wanted,
    happenings,
    heard,
    heartbeats,
    hours,
    open_alarms,
    prune,
    untold,
)
from central_server.stores.hierarchy import (
    NewStore,
    add_org,
    add_store,
    change_store,
    is_known,
    orgs,
    path_of,
    store_with,
    stores,
    stores_below,
    timezone_of,
    timezones_of,
)

__all__ = [
    "Enrolled",
    "NewStore",
    "Row",
    "add_org",
    "add_store",
    "alarms",
    "camera_states",
    "change_store",
    "device_states",
    "devices",
    "devices_wanted",
    "enrol",
    "fleet",
    "happenings",
    "heard",
    "heartbeats",
    "hours",
    "is_known",
    "new_code",
    "open_alarms",
    "orgs",
    "path_of",
    "prune",
    "revoke",
    "row_of_store",
    "silent",
    "store_with",
    "stores",
    "stores_below",
    "timezone_of",
    "timezones_of",
    "untold",
]
