"""Names of things that travel.

A store is `lowercase-with-digits`, so it is safe as an MQTT topic level, a login and a file name.
An epoch names one edge database: 16 hex digits, random, made with the file. An event's place in the
world is (store, epoch, lane, number); that is its identity, and everything it causes derives from it.
"""

from __future__ import annotations

import base64
import re
from enum import IntEnum
from typing import NamedTuple

from sync.contract.errors import BadId

CENTRE = "centre"  # what the centre is called where stores have their id; so no store can be called that
NUMBER_MAX = 2**40 - 1  # of an event in its lane: one a millisecond for 34 years; more fits no key
STORE_PATTERN = r"[a-z0-9][a-z0-9-]{0,31}"
_STORE = re.compile(STORE_PATTERN)
_MEMBER = re.compile(r"M[0-9A-Z]{12}")
MEMBER_RANDOM_BYTES = 8
_EPOCH = re.compile(r"[0-9a-f]{16}")


class Lane(IntEnum):
    """A numbered row of events of one urgency; the lower goes first."""

    TILL = 0
    COUNT = 1
    HEALTH = 2

    @property
    def label(self) -> str:
        """The lane's name in topics, metrics and on the screen."""
        return self.name.lower()


def lane_named(label: str) -> Lane:
    """The lane a topic or a person names. Raises BadId."""
    try:
        return Lane[label.upper()]
    except KeyError:
        raise BadId(f"no lane called {label!r}; there are {', '.join(lane.label for lane in Lane)}") from None


class EventId(NamedTuple):
    """Where an event stands, for ever."""

    store: str
    epoch: str
    lane: Lane
    number: int

    def __str__(self) -> str:
        return f"{self.store}/{self.epoch}/{self.lane.label}/{self.number}"


def check_store(store: str) -> str:
    """`store` itself if it is written as a store is. Raises BadId."""
    if store == CENTRE:
        raise BadId(f"no store can be called {CENTRE!r}: that is the centre itself")
    if not _STORE.fullmatch(store):
        raise BadId(f"{store!r} is no store id: 1 to 32 of a-z, 0-9 and '-', not starting with '-'")
    return store


def check_epoch(epoch: str) -> str:
    """`epoch` itself if it is 16 hex digits. Raises BadId."""
    if not _EPOCH.fullmatch(epoch):
        raise BadId(f"{epoch!r} is no epoch: 16 hex digits")
    return epoch


def member_id(random: bytes) -> str:
    """A member's id, made of at least `MEMBER_RANDOM_BYTES`: ``M`` and twelve of A-Z and 2-7.

    Short enough to say, and says nothing of the person. Sixty random bits: among ten million members the
    chance that any two meet is one in twenty thousand, and a meeting is noticed: it is the primary key.
    """
    return "M" + base64.b32encode(random[:MEMBER_RANDOM_BYTES]).decode()[:12]


def is_member_id(text: str) -> bool:
    """Whether `text` is written as a member's id is."""
    return _MEMBER.fullmatch(text) is not None
