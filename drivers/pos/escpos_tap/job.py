"""One piece of paper in the making, what is told of it, and what is added up over a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivers.pos.escpos_tap.paper import Paper
from drivers.pos.escpos_tap.reading import Reading


class Job:
    """All that was printed between two cuts."""

    def __init__(self, at_byte: int, tail: bool) -> None:
        self.at_byte = at_byte
        self.tail = tail  # behind a cut, no ESC @ yet
        self.paper = Paper()
        self.barcodes: list[str] = []
        self.qrs: list[str] = []
        self.pulses = 0
        self.cuts = 0
        self.graphics = 0
        self.junk = 0
        self.sure = 0  # runs that are surely text

    @property
    def blank(self) -> bool:
        """Whether nothing is on the paper."""
        return self.paper.blank and not self.graphics

    def end(self) -> None:
        """What is in the printer's buffer goes to the paper."""
        if self.paper.page_mode:
            self.paper.print_page(leave=True)
        self.paper.end_line()


@dataclass
class Totals:
    """Of a whole stream. Cuts and pulses without a receipt count, too."""

    receipts: int = 0
    cuts: int = 0
    drawer_pulses: int = 0
    has_graphics: bool = False

    def add(self, fields: dict[str, Any]) -> None:
        """One more receipt, with its Note's fields."""
        self.receipts += 1
        self.has_graphics |= fields.get("has_graphics", False)


def fields_of(job: Job, reading: Reading, lines: list[str], encoding: str) -> dict[str, Any]:
    """The fields of a receipt's Note; what the paper does not say is left out."""
    fields: dict[str, Any] = {
        "lines": lines,
        "items": [[part for part in item if part] for item in reading.items],
        "subtotal": reading.subtotal,
        "tax": reading.taxes[0] if reading.taxes else "",
        "total": reading.total,
        "cash": next((amount for kind, amount in reading.tenders if kind == "cash"), ""),
        "tenders": [list(tender) for tender in reading.tenders],
        "change": reading.change,
        "discounts": [list(each) for each in reading.adjustments],
        **reading.numbers,
        "barcode": job.barcodes[0] if job.barcodes else "",
        "qr": job.qrs[0] if job.qrs else "",
        "drawer_pulses": job.pulses,
        "cuts": job.cuts,
        "has_graphics": bool(job.graphics),
        "encoding": encoding,
    }
    flags = {
        name: True for name in ("is_return", "reprint", "report", "unbalanced") if getattr(reading, name)
    }
    kept = {key: value for key, value in fields.items() if value not in ("", [])}
    return {**kept, "lines": lines, "items": fields["items"], **flags}
