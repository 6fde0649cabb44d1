"""Months and quarters as reports count them: how old value is, and which quarter the law asks for. Pure."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Final

from central_server.web.text import N_

AGE_MONTHS: Final = (3, 6, 12, 24, 36)  # where one bucket ends and the next begins
# The last one counts with bearer cards: theirs is the shortest validity that the law allows.
AGE_LABELS: Final = (
    N_("under 3 months"),
    N_("3 to 6 months"),
    N_("6 to 12 months"),
    N_("1 to 2 years"),
    N_("2 to 3 years"),
    N_("3 years and more"),
)


def months_before(day: date, months: int) -> date:
    """``months_before(date(2026, 5, 31), 3) == date(2026, 2, 28)``: that day of the month, or its last."""
    count = day.year * 12 + day.month - 1 - months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def age_bucket(since: date, day: date) -> int:
    """Which of AGE_LABELS what began on `since` is in on `day`; what begins later is in the first."""
    return sum(since <= months_before(day, months) for months in AGE_MONTHS)


def quarter_before(day: date) -> tuple[date, date]:
    """The first and last day of the last whole quarter before `day`."""
    this = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return months_before(this, 3), this - timedelta(days=1)


def quarter_name(last: date) -> str:
    """``quarter_name(date(2026, 9, 30)) == "2026Q3"``."""
    return f"{last.year}Q{(last.month + 2) // 3}"
