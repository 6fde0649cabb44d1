"""What plants a mutant: patches of the programs, for as long as it is entered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

Planting = contextlib.AbstractContextManager[Any]


def many(*plantings: Planting) -> Planting:
    @contextlib.contextmanager
    def all_of_them() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for each in plantings:
                stack.enter_context(each)
            yield

    return all_of_them()
