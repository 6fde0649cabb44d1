"""What a report is made of, for the page and for the file: tables of texts, amounts and shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from central_server.web.formats import NOTHING, money, number, percent
from sync.contract.leases import POINTS
from sync.contract.money import format_minor

Say = Callable[[str], str]


class Amount(NamedTuple):
    """Minor units or points, written by its unit."""

    minor: int
    unit: str

    def __str__(self) -> str:
        return number(self.minor) if self.unit == POINTS else money(self.minor, self.unit)

    @property
    def plain(self) -> Decimal:
        """As a spreadsheet counts with it."""
        return Decimal(format_minor(self.minor, self.unit))


class Share(NamedTuple):
    """0..1, or None where there is nothing to divide by."""

    value: float | None

    def __str__(self) -> str:
        return percent(self.value)


class Named(NamedTuple):
    """Something with an id, by the name that people call it."""

    name: str
    id: str

    def __str__(self) -> str:
        return self.name


Cell = str | int | Amount | Share | Named | None


@dataclass
class Table:
    """Rows under a header; a column is figures when its first cell is one."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def figures(self) -> list[bool]:
        """For each column, whether it stands on the right."""
        return [is_figure(cell) for cell in self.rows[0]] if self.rows else [False] * len(self.header)


@dataclass
class Report:
    """What a page shows and a file holds: a workbook all tables, a CSV file one of them."""

    title: str
    note: str
    tables: list[Table]
    notices: list[tuple[str, str]] = field(default_factory=list)  # text, mood
    tiles: list[tuple[str, str, str]] = field(default_factory=list)  # label, figure, note
    position: str = ""  # with it in the address, the report says the same for ever
    dates: Sequence[str] = ("first", "last")  # which the filter asks for


def header(say: Say, *labels: str) -> list[str]:
    """The msgids in the reader's language."""
    return [say(label) for label in labels]


def shown(cell: Cell) -> str:
    """As people read it."""
    if cell is None:
        return NOTHING
    return number(cell) if isinstance(cell, int) else str(cell)


def plain(cell: Cell) -> object:
    """As a spreadsheet reads it."""
    if isinstance(cell, Amount):
        return cell.plain
    if isinstance(cell, Named):
        return cell.id
    if isinstance(cell, Share):
        return None if cell.value is None else round(cell.value, 6)
    return cell


def id_of(cell: Cell) -> str:
    """What stands small beside a name; empty where there is nothing more to say."""
    return cell.id if isinstance(cell, Named) and cell.id != cell.name else ""


def is_figure(cell: Cell) -> bool:
    """Whether it stands on the right."""
    return isinstance(cell, int | Amount | Share)
