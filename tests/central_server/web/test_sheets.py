"""Tables as Excel files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from xml.etree import ElementTree

from central_server.web.sheets import sheet_response

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


async def some(rows: Sequence[Sequence[object]]) -> AsyncIterator[Sequence[object]]:
    for row in rows:
        yield row


async def read(rows: Sequence[Sequence[object]], rows_max: int = 1000) -> list[list[str]]:
    """The cells of the file as texts, its header first."""
    response = await sheet_response("表.xlsx", ["名称", "Amount"], some(rows), rows_max=rows_max)
    body = b"".join([bytes(chunk) async for chunk in response.body_iterator])  # type: ignore[arg-type]
    assert "filename*=UTF-8''%E8%A1%A8.xlsx" in response.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        assert not any("<f>" in book.read(name).decode() for name in book.namelist() if "sheet" in name)
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314  # our own
    return [["".join(cell.itertext()) for cell in row.iter(f"{_MAIN}c")] for row in sheet.iter(f"{_MAIN}row")]


async def test_texts_stay_texts_and_numbers_numbers() -> None:
    assert await read([["=1+1", 12.5], ["=HYPERLINK(1)", 10**16], [None, True]]) == [
        ["名称", "Amount"],
        ["=1+1", "12.5"],
        ["=HYPERLINK(1)", "10000000000000000"],
        ["1"],
    ]


async def test_a_file_that_is_cut_says_so() -> None:
    rows = await read([[str(n), n] for n in range(5000)], rows_max=2500)
    assert len(rows) == 2502
    assert rows[2500] == ["2499", "2499"]
    assert "2500" in rows[2501][0]
