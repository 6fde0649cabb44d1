"""A secured request that somebody recorded, said again when its till has long forgotten it.

Within 48 hours it is a repetition and has the recorded answer. After that its ServiceID may be a new one, so:

    the same words under the same Nonce as a request from before   a till that repeats itself seals anew
    its sale's TimeStamp a day behind the newest of its SaleID      tills' clocks do not go back so far

Nobody without the key can change either. Neither is known after a restart.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from datetime import UTC, datetime

from drivers.pos.nexo.fields import text
from drivers.pos.nexo.options import REPEAT_MS
from drivers.pos.nexo.protocol import Letter, Message

SEALS_MAX = 10_000  # some weeks of a till; the oldest is forgotten
SALES_MAX = 100  # SaleIDs; the one that has been silent for longest is forgotten
BEHIND_MAX_S = 24 * 3600  # a ticket may be paid the day after it was opened


class Replays:
    """What was said, as far as it is remembered."""

    def __init__(self) -> None:
        self._first_ms: OrderedDict[bytes, int] = OrderedDict()
        self._newest_s: OrderedDict[str, float] = OrderedDict()

    def is_one(self, letter: Letter, now_ms: int) -> bool:
        """Whether a letter is a secured and an old one; what is not is remembered."""
        message = letter.message
        if letter.problem or message is None or letter.trailer is None:
            return False
        nonce = base64.b64decode(letter.trailer["Nonce"])  # bytes, for they can be written in several ways
        seal = hashlib.sha256(nonce + letter.plaintext.encode()).digest()
        if now_ms - self._first_ms.get(seal, now_ms) > REPEAT_MS:
            return True
        sale_id, said_s = message.header.sale_id, _moment_s(message)
        newest_s = self._newest_s.get(sale_id)
        if said_s is not None:
            if newest_s is not None and said_s < newest_s - BEHIND_MAX_S:
                return True
            self._newest_s[sale_id] = said_s if newest_s is None else max(said_s, newest_s)
            self._newest_s.move_to_end(sale_id)
        self._first_ms.setdefault(seal, now_ms)
        while len(self._first_ms) > SEALS_MAX:
            self._first_ms.popitem(last=False)
        while len(self._newest_s) > SALES_MAX:
            self._newest_s.popitem(last=False)
        return False


def _moment_s(message: Message) -> float | None:
    """When the till says that it is; None: it does not, or in other words."""
    said = text(message.body, "SaleData", "SaleTransactionID", "TimeStamp")
    try:
        moment = datetime.fromisoformat(said)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
