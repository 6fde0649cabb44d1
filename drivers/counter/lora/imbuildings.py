"""IMBUILDINGS' People Counter (infrared beam): type 2, variants 6, 7 and 8; numbers big-endian.

        02 06 | device id 8 | status 1 | battery 2 | counter a 2 | b 2 | sensor 1 | total a 2 | b 2 | number 1
        02 07 | device id 8 | sensor 1 | total a 2 | b 2
        02 08 | device id 8 | status 1 | battery 2 | sensor 1

Without its header (the first ten bytes) a payload is known by its LoRaWAN port: 26, 27, 28. The counters
begin anew with every message, the totals wrap at 65536. Source: github.com/IMBUILDINGS/docs, payload
definitions.
"""

from __future__ import annotations

import struct
from typing import Any

HEADER_BYTES = 10
_NAMES = {
    6: (
        "device_status",
        "battery_v",
        "counter_a",
        "counter_b",
        "sensor_status",
        "total_a",
        "total_b",
        "payload_counter",
    ),
    7: ("sensor_status", "total_a", "total_b"),
    8: ("device_status", "battery_v", "sensor_status"),
}
_FORMS = {6: struct.Struct(">BHHHBHHB"), 7: struct.Struct(">BHH"), 8: struct.Struct(">BHB")}
_PORTS = {26: 6, 27: 7, 28: 8}


def read_payload(payload: bytes, port: int | None) -> dict[str, Any] | None:
    """The fields, or None when this is none of theirs."""
    fields: dict[str, Any] = {"model": "imbuildings"}
    variant = _PORTS.get(port or 0, 0)
    data = payload
    if not variant or len(data) != _FORMS[variant].size:
        if len(payload) < HEADER_BYTES or payload[0] != 2 or payload[1] not in _FORMS:
            return None
        variant, data = payload[1], payload[HEADER_BYTES:]
        fields["device_id"] = payload[2:HEADER_BYTES].hex()
    if len(data) != _FORMS[variant].size:
        return None
    fields |= dict(zip(_NAMES[variant], _FORMS[variant].unpack(data), strict=True))
    if "battery_v" in fields:
        fields["battery_v"] /= 100
    return fields | {"payload_type": 2, "payload_variant": variant}
