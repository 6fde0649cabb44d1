"""MQTT topics. A store publishes only under `tb/1/<store>/up/` and reads only `tb/1/<store>/down`."""

from __future__ import annotations

import re

from sync.contract.errors import BadId, BadMessage
from sync.contract.ids import CENTRE, STORE_PATTERN, Lane, check_store, lane_named

CENTRE_READS = "tb/1/+/up/#"
CENTRE_LOGIN = CENTRE
_UP = re.compile(rf"tb/1/({STORE_PATTERN})/up/([a-z]+)")
_DOWN = re.compile(rf"tb/1/({STORE_PATTERN})/down")
HERE = "here"


def up(store: str, lane: Lane) -> str:
    """Where a store's batches of one lane go."""
    return f"tb/1/{check_store(store)}/up/{lane.label}"


def here(store: str) -> str:
    """Where a store says that it is there, and what it has been told."""
    return f"tb/1/{check_store(store)}/up/{HERE}"


def down(store: str) -> str:
    """Where the centre speaks to one store."""
    return f"tb/1/{check_store(store)}/down"


def read_up(topic: str) -> tuple[str, Lane | None]:
    """(store, lane), the lane None for `here`. Raises BadMessage."""
    match = _UP.fullmatch(topic)
    if not match:
        raise BadMessage(f"{topic!r} is no topic of a store")
    try:
        return match[1], None if match[2] == HERE else lane_named(match[2])
    except BadId as error:
        raise BadMessage(str(error)) from None


def may_publish(login: str, topic: str) -> bool:
    """Whether the broker lets `login` publish there: a store its own `up/`, the centre any `down`."""
    if login == CENTRE_LOGIN:
        return _DOWN.fullmatch(topic) is not None
    match = _UP.fullmatch(topic)
    return match is not None and match[1] == login


def may_read(login: str, topic_filter: str) -> bool:
    """Whether the broker lets `login` subscribe to that filter, taken literally: a store has no wildcards."""
    if login == CENTRE_LOGIN:
        return topic_filter == CENTRE_READS
    match = _DOWN.fullmatch(topic_filter)
    return match is not None and match[1] == login
