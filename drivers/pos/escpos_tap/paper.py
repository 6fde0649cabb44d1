"""What the print head put where: bytes with their style and place become lines.

In standard mode the paper only moves on, so a line is its pieces from left to right. In page mode a till may
print all names first and all prices afterwards: pieces are kept with their place until the page is printed.
Lines printed upside down (`ESC {`) are sent from the last to the first.
A piece that was placed (`ESC $`, `ESC \\`, tab) starts a new column; columns are shown two spaces apart.
"""

from __future__ import annotations

from drivers.pos.codepages import Piece, Reader, Style

LINE_MAX_BYTES = 512  # the widest paper has 80 columns; more without a line end is wrapped here
LINES_MAX = 2000
BYTES_MAX = 256 * 1024
PAGE_PIECES_MAX = 4096
_DOTS_PER_COLUMN = 12
_LINE_DOTS = 30  # 1/6 inch, where the printer starts
_SAME_LINE_DOTS = 12  # pieces of a page this near in height stand on one line
COLUMN_BREAK = "  "


class Bit(Piece, gc=False):
    """A run of bytes of one style, begun at one place."""

    x: int | None  # dots from the left; None: goes on where the last one ended
    y: int


Line = list[Bit]


class Paper:
    """The lines of one print job. `full` says that a limit was reached; nothing more is taken then."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.size_bytes = 0
        self.full = False
        self.page_mode = False
        self.line_dots = _LINE_DOTS
        self._upside_from: int | None = None  # where lines printed upside down begin
        self._line: Line = []
        self._line_bytes = 0
        self._place: int | None = 0
        self._page: Line = []
        self._y = 0

    @property
    def blank(self) -> bool:
        return not (self.lines or self._line or self._page)

    def write(self, raw: bytes, style: Style) -> None:
        """Text at the place of the head."""
        if self.full:
            return
        while self._line_bytes + len(raw) > LINE_MAX_BYTES and not self.full:
            room = LINE_MAX_BYTES - self._line_bytes
            self._put(raw[:room], style)
            raw = raw[room:]
            self.end_line()
        if raw:
            self._put(raw, style)

    def _put(self, raw: bytes, style: Style) -> None:
        if self._place is None and self._line and self._line[-1].style == style:
            self._line[-1].raw += raw
        else:
            self._line.append(Bit(style, raw, self._place, self._y))
            self._place = None
        self._line_bytes += len(raw)
        self.size_bytes += len(raw)
        if self.size_bytes > BYTES_MAX:
            self.full = True

    def place(self, x: int) -> None:
        """ESC $: go to `x` dots."""
        self._place = x

    def move(self, dots: int) -> None:
        """ESC \\: go on by `dots`; less than a letter is spacing and no column."""
        if abs(dots) >= _DOTS_PER_COLUMN:
            self._place = max(0, self._end() + dots)

    def tab(self) -> None:
        """To the next column."""
        if self._line:
            self._place = self._end() + 2 * _DOTS_PER_COLUMN

    def _end(self) -> int:
        x = self._place
        if x is not None:
            return x
        x = 0
        for bit in self._line:
            x = (x if bit.x is None else bit.x) + _DOTS_PER_COLUMN * len(bit.raw)
        return x

    def end_line(self, dots: int | None = None) -> None:
        """The head goes to the start of the next line; an empty line leaves nothing."""
        if self._line:
            if self.page_mode:
                if len(self._page) < PAGE_PIECES_MAX:
                    self._page.extend(self._line)
            else:
                self._add(self._line)
        self._line, self._line_bytes, self._place = [], 0, 0
        self._y += self.line_dots if dots is None else dots

    def _add(self, line: Line) -> None:
        if len(self.lines) >= LINES_MAX:
            self.full = True
        elif self._upside_from is None:
            self.lines.append(line)
        else:
            self.lines.insert(self._upside_from, line)

    def turn(self, upside_down: bool) -> None:
        """ESC {: lines printed upside down are sent from the last to the first."""
        if upside_down != (self._upside_from is not None):
            self._upside_from = len(self.lines) if upside_down else None

    def forget_line(self) -> None:
        """ESC @ and CAN empty the printer's buffer unprinted."""
        self._line, self._line_bytes, self._place = [], 0, 0
        self._page, self._y = [], 0

    def begin_page(self) -> None:
        """ESC L."""
        self.end_line()
        self.page_mode, self._page, self._y = True, [], 0

    def height(self, y: int) -> None:
        """GS $ in page mode: the head goes to `y` dots from the top."""
        if self.page_mode:
            self.end_line(0)
            self._y = y

    def rise(self, dots: int) -> None:
        """GS \\ in page mode."""
        self.height(max(0, self._y + dots))

    def area(self, x: int, y: int) -> None:
        """ESC W: a new area of the page, with its corner there."""
        if self.page_mode:
            self.end_line(0)
            self._y, self._place = y, x

    def print_page(self, leave: bool) -> None:
        """FF or ESC FF: the pieces of the page become lines, from the top down and left to right."""
        self.end_line(0)
        rows: list[Line] = []
        for bit in sorted(self._page, key=lambda bit: bit.y):
            if rows and bit.y - rows[-1][0].y < _SAME_LINE_DOTS:
                rows[-1].append(bit)
            else:
                rows.append([bit])
        for row in rows:
            self._add(row)
        if leave:
            self.page_mode, self._page, self._y = False, [], 0

    def leave_page(self) -> None:
        """ESC S: back to standard mode; Epson throws the page away, which is what we do."""
        if self.page_mode:
            self.forget_line()
            self.page_mode = False

    def cut_back(self, line_count: int) -> None:
        """Take away the lines after `line_count`: they were noise."""
        del self.lines[line_count:]
        self.turn(False)
        self.forget_line()


def text_of(line: Line, reader: Reader) -> str:
    """The characters of a line, its columns two spaces apart, without spaces at its end."""
    columns: list[str] = []
    places: list[int] = []
    for bit in line:
        text = reader.read(bit)
        if bit.x is None and columns:
            columns[-1] += text
        else:
            places.append(bit.x or 0)
            columns.append(text)
    if places != sorted(places):
        columns = [columns[at] for at in sorted(range(len(places)), key=places.__getitem__)]
    return COLUMN_BREAK.join(columns).rstrip()
