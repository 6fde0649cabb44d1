"""Alerts as cameras write them, for the simulator and the tests."""

from __future__ import annotations

from xml.sax.saxutils import escape

NAMESPACES = (
    "urn:psialliance-org",
    "http://www.isapi.org/ver20/XMLSchema",
    "http://www.hikvision.com/ver20/XMLSchema",
)
BOUNDARY = "MIME_boundary"


def encode_counts(
    enter: int,
    exit: int,
    *,
    time: str,
    window: tuple[str, str] | None = None,
    channel: int = 1,
    mac: str = "44:47:cc:00:00:01",
    name: str = "Camera 01",
    namespace: str = NAMESPACES[0],
    retransmitted: bool = False,
) -> bytes:
    """One document: totals, or those of a `window` (begin, end)."""
    if window is None:
        span = (
            "<statisticalMethods>realTime</statisticalMethods>\n"
            f"<RealTime>\n<time>{time}</time>\n</RealTime>\n"
        )
    else:
        begin, end = window
        span = (
            "<statisticalMethods>timeRange</statisticalMethods>\n"
            f"<TimeRange>\n<startTime>{begin}</startTime>\n<endTime>{end}</endTime>\n</TimeRange>\n"
        )
    again = "<isDataRetransmission>true</isDataRetransmission>\n" if retransmitted else ""
    return _alert(
        "PeopleCounting",
        f"{again}<peopleCounting>\n{span}<enter>{enter}</enter>\n<exit>{exit}</exit>\n<pass>0</pass>\n"
        "</peopleCounting>\n",
        time=time,
        channel=channel,
        mac=mac,
        name=name,
        namespace=namespace,
    )


def encode_heartbeat(*, time: str, mac: str = "44:47:cc:00:00:01") -> bytes:
    """What a camera says when nothing happens."""
    return _alert(
        "heartBeat",
        "",
        time=time,
        channel=1,
        mac=mac,
        name="Camera 01",
        namespace=NAMESPACES[1],
        state="inactive",
    )


def _alert(
    event: str,
    more: str,
    *,
    time: str,
    channel: int,
    mac: str,
    name: str,
    namespace: str,
    state: str = "active",
) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<EventNotificationAlert version="1.0" xmlns="{namespace}">\n'
        f"<ipAddress>192.0.2.10</ipAddress>\n<protocolType>HTTP</protocolType>\n<macAddress>{mac}</macAddress>\n"
        f"<channelID>{channel}</channelID>\n<dateTime>{time}</dateTime>\n<activePostCount>1</activePostCount>\n"
        f"<eventType>{event}</eventType>\n<eventState>{state}</eventState>\n"
        f"<channelName>{escape(name)}</channelName>\n{more}</EventNotificationAlert>\n"
    ).encode()


def encode_form(document: bytes, picture: bytes) -> tuple[str, bytes]:
    """The document with a picture, as a form: content type and body."""
    parts = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="peopleCounting"; filename="peopleCounting.xml"\r\n'
        f"Content-Type: application/xml\r\nContent-Length: {len(document)}\r\n\r\n"
    ).encode()
    image = (
        f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="picture.jpg"\r\n'
        f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    ).encode()
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={BOUNDARY}", parts + document + image + picture + end
