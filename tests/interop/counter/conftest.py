"""Lines to counters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.counter.unit_line import UnitLine
from tests.interop.wire import Wire


@pytest.fixture
async def unit_line(make_wire: Callable[[], Wire]) -> UnitLine:
    """A unit that has counted."""
    return UnitLine(make_wire())
