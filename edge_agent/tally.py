"""What a device has done lately, in numbers: for the technician's page and the metrics."""

from __future__ import annotations

from collections import deque

from sync.contract.clock import Clock

_MINUTE_MS = 60_000


class Tally:
    """Counts of one device since the agent began. Not stored."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute: deque[tuple[int, int]] = deque()  # (second, events in it): 61 at most
        self.events_total = 0
        self.problems_total = 0
        self.last_problem = ""
        self.last_event_wall_ms = 0
        self.blocked = False  # something stands in its way, it says

    def heard(self, events: int) -> None:
        """So many events came just now."""
        second = self._clock.mono_ms() // 1000
        before = self._minute.pop()[1] if self._minute and self._minute[-1][0] == second else 0
        self._minute.append((second, before + events))
        self._forget()
        self.events_total += events
        self.last_event_wall_ms = self._clock.wall_ms()

    def problem(self, what: str) -> None:
        """Something was wrong, in one word or a sentence."""
        self.problems_total += 1
        self.last_problem = what[:200]

    @property
    def rate_per_min(self) -> int:
        """Events in the last minute."""
        self._forget()
        return sum(events for _, events in self._minute)

    def _forget(self) -> None:
        first = (self._clock.mono_ms() - _MINUTE_MS) // 1000
        while self._minute and self._minute[0][0] <= first:
            self._minute.popleft()
