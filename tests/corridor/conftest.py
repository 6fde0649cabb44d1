"""Where worlds are kept: in memory if the machine has such a disk, for they wait for no fsync there."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.memory_disk import memory_disk


@pytest.fixture
def new_folder() -> Iterator[Callable[[], Path]]:
    """Gives an empty folder at each call."""
    root = Path(tempfile.mkdtemp(prefix="tillbeam-world-", dir=memory_disk()))
    numbers = itertools.count(1)

    def made() -> Path:
        folder = root / str(next(numbers))
        folder.mkdir()
        return folder

    try:
        yield made
    finally:
        shutil.rmtree(root, ignore_errors=True)
