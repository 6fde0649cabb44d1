"""A chain with programmes, and the time."""

from __future__ import annotations

import pytest

NOW_MS = 1_795_000_000_000  # 2026-11-18 19:06:40 in Shanghai


@pytest.fixture
def now_ms() -> int:
    return NOW_MS
