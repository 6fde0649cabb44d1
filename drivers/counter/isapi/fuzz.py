"""Any bytes as a push of a camera, in a request of the right length."""

from __future__ import annotations

from drivers.counter.isapi.options import IsapiOptions
from drivers.http_frames import write_request

END = b"</EventNotificationAlert>"


def sealed(data: bytes, options: IsapiOptions) -> bytes:
    """They are a damaged push: its head is made anew, and its document ends."""
    body = data[data.find(b"<") :] if b"<" in data else data
    if b"EventNotificationAlert" in body and END not in body:
        body += END
    return write_request(len(data), "POST", options.path or "/", [("Content-Type", "application/xml")], body)
