"""Uplinks as LoRaWAN network servers push them, and as lines of hex.

{"deduplicationId": …, "deviceInfo": {"devEui": …, "deviceName": …}, "devAddr": …,
 "fCnt": 7, "fPort": 85, "data": "BMwSABYA"}                                    ChirpStack v4
{"devEUI": …, "deviceName": …, "fCnt": 7, "fPort": 85, "data": "BMwSABYA"}      v3, and gateways' own
{"end_device_ids": {"dev_eui": …, "device_id": …, "dev_addr": …},
 "uplink_message": {"f_cnt": 7, "f_port": 85, "frm_payload": "BMwSABYA"}}       The Things Stack v3
04CC1200160005CC13001400          a payload; spaces or colons between its bytes do not matter
24e124716d123456 85 04CC12001600  the same with its device and port
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple

PAYLOAD_BYTES_MAX = 256  # LoRaWAN carries 242
NAME_MAX = 64
_EUI = re.compile(r"[0-9A-Fa-f]{16}")


class Uplink(NamedTuple):
    """One payload and where it is from."""

    payload: bytes
    device: str = ""  # its EUI in small letters; empty when nobody says
    name: str = ""
    port: int | None = None
    counter: int | None = None  # of its frames
    session: str = ""  # a counter begins anew with every one of these


def from_json(said: Any) -> Uplink | None:
    """An uplink, or None when it is something else that servers push: a join, a status, an acknowledgement.

    Raises ValueError for an uplink without a readable payload.
    """
    if not isinstance(said, dict):
        return None
    message, ids = said.get("uplink_message"), said.get("end_device_ids")
    if isinstance(message, dict):
        ids = ids if isinstance(ids, dict) else {}
        return Uplink(
            _payload(message.get("frm_payload", "")),
            _text(ids.get("dev_eui")).lower() or _text(ids.get("device_id")),
            _text(ids.get("device_id")),
            _number(message.get("f_port")),
            _number(message.get("f_cnt")) or 0,
            _text(message.get("session_key_id")) or _text(ids.get("dev_addr")),
        )
    if "data" not in said:
        return None
    info = said.get("deviceInfo")
    info = info if isinstance(info, dict) else said
    eui = _text(info.get("devEui")) or _text(info.get("devEUI"))
    return Uplink(
        _payload(said["data"]),
        eui.lower() if _EUI.fullmatch(eui) else eui,
        _text(info.get("deviceName")),
        _number(said.get("fPort")),
        _number(said.get("fCnt")) if "deviceInfo" not in said else _number(said.get("fCnt")) or 0,
        _text(said.get("devAddr")),
    )


def from_line(line: str) -> Uplink | None:
    """A payload in hex, perhaps after its device and port; None when it is none."""
    words = line.replace("0x", "").replace(",", " ").replace(";", " ").split()
    device, port = "", None
    if len(words) > 1 and _EUI.fullmatch(words[0]):
        device = words.pop(0).lower()
        if len(words) > 1 and words[0].isdecimal() and len(words[0]) <= 3:
            port = int(words.pop(0))
    text = "".join(words).replace(":", "").replace("-", "")
    try:
        payload = bytes.fromhex(text)
    except ValueError:
        return None
    return Uplink(payload, device, port=port) if 0 < len(payload) <= PAYLOAD_BYTES_MAX else None


def _payload(data: Any) -> bytes:
    if not isinstance(data, str) or len(data) > 2 * PAYLOAD_BYTES_MAX:
        raise ValueError("no payload")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise ValueError("no payload") from None


def _text(value: Any) -> str:
    return value[:NAME_MAX] if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else None
