"""Starting the broker where its port may be taken. What it does once it runs: test_embedded_broker."""

from __future__ import annotations

import asyncio
import socket

import pytest

from central_server.broker import launch
from central_server.broker.launch import PortTaken, start_broker
from central_server.broker.settings import BrokerSettings

LOGINS = "tests.sync.link.file_logins:open_logins"


async def test_a_port_that_is_taken_is_said_so() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            await start_broker(BrokerSettings(port=port, logins=LOGINS))


async def test_a_port_that_is_given_up_a_moment_later_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, start = asyncio.Event(), launch._start

    async def started(settings: BrokerSettings) -> launch.RunningBroker:
        try:
            return await start(settings)
        except PortTaken:
            refused.set()
            raise

    monkeypatch.setattr(launch, "_start", started)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        starting = asyncio.ensure_future(start_broker(BrokerSettings(port=port, logins=LOGINS)))
        async with asyncio.timeout(20):
            await refused.wait()
    running = await starting
    assert running.port == port
    await running.stop()
