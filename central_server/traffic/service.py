"""What other modules, pages and the inbox may ask of traffic. Nothing here commits.

facts       record, visited, occupied, dropped, device_states, camera_states
reading     quarters, devices_of, lines_of, blind_spots
checking    recount (pure, in tally.py)
"""

from __future__ import annotations

from central_server.traffic.reading import Blind, Quarter, blind_spots, devices_of, lines_of, quarters
from central_server.traffic.recording import camera_states, device_states, dropped, occupied, record, visited
from central_server.traffic.tally import recount, tally

__all__ = [
    "Blind",
    "Quarter",
    "blind_spots",
    "camera_states",
    "device_states",
    "devices_of",
    "dropped",
    "lines_of",
    "occupied",
    "quarters",
    "record",
    "recount",
    "tally",
    "visited",
]
