"""Any bytes as a till's request of the right length, and sealed with the key that is shared, if one is."""

from __future__ import annotations

import hashlib
import re

from drivers.http_frames import write_request
from drivers.pos.nexo.options import NexoOptions
from drivers.pos.nexo.protocol import read_letter
from drivers.pos.nexo.secured import BLOCK_BYTES, Key

_DOCUMENT = re.compile(rb"\{.*\}", re.DOTALL)
_HEADER = re.compile(rb'"MessageHeader"\s*:\s*(\{[^{}]*\})')


def sealed(data: bytes, options: NexoOptions) -> bytes:
    """They are a damaged request, or one in which only what is under its seal is: that is opened first."""
    found = _DOCUMENT.search(data)
    document = found[0] if found else data
    key = options.key()
    if key is not None:
        document = _secured(read_letter(document, key).plaintext.encode() or document, key)
    return write_request(len(data), "POST", "/nexo/", [("Content-Type", "application/json")], document)


def _secured(plain: bytes, key: Key) -> bytes:
    said = _HEADER.search(plain)
    header = said[1] if said else b"{}"
    nonce = hashlib.sha256(plain).digest()[:BLOCK_BYTES]
    trailer = {"KeyIdentifier": key.identifier or "key", "KeyVersion": key.version or 1}
    blob, seal = key.seal(plain, trailer, lambda size: nonce[:size])
    written = ", ".join(f'"{name}": "{value}"' for name, value in seal.items())
    return b'{"SaleToPOIRequest": {"MessageHeader": %s, "NexoBlob": "%s", "SecurityTrailer": {%s}}}' % (
        header,
        blob.encode(),
        written.encode(),
    )
