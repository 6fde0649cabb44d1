"""Tables as an Excel file. Texts are written as texts, whatever they begin with; numbers stay numbers."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from typing import IO, Final, NamedTuple
from urllib.parse import quote

from starlette.responses import StreamingResponse
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from central_server.web.tables import CUT, ascii_name
from central_server.web.text import words

SHEET_ROWS_MAX: Final = 100_000  # about 4 s of one core; a CSV file holds more
MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TITLE_CHARS: Final = 31  # of a sheet: Excel's limit
_ROWS_AT_ONCE: Final = 2_000
_COLUMN_CHARS: Final = (8, 40)  # how narrow and how wide a column is made
_CHUNK_BYTES: Final = 64 * 1024
_EXACT_MAX: Final = 10**15  # past it Excel rounds; such a number is written as text


class Sheet(NamedTuple):
    """One table of a workbook. `title` is cut to what Excel allows; empty: Excel's own."""

    title: str
    header: Sequence[str]
    rows: AsyncIterator[Sequence[object]]


async def sheet_response(
    filename: str,
    header: Sequence[str],
    rows: AsyncIterator[Sequence[object]],
    *,
    rows_max: int = SHEET_ROWS_MAX,
    lang: str = "en",
) -> StreamingResponse:
    """`rows` as a workbook of one sheet; when cut at `rows_max` the last row says so."""
    return await book_response(filename, [Sheet("", header, rows)], rows_max=rows_max, lang=lang)


async def book_response(
    filename: str, sheets: Sequence[Sheet], *, rows_max: int = SHEET_ROWS_MAX, lang: str = "en"
) -> StreamingResponse:
    """A workbook of these sheets, `rows_max` rows together; a sheet that is cut says so in its last row.

    The file is whole before its first byte is sent: its table of contents stands at its end.
    """
    most = min(rows_max, SHEET_ROWS_MAX)
    cut = words(lang).gettext(CUT) % {"rows": most}
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `_sent`, after the last byte
    try:
        book = Workbook(
            file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        left = most
        for number, sheet in enumerate(sheets, 1):
            place = book.add_worksheet(_sheet_name(sheet.title, number))
            left -= await _filled(book, place, sheet, left, cut)
        await asyncio.to_thread(book.close)
    except BaseException:
        file.close()
        raise
    disposition = f"attachment; filename=\"{ascii_name(filename)}\"; filename*=UTF-8''{quote(filename)}"
    headers = {"Content-Disposition": disposition}
    return StreamingResponse(_sent(file), media_type=MEDIA_TYPE, headers=headers)


def _sheet_name(title: str, number: int) -> str | None:
    """Excel refuses some signs, long names, and two sheets of one name: the number keeps them apart."""
    plain = re.sub(r"[\[\]:*?/\\']", " ", title).strip()
    return f"{number} {plain}"[:_TITLE_CHARS] if plain else None


async def _filled(book: Workbook, place: Worksheet, sheet: Sheet, rows_max: int, cut: str) -> int:
    """Write the sheet, at most `rows_max` rows of it; gives how many there are."""
    await asyncio.to_thread(_begin, book, place, sheet.header)
    some: list[Sequence[object]] = []
    written = 0
    async for row in sheet.rows:
        if written + len(some) == rows_max:
            some.append([cut])
            break
        some.append(row)
        if len(some) == _ROWS_AT_ONCE:
            await asyncio.to_thread(_write, place, 1 + written, some)
            written, some = written + len(some), []
    await asyncio.to_thread(_write, place, 1 + written, some)
    return min(written + len(some), rows_max)


def _begin(book: Workbook, sheet: Worksheet, header: Sequence[str]) -> None:
    bold = book.add_format({"bold": True})
    least, most = _COLUMN_CHARS
    for column, label in enumerate(header):
        # A Chinese sign is as wide as two letters.
        width = sum(1 + (sign > "\u2e7f") for sign in label) + 2
        sheet.set_column(column, column, min(max(width, least + 6), most))
    sheet.freeze_panes(1, 0)
    for column, label in enumerate(header):
        sheet.write_string(0, column, label, bold)


def _write(sheet: Worksheet, at: int, rows: Iterable[Sequence[object]]) -> None:
    for number, row in enumerate(rows, at):
        for column, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, bool):
                sheet.write_number(number, column, int(value))
            elif isinstance(value, int | float | Decimal) and -_EXACT_MAX < value < _EXACT_MAX:
                sheet.write_number(number, column, value)
            else:
                sheet.write_string(number, column, str(value))


async def _sent(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
