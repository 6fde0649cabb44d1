"""PINs, told by head office for cards that were just presented, and kept in memory alone.

Four digits can be guessed from their check, so no disk of a store ever has it. Three wrong ones, and the card
pays nothing that asks for a PIN for half an hour, however often it is shown, unless it has a new PIN by then.
Each is told to head office, which counts those of all stores and at last tells the check to none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from sync.contract.leases import PIN_DIGITS, pin_check, same

TRIES = 3
CARDS_MAX = 500
KEPT_MS = 30 * 60 * 1000  # a check that old is forgotten: the PIN may have been changed since

State = Literal["unknown", "set", "unset", "locked"]
Said = Literal["right", "pin_needed", "pin_wrong", "pin_locked", "pin_unset", "pin_offline"]
HashPin = Callable[[str, bytes], Awaitable[bytes]]


async def hash_in_thread(pin: str, salt: bytes) -> bytes:
    """`pin_check` without holding up the loop for its 30 ms."""
    return await asyncio.to_thread(pin_check, pin, salt)


@dataclass(slots=True)
class _Known:
    salt: bytes
    check: bytes  # empty: no PIN was ever set; or, with a salt, head office takes none of it any more
    told_ms: int
    wrong: int = 0
    wrong_ms: int = 0  # when the last wrong one was tried


class Pins:
    """Those of the cards that were presented of late."""

    def __init__(self, now_ms: Callable[[], int], hash_pin: HashPin = hash_in_thread) -> None:
        """`now_ms` is monotonic."""
        self._now_ms, self._hash = now_ms, hash_pin
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._turn = asyncio.Lock()  # one at a time: 8 MiB each, and no four guesses at once

    def told(self, card: str, salt_hex: str, check_hex: str) -> None:
        """Head office was asked of the card and said this. Nonsense is no PIN.

        Wrong tries count on while the PIN is the same: whoever guesses can show the card again and again.
        """
        try:
            salt, check = bytes.fromhex(salt_hex), bytes.fromhex(check_hex)
        except ValueError:
            salt, check = b"", b""
        was, now_ms = self._known.get(card), self._now_ms()
        known = self._known[card] = _Known(salt, check, now_ms)
        if was is not None and (was.salt, was.check) == (salt, check) and now_ms - was.wrong_ms <= KEPT_MS:
            known.wrong, known.wrong_ms = was.wrong, was.wrong_ms
        self._known.move_to_end(card)
        while len(self._known) > CARDS_MAX:
            self._known.popitem(last=False)

    def state(self, card: str) -> State:
        """What is known of the card's PIN."""
        known = self._get(card)
        if known is None:
            return "unknown"
        if not known.check:
            return "locked" if known.salt else "unset"
        return "locked" if known.wrong >= TRIES else "set"

    async def check(self, card: str, pin: str) -> Said:
        """Whether that is the card's PIN."""
        async with self._turn:
            known = self._get(card)
            if known is None:
                return "pin_offline"
            if not known.check:
                return "pin_locked" if known.salt else "pin_unset"
            if known.wrong >= TRIES:
                return "pin_locked"
            if not pin:
                return "pin_needed"
            if len(pin) <= PIN_DIGITS[1] and same(
                (await self._hash(pin, known.salt)).hex(), known.check.hex()
            ):
                known.wrong = 0
                return "right"
            known.wrong, known.wrong_ms = known.wrong + 1, self._now_ms()
            return "pin_locked" if known.wrong >= TRIES else "pin_wrong"

    def _get(self, card: str) -> _Known | None:
        known = self._known.get(card)
        if known is not None and self._now_ms() - known.told_ms > KEPT_MS:
            return None  # it stays for its wrong tries until `CARDS_MAX` others were told
        return known
