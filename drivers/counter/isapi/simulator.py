"""A camera above a door: its totals every minute, a heartbeat now and then, a new beginning at midnight."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from drivers.base import Scene
from drivers.counter.isapi.encoder import encode_counts, encode_form, encode_heartbeat
from drivers.counter.isapi.options import IsapiOptions
from drivers.http_frames import write_request

BEGINS = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MINUTE_MS = 60_000
SHARE_WITH_PICTURE = 0.2
SHARE_QUIET = 0.3


def simulate(options: IsapiOptions, chance: random.Random) -> Iterator[Scene]:
    """Pushes as the port `http-listen` gives them, without end."""
    now, enter, exit = BEGINS, 0, 0
    zone = timezone(timedelta(hours=8))
    number = 0
    while True:
        before, now = now, now + timedelta(minutes=1)
        if now.astimezone(zone).date() != before.astimezone(zone).date():
            enter = exit = 0
        number += 1
        time = now.astimezone(zone).isoformat()
        kind, body = "application/xml", encode_heartbeat(time=time)
        if chance.random() >= SHARE_QUIET:
            entered = chance.randint(0, 4)
            left = min(enter + entered - exit, chance.randint(0, 4))
            enter, exit = enter + entered, exit + left
            if options.take == "window":
                span = (before.astimezone(zone).isoformat(), time)
                body = encode_counts(entered, left, time=time, window=span)
            else:
                body = encode_counts(enter, exit, time=time)
        if chance.random() < SHARE_WITH_PICTURE:
            kind, body = encode_form(body, b"\xff\xd8" + chance.randbytes(2000) + b"\xff\xd9")
        path = options.path or "/"
        yield Scene(MINUTE_MS, write_request(number, "POST", path, [("Content-Type", kind)], body))
