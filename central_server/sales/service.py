"""What other modules, pages and the inbox may ask of sales. Nothing here commits.

facts       record, record_unreadable
a job       link_pending
reading     listed, every, totals, receipt, of_member, spent_by_member, hours, unreadable, tendered
"""

from __future__ import annotations

from central_server.sales.reading import (
    DAYS_MAX,
    Hour,
    Listed,
    Receipt,
    Wanted,
    every,
    hours,
    listed,
    of_member,
    receipt,
    spent_by_member,
    totals,
    unreadable,
)
from central_server.sales.recording import link_pending, record, record_unreadable
from central_server.sales.tendered import Tendered, tendered
from central_server.sales.zones import calendar_of_store

__all__ = [
    "DAYS_MAX",
    "Hour",
    "Listed",
    "Receipt",
    "Tendered",
    "Wanted",
    "calendar_of_store",
    "every",
    "hours",
    "link_pending",
    "listed",
    "of_member",
    "receipt",
    "record",
    "record_unreadable",
    "spent_by_member",
    "tendered",
    "totals",
    "unreadable",
]
