from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sync.link.brokers import BROKERS, Ground


@pytest.fixture(params=list(BROKERS))
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    """A broker with the logins centre, s1 and s2: ours, then mosquitto."""
    async with BROKERS[request.param](tmp_path) as ground:
        yield ground
