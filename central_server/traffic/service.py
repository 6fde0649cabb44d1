"""What other modules, pages and the inbox may ask of traffic. Nothing here commits.

facts       record, visited, occupied, dropped, device_states, camera_states, devices_wanted,
            box_beats
reading     quarters, devices_of, lines_of, blind_spots
areas       dwell_hours, dwell_by_store, every_dwell_hour, zones_of, zones_now, zone_levels
checking    recount (pure, in tally.py)
"""

from __future__ import annotations

from central_server.traffic.absence import box_beats
from central_server.traffic.coverage import Blind
from central_server.traffic.reading import Quarter, blind_spots, devices_of, lines_of, quarters
from central_server.traffic.recording import (
    camera_states,
    device_states,
    devices_wanted,
    dropped,
    occupied,
    record,
    visited,
)
from central_server.traffic.tally import recount, tally
from central_server.traffic.zone_reading import (
    ZoneHour,
    ZoneLevel,
    dwell_by_store,
    dwell_hours,
    every_dwell_hour,
    zone_levels,
    zones_now,
    zones_of,
)

__all__ = [
    "Blind",
    "Quarter",
    "ZoneHour",
    "ZoneLevel",
    "blind_spots",
    "box_beats",
    "camera_states",
    "device_states",
    "devices_of",
    "devices_wanted",
    "dropped",
    "dwell_by_store",
    "dwell_hours",
    "every_dwell_hour",
    "lines_of",
    "occupied",
    "quarters",
    "record",
    "recount",
    "tally",
    "visited",
    "zone_levels",
    "zones_now",
    "zones_of",
]
