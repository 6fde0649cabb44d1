"""Tables: a page of rows, links that sort them, and all of them as CSV."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams
from starlette.responses import StreamingResponse

from central_server.web.text import N_, words

ROWS_MAX: Final = 200_000
PAGE_ROWS: Final = 50
PAGE_ROWS_MAX: Final = 500
_BOM: Final = "\ufeff"  # without it Excel reads Chinese as Latin
_CHUNK_CHARS: Final = 64 * 1024
# A spreadsheet runs a cell that begins with one of these (OWASP, CSV injection) …
_RUNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# … but a plain number is just a number.
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
CUT: Final = N_("Cut off here: an export holds at most %(rows)s rows. Narrow the filter to get the rest.")

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows, and how to ask for those after them."""

    items: Sequence[T]
    next: str | None = None  # cursor; None: these are the last
    total: int | None = None  # None: not counted, because counting would cost more than it tells


def page_of(rows: Sequence[T], rows_max: int, cursor: str | None, total: int | None = None) -> Page[T]:
    """The first `rows_max` of `rows`; `cursor` leads on when one row more was fetched."""
    return Page(rows[:rows_max], cursor if len(rows) > rows_max else None, total)


def rows_wanted(asked: int | None) -> int:
    """How many rows a page shows: what was asked for, between 1 and PAGE_ROWS_MAX."""
    return PAGE_ROWS if asked is None else min(max(asked, 1), PAGE_ROWS_MAX)


def query_with(query: QueryParams, **changes: Any) -> str:
    """This page's address with some parameters changed; None takes one away. Begins with `?`."""
    kept = [(name, value) for name, value in query.multi_items() if name not in changes]
    added = [(name, str(value)) for name, value in changes.items() if value is not None]
    return f"?{urlencode(kept + added)}"


@dataclass(frozen=True)
class SortLink:
    """A column's heading that sorts by it; a second click turns it round."""

    href: str
    direction: str  # "ascending", "descending", or "none" (as aria-sort says it)


def sort_link(query: QueryParams, column: str, default: str = "") -> SortLink:
    """The heading of `column` where the address says `?sort=column` or `?sort=-column`."""
    now = query.get("sort", default)
    turned = f"-{column}" if now == column else column
    direction = {column: "ascending", f"-{column}": "descending"}.get(now, "none")
    return SortLink(query_with(query, sort=turned, after=None), direction)


def csv_response(
    filename: str,
    header: Sequence[str],
    rows: AsyncIterator[Sequence[object]],
    *,
    rows_max: int = ROWS_MAX,
    lang: str = "en",
) -> StreamingResponse:
    """`rows` as a file to download, sent while it is read; when cut at `rows_max` the last line says so.

    `rows` must read from a `ReadDb` session, which stays open until the last byte is sent.
    """
    cut = words(lang).gettext(CUT) % {"rows": rows_max}
    disposition = f"attachment; filename=\"{ascii_name(filename)}\"; filename*=UTF-8''{quote(filename)}"
    return StreamingResponse(
        _csv(header, rows, rows_max, cut),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": disposition},
    )


def csv_link(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A few rows as an address that is the file itself: for what must not be kept to be fetched later."""
    buffer = io.StringIO()
    buffer.write(_BOM)
    csv.writer(buffer).writerows(_cells(row) for row in (header, *rows))
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(buffer.getvalue().encode()).decode()


def cell(value: object) -> object:
    """`value` as it may stand in a spreadsheet: text that would be run as a formula gets a quote in front."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float | Decimal):
        return value
    text = str(value)
    if text.startswith(_RUNS) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


async def _csv(
    header: Sequence[str], rows: AsyncIterator[Sequence[object]], rows_max: int, cut: str
) -> AsyncIterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(_BOM)
    writer.writerow(_cells(header))
    count = 0
    async for row in rows:
        if count == rows_max:
            writer.writerow([cut])
            break
        count += 1
        writer.writerow(_cells(row))
        if buffer.tell() > _CHUNK_CHARS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cells(row: Iterable[object]) -> list[object]:
    return [cell(value) for value in row]


def ascii_name(filename: str) -> str:
    """The name for a reader of headers who knows ASCII only."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", filename)
