"""A customer display of two lines: shows what happens at a till, and reads what another program shows there.

    told (a card, a balance, money moved) ──► words ──► encoder ──► replies ──► the display
    what the till says to its display     ──► reading ──► Note("screen", {"screen": [upper, lower]})

The line is one-way: a display never answers. Where the till shows its own screens on the same display, our
port stands in between (`inline:`), and the till comes first: what it writes is never written over within
SETTLE_MS, ends what we show, and stands there again when our time is over.
"""

from __future__ import annotations

from drivers.base import Heard, Note, Told
from drivers.pos.line_display.encoder import encode_again, encode_screen
from drivers.pos.line_display.options import Options
from drivers.pos.line_display.reading import ScreenReader
from drivers.pos.line_display.screen import Look
from drivers.pos.line_display.words import Customer, idle_lines

SETTLE_MS = (
    300  # a screen that has stood so long is whole and said; a till silent for so long may be spoken to
)
INITIALISE = b"\x1b@"

Lines = tuple[bytes, bytes]


class LineDisplayDecoder:
    """Both directions of one display. With `show` off it only listens."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._first = bytes.fromhex(options.first_hex)
        self._reader = ScreenReader()
        self._customer = Customer(options)
        self._offset = 0
        self._look_at_ms: int | None = None  # the screen is whole then, if nothing on it changes
        self._settle_at_ms: int | None = None  # the till is silent then, if it says nothing more
        self._till_speaks = False  # somebody else shows its screens here
        self._speak_at_ms: int | None = (
            0 if options.show else None
        )  # the idle text, as soon as there is a port
        self._forget_at_ms: int | None = None
        self._stands: Lines | None = None  # of ours
        self._fresh = True  # nothing was ever said
        self._out = b""
        self.wake_at_ms: int | None = None
        self._wish()

    # What the till says to its display

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard = self.wake(now_ms)
        if not chunk:
            return heard
        changes = self._reader.screen.changes
        self._reader.feed(chunk, self._offset)
        self._offset += len(chunk)
        if changes != self._reader.screen.changes:
            self._look_at_ms = now_ms + SETTLE_MS
        self._settle_at_ms = now_ms + SETTLE_MS
        if self._options.show:
            self._interrupted(now_ms)
        heard += self._passed()
        self._wish()
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        if self._settle_at_ms is not None and now_ms >= self._settle_at_ms:
            self._settle_at_ms = None
            self._reader.abandon()
        if self._look_at_ms is not None and now_ms >= self._look_at_ms:
            heard += self._looked()
        if self._forget_at_ms is not None and now_ms >= self._forget_at_ms:
            self._customer.forget()
            self._forget_at_ms = None
            self._speak_at_ms = now_ms
        if self._speak_at_ms is not None and now_ms >= self._speak_at_ms and self._settle_at_ms is None:
            self._speak()
        self._wish()
        return heard

    # What the customer is to see

    def show(self, told: Told, now_ms: int) -> None:
        if self._options.show and self._customer.take(told):
            self._forget_at_ms = now_ms + self._options.idle_s * 1000
            if self._settle_at_ms is None:
                self._speak()
            else:
                self._speak_at_ms = self._settle_at_ms
            self._wish()

    def answer(self, answer: Told, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def _speak(self) -> None:
        self._speak_at_ms = None
        options, reader = self._options, self._reader
        if self._forget_at_ms is None and self._till_speaks:
            self._stands = None
            said = encode_again(options.dialect, reader.screen, locked=reader.locked, first=self._first)
        else:
            lines = self._customer.lines() if self._forget_at_ms is not None else idle_lines(options)
            if lines == self._stands:
                return
            self._stands = lines
            said = encode_screen(
                options.dialect,
                *lines,
                page=options.code_page,
                brightness=options.brightness,
                first=self._first,
            )
        # Only the newest matters: what was not fetched yet is not sent first.
        self._out = (INITIALISE if self._fresh and not self._till_speaks else b"") + said
        self._fresh = False

    def _interrupted(self, now_ms: int) -> None:
        """The till has written over what stood there."""
        self._till_speaks = True
        self._out = b""
        if self._stands is not None:
            # Ours is gone from the display, in part: the till's own screen goes there whole.
            self._stands, self._forget_at_ms = None, None
            self._customer.forget()
            self._speak_at_ms = now_ms
        if self._speak_at_ms is not None:
            self._speak_at_ms = now_ms + SETTLE_MS

    # Reading

    def _looked(self) -> list[Heard]:
        self._look_at_ms = None
        return self._passed() + [_heard(look) for look in [self._reader.screen.look()] if look]

    def _passed(self) -> list[Heard]:
        """What stood there for a moment, and what nobody understands."""
        screen, unknown = self._reader.screen, self._reader.unknown
        heard = [_heard(look) for look in screen.passed]
        heard += [Heard(at, Note("junk", {"hex": raw.hex()}, "unknown_command")) for at, raw in unknown]
        screen.passed, self._reader.unknown = [], []
        return heard

    def _wish(self) -> None:
        # While the till speaks we do not, whatever is due.
        speaking = self._settle_at_ms if self._settle_at_ms is not None else self._speak_at_ms
        dues = (self._look_at_ms, speaking, self._forget_at_ms)
        self.wake_at_ms = min((due for due in dues if due is not None), default=None)


def _heard(look: Look) -> Heard:
    return Heard(look.at_byte, Note("screen", {"screen": look.lines}))
