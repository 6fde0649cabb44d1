"""What an alert says: which camera, when, and how many people since when.

<EventNotificationAlert>
  <macAddress>…  <channelID>…  <channelName>…  <dateTime>2026-08-12T11:50:47-5:00  <eventType>PeopleCounting
  <isDataRetransmission>true                     sent again after the network was away
  <peopleCounting>
    <statisticalMethods>realTime                 enter and exit since midnight or the last start: cumulative
                        timeRange, signalTrigger …  of TimeRange alone: a window
    <TimeRange><startTime>… <endTime>…
    <enter>17  <exit>15  <pass>0  <regionID>…
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from drivers.counter.isapi.xml_tree import Element

COUNT_MAX = 2**31 - 1
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?\s*(?:(Z)|([+-])(\d{1,2}):?(\d{2})?)?"
)
_WINDOWS = ("timerange", "signaltrigger")


class Alert(NamedTuple):
    """One document."""

    event: str  # "PeopleCounting", as it stands
    mac: str
    ip: str
    channel: str
    channel_name: str
    time: str
    retransmitted: bool
    counts: tuple[Counts, ...]


class Counts(NamedTuple):
    """One reading of one region. The numbers are None when they are not there, or no numbers."""

    kind: str  # "cumulative" or "window"
    method: str  # as it stands: "realTime"
    region: str
    begin: str
    end: str
    enter: int | None
    exit: int | None
    passed: int | None


def read_alert(root: Element) -> Alert:
    """An alert, as far as it says anything."""
    regions = tuple(_counts(each) for each in root.every("peoplecounting"))
    return Alert(
        event=root.first("eventtype"),
        mac=root.first("macaddress"),
        ip=root.first("ipaddress", "ipv6address"),
        channel=root.first("channelid", "dynchannelid"),
        channel_name=root.first("channelname"),
        time=root.first("datetime"),
        retransmitted=next(root.every("isdataretransmission"), Element("")).text.strip().lower()
        in ("true", "1"),
        counts=regions,
    )


def _counts(element: Element) -> Counts:
    method = element.first("statisticalmethods", "statisticalmethod")
    span = next(element.every("timerange", "signaltrigger"), Element(""))
    is_window = method.lower() in _WINDOWS if method else span.name in _WINDOWS
    return Counts(
        kind="window" if is_window else "cumulative",
        method=method,
        region=element.first("regionid", "regionsid", "lineid"),
        begin=span.first("starttime", "begintime"),
        end=span.first("endtime", "stoptime"),
        enter=_number(element.first("enter")),
        exit=_number(element.first("exit", "leave")),
        passed=_number(element.first("pass", "passing")),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 11 and int(text) <= COUNT_MAX else None


def utc(text: str) -> datetime | None:
    """A time as cameras write it: ``-5:00``, ``+08:00``, ``Z``; without an offset it is taken for UTC."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    _, sign, hours, minutes = found.groups()[6:]
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def utc_text(text: str) -> str | None:
    """The same as ``2026-08-12T16:50:47Z``."""
    time = utc(text)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None


def told_of(alert: Alert, counts: Counts | None) -> dict[str, Any]:
    """An alert for the technician, one object for each region."""
    fields: dict[str, Any] = {
        "event": alert.event,
        "mac": alert.mac,
        "ip": alert.ip,
        "channel": alert.channel,
        "channel_name": alert.channel_name,
        "time_utc": utc_text(alert.time),
        "retransmitted": alert.retransmitted,
    }
    if counts is None:
        return fields
    fields |= {"kind": counts.kind, "method": counts.method, "enter": counts.enter, "exit": counts.exit}
    if counts.region:
        fields["region"] = counts.region
    if counts.passed is not None:
        fields["passed"] = counts.passed
    if counts.begin or counts.end:
        fields |= {"begin_utc": utc_text(counts.begin), "end_utc": utc_text(counts.end)}
    return fields
