"""What other modules, pages and the inbox may ask of traffic. Nothing here commits.

facts       record, dropped, device_states
reading     quarters, devices_of, blind_spots
checking    recount (pure, in tally.py)
"""

from __future__ import annotations

from central_server.traffic.reading import Blind, Quarter, blind_spots, devices_of, quarters
from central_server.traffic.recording import device_states, dropped, record
from central_server.traffic.tally import recount, tally

__all__ = [
    "Blind",
    "Quarter",
    "blind_spots",
    "device_states",
    "devices_of",
    "dropped",
    "quarters",
    "record",
    "recount",
    "tally",
]
