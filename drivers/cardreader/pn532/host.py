"""Our side of the talk with a PN532: wake it, set it up, then ask again and again which cards are there.

    we                                        the chip
    55 55 00×14, SAMConfiguration    ───►
                                     ◄───     ACK (within 15 ms), answer
    GetFirmwareVersion, RFConfiguration …     the same
    InListPassiveTarget              ───►
                                     ◄───     ACK, the cards (NbTg 0: none)
    field off, when there was one    ───►     so that the next question finds it as if new
                                     ◄───     ACK, answer

Without an ACK or an answer in time the command is said again; after TRIES_MAX the chip is woken anew. An
answer that came broken is asked for with NACK. No I/O: frames in, bytes out, time as an argument.
"""

from __future__ import annotations

from collections import deque

from drivers.cardreader.pn532.frames import ACK, CHIP, FAULT, HOST, NACK, WAKE, Frame, encode_frame
from drivers.cardreader.pn532.meaning import (
    GET_FIRMWARE_VERSION,
    IN_LIST_PASSIVE_TARGET,
    RF_CONFIGURATION,
    SAM_CONFIGURATION,
)

TRIES_MAX = 3
NACKS_MAX = 2  # for one answer
RESTART_MS = 1000  # until a chip that says nothing is woken again
SILENT_ROUNDS = (
    4  # of waking without a word from the chip, about five seconds: worth a word to the technician
)
PASSIVE_RETRIES = 2  # of the chip's own looks for a card before it says that there is none; 255 is for ever

SETUP = (
    bytes([SAM_CONFIGURATION, 0x01, 0x14, 0x01]),  # normal mode, 20 × 50 ms, P70_IRQ
    bytes([GET_FIRMWARE_VERSION]),
    bytes([RF_CONFIGURATION, 0x05, 0xFF, 0x01, PASSIVE_RETRIES]),
)
FIELD_OFF = bytes([RF_CONFIGURATION, 0x01, 0x00])


class Host:
    """Asks the chip. `wake` when `wake_at_ms` has come, `hear` every frame, `say` what `out` has gathered."""

    def __init__(self, *, polls: tuple[bytes, ...], poll_ms: int, ack_ms: int, answer_ms: int) -> None:
        """`polls` are the commands that ask for cards, one after the other."""
        self.out = bytearray()
        self.wake_at_ms = 0
        self._polls, self._poll_ms, self._ack_ms, self._answer_ms = polls, poll_ms, ack_ms, answer_ms
        self._row: deque[bytes] = deque(SETUP)
        self._asked: bytes | None = None  # the command that is not answered yet
        self._acked = False
        self._tries = self._nacks = 0
        self._next_poll = 0
        self._rounds = 0  # of waking, since the chip last said something

    @property
    def silent(self) -> bool:
        """The chip says nothing however often it is woken."""
        return self._rounds >= SILENT_ROUNDS

    @property
    def asked(self) -> bytes | None:
        """The command that waits for its answer."""
        return self._asked

    def wake(self, now_ms: int) -> None:
        """The time of `wake_at_ms` has come."""
        if now_ms < self.wake_at_ms:
            return
        if self._asked is None:
            self._ask_next(now_ms)
        elif self._tries < TRIES_MAX:
            self._ask_again(now_ms)
        else:
            self._start_again(now_ms + RESTART_MS)

    def hear(self, frame: Frame, now_ms: int) -> None:
        """What the chip says. Frames of others and late ones are passed over."""
        if frame.kind == "bad":
            self._ask_for_repetition(now_ms)
            return
        self._rounds = 0
        if self._asked is None:
            return
        if frame.kind == "ack" and not self._acked:
            self._acked = True
            self.wake_at_ms = now_ms + self._answer_ms
        elif frame.kind == "body" and frame.body[0] == FAULT:
            self.wake_at_ms = now_ms  # the same as no answer, but known at once
        elif frame.kind == "body" and frame.body[:2] == bytes([CHIP, self._asked[0] + 1]):
            self._answered(frame.body[2:], now_ms)

    def _answered(self, data: bytes, now_ms: int) -> None:
        assert self._asked is not None
        polled = self._asked[0] == IN_LIST_PASSIVE_TARGET
        self._asked = None
        if polled:
            if data[:1] > b"\x00":
                self._row.append(FIELD_OFF)
                self._ask_next(now_ms)
            else:
                self.wake_at_ms = now_ms + self._poll_ms
        elif self._row:
            self._ask_next(now_ms)
        else:
            self.wake_at_ms = now_ms + self._poll_ms

    def _ask_next(self, now_ms: int) -> None:
        if not self._row:
            self._row.append(self._polls[self._next_poll])
            self._next_poll = (self._next_poll + 1) % len(self._polls)
        self._asked, self._tries, self._nacks = self._row.popleft(), 0, 0
        self._ask_again(now_ms)

    def _ask_again(self, now_ms: int) -> None:
        assert self._asked is not None
        if self._acked and self._tries:
            self.out += ACK  # makes the chip drop what it is at
        if self._asked[0] == SAM_CONFIGURATION:
            self.out += WAKE
        self.out += encode_frame(bytes([HOST]) + self._asked)
        self._tries += 1
        self._acked = False
        self.wake_at_ms = now_ms + self._ack_ms

    def _start_again(self, at_ms: int) -> None:
        self._row = deque(SETUP)
        self._asked, self._acked, self._next_poll = None, False, 0
        self._rounds += 1
        self.wake_at_ms = at_ms

    def _ask_for_repetition(self, now_ms: int) -> None:
        if self._asked is not None and self._acked and self._nacks < NACKS_MAX:
            self._nacks += 1
            self.out += NACK
            self.wake_at_ms = now_ms + self._answer_ms
