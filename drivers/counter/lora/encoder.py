"""Payloads and pushes as devices and servers write them, for the simulator and the tests."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any


def encode_vs350(total_in: int, total_out: int, period_in: int | None = None, period_out: int = 0) -> bytes:
    """Totals, and the counts since the last report when there are any."""
    totals = struct.pack("<BBHH", 0x04, 0xCC, total_in % 65536, total_out % 65536)
    return totals if period_in is None else totals + encode_period(period_in, period_out)


def encode_period(period_in: int, period_out: int) -> bytes:
    return struct.pack("<BBHH", 0x05, 0xCC, period_in, period_out)


def encode_history(timestamp: int, period_in: int, period_out: int) -> bytes:
    return struct.pack("<BBIBHH", 0x20, 0xCE, timestamp, 0, period_in, period_out)


def encode_vs133(line: int, total_in: int, total_out: int) -> bytes:
    first = 3 * line
    return struct.pack("<BBIBBI", first, 0xD2, total_in, first + 1, 0xD2, total_out)


def encode_imbuildings(device_id: bytes, total_a: int, total_b: int, number: int | None = None) -> bytes:
    """Variant 7, or 6 with its number."""
    if number is None:
        return struct.pack(">BB8sBHH", 2, 7, device_id, 0, total_a % 65536, total_b % 65536)
    totals = (total_a % 65536, total_b % 65536)
    return struct.pack(">BB8sBHHHBHHB", 2, 6, device_id, 1, 292, 0, 0, 0, *totals, number % 256)


def chirpstack(
    eui: str, payload: bytes, counter: int, *, port: int = 85, name: str = "door", session: str = "01"
) -> bytes:
    """An uplink event of ChirpStack v4."""
    return _json(
        {
            "deduplicationId": f"{eui}-{counter}",
            "time": "2026-11-22T10:00:00+00:00",
            "deviceInfo": {"applicationName": "doors", "deviceName": name, "devEui": eui},
            "devAddr": session,
            "adr": True,
            "fCnt": counter,
            "fPort": port,
            "data": base64.b64encode(payload).decode(),
            "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -57, "snr": 9.5}],
        }
    )


def things_stack(
    eui: str, payload: bytes, counter: int, *, port: int = 85, name: str = "door", session: str = "01"
) -> bytes:
    """An uplink message of The Things Stack v3."""
    return _json(
        {
            "end_device_ids": {"device_id": name, "dev_eui": eui.upper(), "dev_addr": "260B1234"},
            "received_at": "2026-11-22T10:00:00.000000001Z",
            "uplink_message": {
                "session_key_id": session,
                "f_port": port,
                **({"f_cnt": counter} if counter else {}),
                "frm_payload": base64.b64encode(payload).decode(),
                "rx_metadata": [{"gateway_ids": {"gateway_id": "roof"}, "rssi": -57}],
            },
        }
    )


def _json(said: dict[str, Any]) -> bytes:
    return json.dumps(said).encode()
