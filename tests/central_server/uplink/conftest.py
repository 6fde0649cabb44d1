"""The inbox's small world, on each kind of database."""

from __future__ import annotations

import pytest

from central_server.db import Database
from tests.central_server.uplink.inbox_world import World


@pytest.fixture
async def world(database: Database) -> World:
    return World(database)
