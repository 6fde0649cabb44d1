from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes.house import Running


@pytest.fixture(autouse=True)
def nothing_stays_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a failing test leaves running is killed."""
    started: list[Running] = []
    begin = Running.__init__

    def noted(self: Running, *words: object, **more: object) -> None:
        begin(self, *words, **more)  # type: ignore[arg-type]
        started.append(self)

    monkeypatch.setattr(Running, "__init__", noted)
    yield
    for running in started:
        running.signal(9)
        running._process.wait()
