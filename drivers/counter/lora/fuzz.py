"""Any bytes as the payload of an uplink, in the words of either network server, pushed or in a stream."""

from __future__ import annotations

import binascii
import re

from drivers.counter.lora.encoder import chirpstack, things_stack
from drivers.counter.lora.options import LoraOptions
from drivers.http_frames import write_request

PAYLOAD_BYTES_MAX = 242
_PAYLOAD = re.compile(rb'"(?:data|frm_payload)": ?"([A-Za-z0-9+/]*)')


def sealed(data: bytes, options: LoraOptions) -> bytes:
    """If they are a damaged message, what its payload has become is the payload; else they all are."""
    found = _PAYLOAD.search(data)
    payload = binascii.a2b_base64(found[1][: len(found[1]) // 4 * 4]) if found else data
    server = chirpstack if len(data) % 2 else things_stack
    message = server(f"24e124716d12{len(data) % 5:04x}", payload[:PAYLOAD_BYTES_MAX], len(data))
    if len(data) % 3:
        return message
    return write_request(
        len(data), "POST", options.path or "/", [("Content-Type", "application/json")], message
    )
