"""A stream cut anywhere → text runs, controls and whole commands, each with its place in the stream.

Pictures are skipped as they pass and never held. When nothing makes sense any more the caller says `lose()`;
then the lexer looks, at the speed of bytes.find, for the next thing that is surely a printer's word or plain
text, and goes on a little before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from drivers.pos.escpos_tap.commands import COMMANDS, HELD_MAX_BYTES, MORE, WRONG, stored_picture

TEXT = b""  # the code of a run of text
UNKNOWN = b"?"  # the code of what the table does not have
FOUND = b"!"  # the code that says: found the way again after `lose()`

_RUN = re.compile(rb"[\x20-\xff]+")
_STARTERS = b"\x1b\x1c\x1d\x10"
_CUT = re.compile(rb"\x1dV[\x00\x01\x30\x31ABab]")
_PRINTER_AGAIN = re.compile(rb"\x1b=[\x01\x03]|" + _CUT.pattern)
ASIDE_MAX_BYTES = 16 * 1024  # for a display on the same line: two hundred screens; then the way back was lost
_BINARY = (b"\x1b&", b"\x1bp", b"\x1c2", b"\x1cg")  # arguments that may be any bytes
_LOOK_BACK_BYTES = 256  # a heading may stand before the first line that is surely text
_SURE_RUN = 12  # in noise, 12 printable bytes in a row come once in 145 kB
_SURE = re.compile(rb"[\x20-\x7e]{12}|[\xa1-\xfe]{12}")
_FIXED = {
    code: command.length
    for code, command in COMMANDS.items()
    if isinstance(command.length, int) and not command.picture and code != b"\x1b="
}  # most of what passes; the long way is for what is odd about it
_CLASSES = bytes(
    ord("a") if 0x20 <= byte < 0x7F else ord("h") if 0xA1 <= byte < 0xFF else ord(".") for byte in range(256)
)


def is_sure(text: bytes) -> bool:
    """Whether a run of text has a stretch that noise has not: plain ASCII, or bytes of a two-byte code."""
    return _SURE.search(text) is not None


class Token(msgspec.Struct, frozen=True, gc=False):
    """One thing on the line. `code`: TEXT, UNKNOWN, FOUND, a control byte, or a command's two bytes."""

    code: bytes
    at: int
    args: bytes = b""
    sure: bool = (
        False  # with this the run of text has become surely text; said once in a run, however it is cut
    )


