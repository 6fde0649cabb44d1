"""The centre's side of a card with money on it, and one store."""

from __future__ import annotations

import pytest

from central_server.db import Database
from central_server.keys import Keys
from tests.central_server.ledger.leases.lease_world import LeaseWorld, Shop


@pytest.fixture
def world(database: Database, keys: Keys) -> LeaseWorld:
    return LeaseWorld(database, keys)


@pytest.fixture
def shop(keys: Keys) -> Shop:
    return Shop(keys)
