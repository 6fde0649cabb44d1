from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from central_server import wire
from central_server.broker.settings import BrokerSettings
from central_server.errors import Misconfigured
from central_server.stores.address import broker_address
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


OURS = {"certificate": "a.pem", "key": "a.key"}


@pytest.mark.parametrize(
    ("authorities", "asked_of_stores", "told_to_stores"),
    [
        ((), "", ""),
        (("ca",), "", "PEM of ca"),
        (("client_ca",), "client_ca", ""),
        (("ca", "client_ca"), "client_ca", "PEM of ca"),
    ],
)
async def test_whom_stores_believe_and_who_signs_theirs_are_two_things(
    authorities: tuple[str, ...],
    asked_of_stores: str,
    told_to_stores: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[BrokerSettings] = []

    async def start(settings: BrokerSettings) -> None:
        started.append(settings)

    monkeypatch.setattr(wire, "start_broker", start)
    for name in authorities:
        (tmp_path / name).write_text(f"PEM of {name}")
    given = {name: str(tmp_path / name) for name in authorities}
    settings = CentralSettings.model_validate({"broker": OURS | given})
    await wire.CentreBroker(settings).start()
    tls = started[0].tls
    assert tls is not None
    assert Path(tls.client_ca_file).name == asked_of_stores
    assert broker_address(settings, "crm.example.com") == ("mqtts://crm.example.com:1883", told_to_stores)


def test_a_systems_whole_bundle_is_not_told_cut_short(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("x" * 200_000)
    settings = CentralSettings.model_validate({"broker": OURS | {"ca": str(tmp_path / "ca")}})
    with pytest.raises(Misconfigured):
        broker_address(settings, "crm.example.com")
