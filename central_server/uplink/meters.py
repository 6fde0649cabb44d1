"""What the inbox counts, for `/metrics`, and its complaints, for the log: once a minute for each cause."""

from __future__ import annotations

import logging
from collections import OrderedDict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sync.contract.clock import Clock

COMPLAINT_EVERY_MS = 60_000
COMPLAINTS_KNOWN_MAX = 1_000  # causes remembered; past it the oldest may be logged again

log = logging.getLogger(__name__)


class Meters:
    """Counters of the way up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = Counter(
            "tillbeam_uplink_messages",
            "Messages from stores, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self.events = Counter("tillbeam_uplink_events", "Events applied", ["type"], registry=registry)
        self.aside = Counter("tillbeam_uplink_aside", "Events put aside", registry=registry)
        self.aside_not_kept = Counter(
            "tillbeam_uplink_aside_not_kept",
            "Events for which there was no room aside; they stand in the kept batches alone",
            registry=registry,
        )
        self.retries = Counter("tillbeam_uplink_retries", "Transactions that had to wait", registry=registry)
        self.commit_s = Histogram(
            "tillbeam_uplink_commit_seconds",
            "One transaction, from its begin to its commit",
            registry=registry,
        )
        self.waiting = Gauge(
            "tillbeam_uplink_waiting", "Messages read and not yet applied", registry=registry
        )


class Complaints:
    """Says in the log what is wrong, and how often it was meanwhile, without filling the disk."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[int, int]] = (
            OrderedDict()
        )  # cause → said at, kept silent

    def say(self, what: str, about: str, why: object) -> None:
        """`what` (a few fixed words) happened to `about` (a store, a topic); `why` is the latest case."""
        cause, now_ms = (what, about), self._clock.mono_ms()
        said_ms, silent = self._known.get(cause, (None, 0))
        if said_ms is not None and now_ms - said_ms < COMPLAINT_EVERY_MS:
            self._known[cause] = (said_ms, silent + 1)
            return
        self._known[cause] = (now_ms, 0)
        self._known.move_to_end(cause)
        if len(self._known) > COMPLAINTS_KNOWN_MAX:
            self._known.popitem(last=False)
        log.warning("%s: %s: %s (and %d more)", what, about[:80], str(why)[:300], silent)
