"""The line between stores and head office: what is said comes late, twice, in any order, or never."""

from __future__ import annotations

import random
from collections import defaultdict

from sync.link.base import Message

WAITING_MAX = 40  # messages of one store in one direction; the oldest is lost beyond it
OLD_MAX = 80  # … that somebody keeps, to say them again much later


class Wires:
    """What is under way. Nothing arrives by itself: whoever walks takes it from here."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.up: dict[str, list[Message]] = defaultdict(list)
        self.down: dict[str, list[Message]] = defaultdict(list)
        self.old_up: dict[str, list[Message]] = defaultdict(list)
        self.old_down: dict[str, list[Message]] = defaultdict(list)

    def put_up(self, store: str, message: Message) -> None:
        _put(self.up[store], message, WAITING_MAX)
        _put(self.old_up[store], message, OLD_MAX)

    def put_down(self, store: str, message: Message) -> None:
        _put(self.down[store], message, WAITING_MAX)
        _put(self.old_down[store], message, OLD_MAX)

    def take(self, waiting: list[Message]) -> Message | None:
        """The next to arrive: mostly the oldest, sometimes any; sometimes it stays, to arrive again."""
        if not waiting:
            return None
        at = 0 if self._chance.random() < 0.6 else self._chance.randrange(len(waiting))
        return waiting[at] if self._chance.random() < 0.2 else waiting.pop(at)

    def lose(self, waiting: list[Message]) -> None:
        """One of them never arrives; sometimes none does."""
        if waiting and self._chance.random() < 0.7:
            waiting.pop(self._chance.randrange(len(waiting)))
        else:
            waiting.clear()

    def clear(self) -> None:
        self.up.clear()
        self.down.clear()


def _put(waiting: list[Message], message: Message, most: int) -> None:
    waiting.append(message)
    del waiting[:-most]
