"""Bytes for a display → the screen as a customer sees it, whoever sends them.

Text goes to the cursor, a command is held until it is whole. A command inside of which
another begins was cut off, and is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from drivers.pos.codepages import Style
from drivers.pos.line_display.commands import BINARY, ESC, HELD_MAX_BYTES, MORE, STARTERS, length
from drivers.pos.line_display.screen import COLUMNS, ROWS, Cell, Mode, Screen, alphabet

UNKNOWN_MAX = 32  # unknown commands kept until somebody takes them; more in a chunk is noise
DISPLAY = 2  # the bit of ESC = that lets the display listen; 1 is the printer on the same line
_STRING_KINDS = {ord("A"): 0, ord("B"): 1, ord("D"): 0}  # ESC Q: upper line, lower line, upper line that runs
# ESC f n and ESC c n of CD5220 as ESC R and ESC t of the others
_COUNTRIES = {ord(letter): number for letter, number in zip("AFGUDWISJNE", range(11), strict=True)}
_PAGES = {ord("A"): 0, ord("J"): 1, ord("R"): 17, ord("L"): 18}


_TEXT = re.compile(rb"[\x20-\xff]+")
NONSENSE_MAX = 64  # things that no display knows, in one breath: the line is noise, or its speed is wrong
# With these a program surely begins a screen; noise has one of them in 20 kB.
_SURE = re.compile(rb"\x1b@|\x1bQ[AB]|(?:\x0c|\x1bl..|\x1f\$..)[\x20-\x7e]{6}", re.DOTALL)
_SURE_BYTES = 10


class ScreenReader:
    """Never raises, holds at most HELD_MAX_BYTES."""

    def __init__(self) -> None:
        self.screen = Screen()
        self._style = Style()
        self._alphabet = alphabet(self._style)
        self.locked = False  # CD5220: after ESC Q A only clearing leads back to text and cursor
        self.unknown: list[tuple[int, bytes]] = []  # commands that nobody has; taken by the caller
        self._held = b""
        self._held_at = 0
        self._line: tuple[int, int] | None = None  # row and column in the text of ESC Q A … CR
        self._listening = True
        self._nonsense_count = 0
        self._lost = False
        self._does: dict[bytes, Callable[[bytes, int], None]] = {
            b"\x08": lambda _, __: self.screen.left(),
            b"\x09": lambda _, at: self.screen.right(at),
            b"\x0a": lambda _, at: self.screen.down(at),
            b"\x0b": lambda _, __: self.screen.home(),
            b"\x0d": lambda _, __: self.screen.place(0, self.screen.row),
            b"\x1b@": self._initialise,
            b"\x1b\x11": lambda _, __: self._mode("overwrite"),
            b"\x1b\x12": lambda _, __: self._mode("vertical"),
            b"\x1b\x13": lambda _, __: self._mode("horizontal"),
            b"\x1f\x01": lambda _, __: self._mode("overwrite"),
            b"\x1f\x02": lambda _, __: self._mode("vertical"),
            b"\x1f\x03": lambda _, __: self._mode("horizontal"),
            b"\x1f\x0a": lambda _, __: self.screen.up(),
            b"\x1f\x0d": lambda _, __: self.screen.place(COLUMNS - 1, self.screen.row),
            b"\x1fB": lambda _, __: self.screen.place(COLUMNS - 1, ROWS - 1),
            b"\x1bl": lambda args, _: self.screen.place(args[0] - 1, args[1] - 1),
            b"\x1f$": lambda args, _: self.screen.place(*_column_and_row(args)),
            b"\x1b[": self._move,
            b"\x1bt": lambda args, _: self._restyle(page=args[0]),
            b"\x1bc": lambda args, _: self._restyle(page=_PAGES.get(args[0], self._style.page)),
            b"\x1bR": lambda args, _: self._restyle(country=args[0]),
            b"\x1bf": lambda args, _: self._restyle(country=_COUNTRIES.get(args[0], args[0] % 32)),
            b"\x1c&": lambda _, __: self._restyle(two_byte="gbk"),
            b"\x1c.": lambda _, __: self._restyle(two_byte=""),
            b"\x1f.": lambda args, at: self._pointed(args + b".", at),
            b"\x1f,": lambda args, at: self._pointed(args + b",", at),
            b"\x1f;": lambda args, at: self._pointed(args + b";", at),
            b"\x1f@": lambda _, at: self.screen.clear(at),
        }

    @property
    def in_the_middle(self) -> bool:
        """Whether a command or the text of a line is not whole yet."""
        return bool(self._held) or self._line is not None

    def abandon(self) -> None:
        """The line fell silent: the rest of the command will not come."""
        self._held, self._line = b"", None
        self._nonsense_count, self._lost = 0, False

    def feed(self, chunk: bytes, at_byte: int) -> None:
        """`at_byte`: where `chunk` stands in the stream."""
        at = 0
        while at < len(chunk):
            if self._lost:
                # What was kept stands right before the chunk, so it is searched with it.
                chunk, at_byte, at = self._held + chunk[at:], at_byte + at - len(self._held), 0
                found = _SURE.search(chunk)
                self._held = b"" if found else chunk[1 - _SURE_BYTES :]
                if not found:
                    return
                self._nonsense_count, self._lost = 0, False
                at = found.start()
            byte = chunk[at]
            run = None if self._held else _TEXT.match(chunk, at)
            if run:
                self._text(run.group(), at_byte + at)
                at = run.end()
                continue
            if self._held:
                self._go_on(byte, at_byte + at)
            elif byte in STARTERS:
                self._held, self._held_at = chunk[at : at + 1], at_byte + at
            else:
                self._control(byte, at_byte + at)
            at += 1

    # Commands

    def _go_on(self, byte: int, at: int) -> None:
        if byte == ESC and self._held[:2] not in BINARY:
            self._cut_off()  # no argument is ESC: the command was cut off and another begins
            self._held, self._held_at = b"\x1b", at
            return
        self._held += bytes([byte])
        size = length(self._held)
        if size is None:
            alone = byte < 0x20  # such as ESC CR: only the first of the two is nobody's
            self._nonsense(self._held[:1] if alone else self._held)
            self._held = b""
            if alone:
                self.feed(bytes([byte]), at)
        elif size != MORE and len(self._held) >= size:
            command, self._held = self._held, b""
            self._do(command, self._held_at)
        elif len(self._held) >= HELD_MAX_BYTES:
            self._cut_off()

    def _cut_off(self) -> None:
        self._nonsense(self._held[:2])
        self._held = b""

    def _nonsense(self, raw: bytes) -> None:
        self._puzzled()
        if len(self.unknown) < UNKNOWN_MAX:
            self.unknown.append((self._held_at, raw))

    def _puzzled(self) -> None:
        self.screen.nonsense = True
        self._nonsense_count += 1
        self._lost = self._nonsense_count > NONSENSE_MAX

    def _do(self, command: bytes, at: int) -> None:
        code, args = command[:2], command[2:]
        if code == b"\x1b=":
            self._listening = bool(args[0] & DISPLAY)
        elif not self._listening:
            return
        elif code in (b"\x1bQ", b"\x1bu"):
            row = _STRING_KINDS.get(args[0])
            self._line = None if row is None else (row, 0)
            if row is not None:
                self.locked = code == b"\x1bQ" and args != b"D"
                self.screen.clear_row(row, at)
        elif not self.locked or code == b"\x1b@":
            self._line = None
            if does := self._does.get(code):
                does(args, at)

    def _control(self, byte: int, at: int) -> None:
        if not self._listening:
            return
        if byte == 0x0C:
            self._line, self.locked = None, False
            self.screen.clear(at)
        elif byte == 0x18:
            self._line, self.locked = None, False
            self.screen.clear_row(self.screen.row, at)
        elif byte == 0x0D and self._line is not None:
            self._line = None
        elif does := self._does.get(bytes([byte])):
            if self._line is None and not self.locked:
                does(b"", at)
        elif byte:  # LCDd and others send NUL for padding
            self._puzzled()

    # What they do

    def _text(self, raw: bytes, at: int) -> None:
        if not self._listening:
            return
        if self._line is not None:
            row, column = self._line
            cells = [self._alphabet[byte] for byte in raw[: COLUMNS - column]]
            if cells:  # the line takes no more than it holds
                self.screen.put(row, column, cells, at)
                self._line = row, column + len(cells)
        elif not self.locked:
            self.screen.write([self._alphabet[byte] for byte in raw], at)

    def _pointed(self, raw: bytes, at: int) -> None:
        """A character and the point that shares its place."""
        self.screen.push(Cell(raw, self._style), at)

    def _initialise(self, _: bytes, at: int) -> None:
        self.locked = False
        self._restyle(**Style()._asdict())
        self.screen.mode = "overwrite"
        self.screen.clear(at)

    def _mode(self, mode: Mode) -> None:
        self.screen.mode = mode

    def _restyle(self, **changed: Any) -> None:
        style = self._style._replace(**changed)
        if style != self._style:
            self._style, self._alphabet = style, alphabet(style)

    def _move(self, args: bytes, at: int) -> None:
        screen = self.screen
        match args:
            case b"A":
                screen.up()
            case b"B":
                screen.down(at)
            case b"C":
                screen.right(at)
            case b"D":
                screen.left()
            case b"H":
                screen.home()
            case b"L":
                screen.place(0, screen.row)
            case b"R":
                screen.place(COLUMNS - 1, screen.row)
            case b"K":
                screen.place(0, ROWS - 1)


def _column_and_row(args: bytes) -> tuple[int, int]:
    if len(args) == 4:
        return (int(args[:2]) - 1, int(args[2:]) - 1) if args.isdigit() else (-1, -1)
    return args[0] - 1, args[1] - 1
