"""NXP PN532 on its serial line (HSU): frames both ways, commands of ours, cards of the chip's.

    00 00 FF | LEN | LCS | TFI | PD0 … PDn | DCS | 00          115200 8N1
    start                  D4: host to chip, D5: chip to host; LEN counts from TFI on
    00 00 FF | FF FF | LENM LENL | LCS | TFI | … | DCS | 00    extended, for more than 255 bytes
    00 00 FF | 00 FF | 00    ACK, within 15 ms of a command    00 00 FF | FF 00 | 00    NACK: say it again
    00 00 FF | 01 FF | 7F 81 | 00                              error: the command was not understood
    55 55 00 …               before a command: wakes the chip

LEN + LCS and TFI + … + DCS are 0 modulo 256. Source: NXP UM0701-02. ACK and answer mostly come in one read,
and a stray byte may stand in front (HAP-ESPHome#28). A UID of four bytes that begins with 08 is random: a
phone's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drivers.base import Heard, Note, Options
from drivers.cardreader.pn532.frames import CHIP, HOST, Frame, Frames
from drivers.cardreader.pn532.host import Host
from drivers.cardreader.pn532.meaning import (
    FELICA_212,
    IN_LIST_PASSIVE_TARGET,
    TYPE_A,
    Target,
    note_of,
    read_targets,
)
from drivers.cardreader.presence import Presence
from sync.contract.questions import CardShown

GAP_MS = 100  # within a frame; after that its rest does not come

# One target at a time: with two in the field the chip chooses, always the same one.
POLLS = {
    "a": bytes([IN_LIST_PASSIVE_TARGET, 1, TYPE_A]),
    "felica": bytes([IN_LIST_PASSIVE_TARGET, 1, FELICA_212]) + bytes.fromhex("00ffff0000"),
}


class Pn532Options(Options):
    """Which cards to look for, and how patiently."""

    cards: list[Literal["a", "felica"]] = Field(
        default=["a"],
        min_length=1,
        max_length=2,
        description="`a`: ISO/IEC 14443 type A (MIFARE, NTAG, DESFire); `felica`. Each is asked for in turn.",
    )
    poll_ms: int = Field(default=100, ge=20, le=5000, description="Between two questions for cards.")
    silence_ms: int = Field(
        default=500, ge=100, le=60_000, description="A card is new again after it was away for so long."
    )
    ack_ms: int = Field(
        default=100,
        ge=15,
        le=5000,
        description="The chip acknowledges within 15 ms; USB adapters and a busy box take theirs.",
    )
    answer_ms: int = Field(default=1000, ge=50, le=10_000, description="Longest wait for an answer.")


class Pn532Decoder:
    """Asks for cards and hears who is there; also understands both sides of a recorded talk."""

    def __init__(self, options: Pn532Options) -> None:
        self._frames = Frames()
        self._host = Host(
            polls=tuple(POLLS[card] for card in options.cards),
            poll_ms=options.poll_ms,
            ack_ms=options.ack_ms,
            answer_ms=options.answer_ms,
        )
        self._presence = Presence(options.silence_ms)
        self._brty: int | None = None  # what was asked for last, by whomever
        self._gap_ends_ms: int | None = None
        self._spoke = self._overheard = self._complained = False
        self._size_bytes = 0
        self._poll_ms = options.poll_ms
        self._listed_ms: int | None = None  # when the chip last said who is there
        self.wake_at_ms: int | None = self._host.wake_at_ms

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        self._size_bytes += len(chunk)
        frames = self._frames.feed(chunk)
        self._gap_ends_ms = now_ms + GAP_MS if self._frames.waiting else None
        heard = self._hear(frames, now_ms)
        self._settle()
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        if self._gap_ends_ms is not None and now_ms >= self._gap_ends_ms:
            heard = self._hear(self._frames.give_up(), now_ms)
            self._gap_ends_ms = now_ms + GAP_MS if self._frames.waiting else None
        self._host.wake(now_ms)
        self._spoke = True
        self._settle()
        return heard + self._complaint()

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        said = bytes(self._host.out)
        self._host.out.clear()
        return said

    def _settle(self) -> None:
        host_ms, gap_ms = self._host.wake_at_ms, self._gap_ends_ms
        self.wake_at_ms = host_ms if gap_ms is None else min(host_ms, gap_ms)

    def _hear(self, frames: list[Frame], now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        for frame in frames:
            if not self._spoke:
                self._overheard = True
            targets = self._targets(frame) if frame.kind == "body" else None
            if targets is not None:
                # The card first: a cashier waits for it, the frame is for the technician.
                heard += [Heard(frame.at_byte, shown) for shown in self._shown(targets, now_ms)]
            heard.append(Heard(frame.at_byte, note_of(frame, targets)))
            self._host.hear(frame, now_ms)
        return heard

    def _targets(self, frame: Frame) -> list[Target] | None:
        if frame.body[0] == CHIP:
            self._overheard = self._overheard and not self._spoke
            asked = self._host.asked
            if asked is not None and asked[0] == IN_LIST_PASSIVE_TARGET:
                self._brty = asked[2]
        if len(frame.body) < 2:
            return None
        if frame.body[0] == HOST and frame.body[1] == IN_LIST_PASSIVE_TARGET and len(frame.body) > 3:
            self._brty = frame.body[3]
        if frame.body[0] != CHIP or frame.body[1] != IN_LIST_PASSIVE_TARGET + 1:
            return None
        return read_targets(frame.body[2:], self._brty)

    def _shown(self, targets: list[Target], now_ms: int) -> list[CardShown]:
        # While the chip did not say who is there, nobody can have gone.
        since_ms = now_ms if self._listed_ms is None else self._listed_ms
        self._presence.pass_over(max(0, now_ms - since_ms - 2 * self._poll_ms))
        self._listed_ms = now_ms
        return [
            CardShown(target.number.hex().upper(), target.technology)
            for target in targets
            if not target.problem and self._presence.is_new(target.number.hex(), now_ms)
        ]

    def _complaint(self) -> list[Heard]:
        """Once, when the chip has fallen silent; but a recording that has come to its end is no fault."""
        if not self._host.silent:
            self._complained = False
            return []
        if self._complained or self._overheard:
            return []
        self._complained = True
        return [Heard(self._size_bytes, Note("silence", {"error": "no_answer"}, "no_answer"))]