class Lexer:
    """Holds at most one command of `HELD_MAX_BYTES`, whatever is fed."""

    def __init__(self) -> None:
        self.offset = 0  # in the stream, of self._data[0]
        self._data = b""
        self._at = 0
        self._skip = 0  # bytes of a picture still to come
        self._pictures = 0  # pictures of FS q still to come
        self._lost = False
        self._aside = 0  # bytes that may still be for the display (ESC = 2)
        self._run = b""  # the last bytes of the run of text we are in
        self._run_sure = False
        self._odd = False  # something unknown since the last run of sure text

    @property
    def in_the_middle(self) -> bool:
        """Whether the last command is not whole yet."""
        return bool(self._skip or self._pictures or (self._data and not self._lost))

    def abandon(self) -> None:
        """Forget the command in the middle: the line fell silent, its rest will not come."""
        self.offset += len(self._data)
        self._data, self._skip, self._pictures, self._lost = b"", 0, 0, False

    def lose(self) -> None:
        """Nothing makes sense: skip to the next thing that surely does. May be called between two tokens."""
        self._lost = True

    def feed(self, chunk: bytes) -> Iterator[Token]:
        """The tokens that `chunk` completes. Must be run to its end before the next chunk."""
        self._data = self._data + chunk if self._data else chunk
        self._at = 0
        while self._at < len(self._data):
            if self._skip:
                self._skip_on()
            elif self._pictures:
                if not self._next_picture():
                    break
            elif self._aside:
                if not self._pass_aside():
                    break
            elif self._lost:
                found = self._search()
                if found is None:
                    break
                yield found
            else:
                token = self._next()
                if token is None:
                    break
                yield token
        self.offset += self._at
        self._data = self._data[self._at :]

    def _next(self) -> Token | None:
        data, at = self._data, self._at
        place = self.offset + at
        if data[at] >= 0x20:
            run = _RUN.match(data, at)
            text = run[0] if run else b""
            self._at = at + len(text)
            return Token(TEXT, place, text, self._has_become_sure(text, self._at < len(data)))
        self._run, self._run_sure = b"", False
        if data[at] not in _STARTERS:
            self._at = at + 1
            return Token(data[at : at + 1], place)
        if at + 1 == len(data):
            return None
        code = data[at : at + 2]
        fixed = _FIXED.get(code)
        if fixed is not None:
            args = data[at + 2 : at + 2 + fixed]
            if len(args) == fixed and b"\x1b" not in args:
                self._at = at + 2 + fixed
                return Token(code, place, args)
        command = COMMANDS.get(code)
        if command is None:
            # A printer drops the opcode too, unless that is itself the start of something
            return self._unknown(place, code, at + (1 if code[1] < 0x20 else 2))
        size = command.length if isinstance(command.length, int) else command.length(data, at + 2)
        end = at + 2 + size
        if code not in _BINARY and not command.picture and data[at + 2 : at + 3] != b"L":
            # None of these has ESC @ in its arguments: it was cut off, and a new job begins inside it
            begins = data.find(b"\x1b@", at + 2, end if size >= 0 else at + 2 + HELD_MAX_BYTES)
            if begins >= 0:
                return self._unknown(place, code, begins)
        if size == MORE and len(data) - at < HELD_MAX_BYTES:
            return None
        if size < 0:
            return self._unknown(place, code, at + 2)
        picture = command.picture or size > HELD_MAX_BYTES  # too long to be anything else
        if end > len(data) and not picture:
            return None
        if picture:
            self._at = at + 2
            self._skip = size
            return Token(code, place, data[at + 2 : min(end, at + 12)])
        args = data[at + 2 : end]
        if code == b"\x1cq":
            self._pictures = args[0]
        elif code == b"\x1b=" and args == b"\x02":
            self._aside = ASIDE_MAX_BYTES
        self._at = end
        return Token(code, place, args)

    def _has_become_sure(self, text: bytes, ends: bool) -> bool:
        if self._run_sure or (ends and len(self._run) + len(text) < _SURE_RUN):
            return False
        text = self._run + text
        self._run_sure = is_sure(text)
        self._run = text[-_SURE_RUN:]
        if self._run_sure:
            self._odd = False
        return self._run_sure

    def _unknown(self, place: int, code: bytes, go_on_at: int) -> Token:
        self._at = go_on_at
        self._odd = True
        return Token(UNKNOWN, place, code)

    def _skip_on(self) -> None:
        step = min(self._skip, len(self._data) - self._at)
        # After nonsense even the picture may be one: a new job ends it. A sound logo may hold any bytes.
        begins = self._data.find(b"\x1b@", self._at, self._at + step) if self._odd else -1
        if begins >= 0:
            self._skip, self._at = 0, begins
        else:
            self._skip -= step
            self._at += step

    def _pass_aside(self) -> bool:
        """What is for the customer display, until the printer is meant again."""
        data, at = self._data, self._at
        again = _PRINTER_AGAIN.search(data, at)
        end = again.start() if again else max(at, len(data) - 2)
        self._aside = 0 if again else max(0, self._aside - (end - at))
        self._at = end
        return bool(again) or not self._aside

    def _next_picture(self) -> bool:
        size = stored_picture(self._data, self._at)
        if size == MORE:
            return False
        if size == WRONG:
            self._pictures = 0
            return True
        self._pictures -= 1
        self._skip = size
        return True

    def _search(self) -> Token | None:
        """FOUND with what was found: ``b"@"``, ``b"V"`` or ``b"a"`` (text); None: not in here."""
        data, at = self._data, self._at
        classes = data[at:].translate(_CLASSES)
        cut = _CUT.search(data, at)
        finds = [
            (data.find(b"\x1b@", at), b"@"),
            (cut.start() if cut else -1, b"V"),
            (self._text_at(classes, b"a", at), b"a"),
            (self._text_at(classes, b"h", at), b"a"),
        ]
        places = [(place, what) for place, what in finds if place >= 0]
        if not places:
            self._at = max(at, len(data) - _LOOK_BACK_BYTES)
            return None
        place, what = min(places)
        self._lost = False
        self._at = max(at, place - _LOOK_BACK_BYTES) if what == b"a" else place
        return Token(FOUND, self.offset + self._at, what)

    @staticmethod
    def _text_at(classes: bytes, kind: bytes, at: int) -> int:
        found = classes.find(kind * _SURE_RUN)
        return found + at if found >= 0 else -1
