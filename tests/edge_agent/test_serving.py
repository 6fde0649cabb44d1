"""One agent for one state folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import StoreInUse
from edge_agent.serving import only_one


def test_a_second_agent_is_sent_away_until_the_first_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with only_one(folder), pytest.raises(StoreInUse, match="another agent"), only_one(folder):
        pass
    with only_one(folder):
        pass
