from __future__ import annotations

import logging
from typing import Any

import pytest

from central_server import wire
from config.central import CentralSettings


@pytest.mark.parametrize(
    ("broker", "warned"),
    [
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "10.0.0.5"}, True),
        ({"host": "127.0.0.1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0", "certificate": "a.pem", "key": "a.key"}, False),
    ],
)
async def test_a_broker_that_all_can_listen_in_on_is_warned_of(
    broker: dict[str, str], warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def started(_settings: Any) -> None:
        return None

    monkeypatch.setattr(wire, "start_broker", started)
    with caplog.at_level(logging.WARNING):
        await wire.CentreBroker(CentralSettings.model_validate({"broker": broker})).start()
    assert ("without TLS" in caplog.text) is warned
