"""What stands on a display of two lines: cells, a cursor, and how it moves.

    column  1                    20
    row 1   M i l k   1 L … 2 . 4 0      a cell holds the bytes it was given and the code page of that moment;
    row 2   T O T A L … . … 9 . 4 7      a Chinese character takes two

A screen is looked at after the fact, so it keeps what a customer saw: before a cell that is new is changed
again, or wiped, the screen as it stood is put into `passed`, unless there was nonsense on the line.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from drivers.pos.codepages import Piece, Reader, Style

COLUMNS = 20
ROWS = 2

Mode = Literal["overwrite", "vertical", "horizontal"]


class Cell(NamedTuple):
    """One place. `raw` is a byte, or one and the point that shares its place (US .)."""

    raw: bytes
    style: Style


def alphabet(style: Style) -> list[Cell]:
    """The cells of all 256 bytes in one style; made once, for a display is written often."""
    return [Cell(bytes([byte]), style) for byte in range(256)]


class Look(NamedTuple):
    """A screen as it stood."""

    at_byte: int  # of the first thing that is new on it
    lines: list[str]


Row = list[Cell | None]


class Screen:
    """Rows and columns count from 0."""

    def __init__(self) -> None:
        self.rows: list[Row] = [[None] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.mode: Mode = "overwrite"
        self.passed: list[Look] = []
        self.nonsense = False  # since the last look
        self.changes = 0  # ever; who sees it stand still knows that a screen is whole
        self._new = [0] * ROWS  # a bit for each place that is new since the last look
        self._new_at = 0
        self._changed = False  # since the last look; a cell wiped is a change that leaves nothing new

    # What is on it

    def write(self, cells: list[Cell], at_byte: int) -> None:
        """Text at the cursor, which goes on; one byte of the stream each."""
        while cells and self.mode != "horizontal":
            part, cells = cells[: COLUMNS - self.column], cells[COLUMNS - self.column :]
            self.put(self.row, self.column, part, at_byte)
            at_byte += len(part)
            self.column += len(part)
            if self.column == COLUMNS:
                self.column = 0
                self.down(at_byte - 1)
        for cell in cells:
            self.push(cell, at_byte)
            at_byte += 1

    def push(self, cell: Cell, at_byte: int) -> None:
        """One character at the cursor; in the mode that scrolls sideways the line goes left before it."""
        if self.mode == "horizontal" and self.column == COLUMNS - 1 and self.rows[self.row][-1]:
            self._change(at_byte, self.row)
            self.rows[self.row] = [*self.rows[self.row][1:], None]
        self.put(self.row, self.column, [cell], at_byte)
        if self.column + 1 < COLUMNS:
            self.column += 1
        elif self.mode != "horizontal":
            self.column = 0
            self.down(at_byte)

    def put(self, row: int, column: int, cells: list[Cell], at_byte: int) -> None:
        """Characters from that place on, one byte of the stream each; the cursor stays."""
        places = (1 << len(cells)) - 1 << column
        if (both := self._new[row] & places) and not self.nonsense:
            # What was written before the first that is new belongs to the screen as it stood.
            before = (both & -both).bit_length() - 1 - column
            if before:
                self.put(row, column, cells[:before], at_byte)
                self.put(row, column + before, cells[before:], at_byte + before)
                return
        self._change(at_byte, row, places)
        self.rows[row][column : column + len(cells)] = cells
        self._new[row] |= places

    def clear(self, at_byte: int) -> None:
        """All of it; the cursor goes home."""
        for row in range(ROWS):
            self.clear_row(row, at_byte)
        if self.nonsense:
            self.nonsense, self._new = False, [0] * ROWS
        self.home()

    def clear_row(self, row: int, at_byte: int) -> None:
        """One line; the cursor goes to its start."""
        if any(self.rows[row]):
            self._change(at_byte, row)
            self.rows[row] = [None] * COLUMNS
        self.row, self.column = row, 0

    # The cursor

    def home(self) -> None:
        self.row = self.column = 0

    def place(self, column: int, row: int) -> None:
        """Where there is no such place a display does nothing."""
        if 0 <= column < COLUMNS and 0 <= row < ROWS:
            self.column, self.row = column, row

    def down(self, at_byte: int) -> None:
        """One line down; from the last to the first, or the lines move up."""
        if self.row + 1 < ROWS:
            self.row += 1
        elif self.mode == "vertical":
            for row in range(ROWS):
                self._change(at_byte, row)
            self.rows = [*self.rows[1:], [None] * COLUMNS]
        else:
            self.row = 0

    def up(self) -> None:
        self.row = (self.row - 1) % ROWS

    def right(self, at_byte: int) -> None:
        self.column = (self.column + 1) % COLUMNS
        if self.column == 0:
            self.down(at_byte)

    def left(self) -> None:
        self.column = (self.column - 1) % COLUMNS
        if self.column == COLUMNS - 1:
            self.up()

    # Looking

    def look(self) -> Look | None:
        """The screen, when it is another than at the last look."""
        if not self._changed:
            return None
        self._changed = self.nonsense = False
        self._new = [0] * ROWS
        return Look(self._new_at, self.lines())

    def lines(self) -> list[str]:
        """Each line as far as it was written, spaces included; a place never written before that is one."""
        pieces = [_pieces(row) for row in self.rows]
        reader = Reader(piece for row in pieces for piece in row)
        return ["".join(reader.read(piece) for piece in row) for row in pieces]

    def _change(self, at_byte: int, row: int, places: int = -1) -> None:
        """These places are about to be another: what nobody has looked at yet is looked at now."""
        self.changes += 1
        if self._new[row] & places and not self.nonsense and (look := self.look()):
            self.passed.append(look)
        if not self._changed:
            self._changed, self._new_at = True, at_byte


def _pieces(row: Row) -> list[Piece]:
    """The cells of one line, runs of one style together, so that two bytes can be one character."""
    while row and row[-1] is None:
        row = row[:-1]
    pieces: list[Piece] = []
    for cell in row:
        raw, style = cell if cell else (b" ", pieces[-1].style if pieces else Style())
        if pieces and pieces[-1].style == style:
            pieces[-1] = Piece(style, pieces[-1].raw + raw)
        else:
            pieces.append(Piece(style, raw))
    return pieces
