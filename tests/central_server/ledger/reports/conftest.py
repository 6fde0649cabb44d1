"""Books to report on, on each kind of database."""

from __future__ import annotations

import pytest

from central_server.db import Database
from tests.central_server.ledger.reports.books_world import Books


@pytest.fixture
async def books(database: Database) -> Books:
    return await Books(database).begin()
