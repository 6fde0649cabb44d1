"""What comes down the line, one call each: words go into the replica, answers to asks to the leasing."""

from __future__ import annotations

import logging
import sqlite3

from edge_agent.errors import AnchorBroken, OutboxFull
from edge_agent.leasing import Leasing
from edge_agent.store.database import is_full
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from sync.contract.message import Answered, Down, Here, Words, decode_down

log = logging.getLogger(__name__)


class Downlink:
    """Takes the centre's messages."""

    def __init__(
        self, outbox: Outbox, replica: Replica, version: str, leasing: Leasing | None = None
    ) -> None:
        self._outbox, self._replica, self._version = outbox, replica, version
        self._leasing = leasing

    def here(self, *, greet: bool) -> Here:
        """What this store says of itself: which database, and which words it has."""
        return Here(
            epoch=self._outbox.epoch,
            everyone=self._replica.everyone,
            own=self._replica.own,
            version=self._version,
            greet=greet,
        )

    async def take(self, payload: bytes) -> Down:
        """The message, whose words, if it has any, are on disk; the centre is to be told which we now have.

        A hole in the numbers leaves the words untaken: what we then say we have makes the centre begin there.
        So does a full disk, on which tills go on with what they know. Raises BadMessage, StoreBroken,
        sqlite3.Error.
        """
        message = decode_down(payload)
        if isinstance(message, Words):
            try:
                if not await self._replica.apply(message):
                    log.info("words of feed %s follow %d, which we do not have", message.feed, message.after)
            except sqlite3.Error as error:
                if not is_full(error):
                    raise
                log.warning("no room for words of feed %s; they will come again", message.feed)
            except (OutboxFull, AnchorBroken) as error:
                log.warning("words of feed %s will come again: %s", message.feed, error)
        elif isinstance(message, Answered) and self._leasing is not None:
            await self._leasing.answered(message)
        return message
