"""One presence of a card is one event, however often its reader says so."""

from __future__ import annotations

NEAR_MAX = 16  # more cards at once than any reader can see; the one heard longest ago is forgotten


class Presence:
    """Which cards are at the reader. A card is new again after it was not heard for `silence_ms`."""

    def __init__(self, silence_ms: int) -> None:
        self._silence_ms = silence_ms
        self._heard_ms: dict[str, int] = {}  # in the order in which they were last heard

    def is_new(self, number: str, now_ms: int) -> bool:
        """The card is there now: whether that is news."""
        last_ms = self._heard_ms.pop(number, None)
        if len(self._heard_ms) >= NEAR_MAX:
            del self._heard_ms[next(iter(self._heard_ms))]
        self._heard_ms[number] = now_ms
        return last_ms is None or now_ms - last_ms >= self._silence_ms

    def pass_over(self, ms: int) -> None:
        """For so long no card could have been heard: that was no silence of theirs."""
        for number in self._heard_ms:
            self._heard_ms[number] += ms
