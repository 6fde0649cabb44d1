"""The agent whole: with no network, with devices that fail, as a process with signals."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.edge import EdgeSettings
from drivers.base import Heard, QuietDecoder
from drivers.errors import PortEnded, PortGone
from edge_agent.app import Edge, World
from edge_agent.errors import BadIdentity, EdgeError
from edge_agent.health import metrics_text
from edge_agent.identity import Identity
from edge_agent.supervisor import BACK_OFF_FIRST_S
from sync.contract.events import Devices as DeviceNames
from sync.contract.events import DeviceState, Passed
from sync.contract.ids import Lane
from sync.contract.message import Envelope, Words, decode_batch
from sync.contract.told import MemberTold
from sync.link.base import LinkDown

REPOSITORY = Path(__file__).parents[2]
IDENTITY = Identity(
    store="hz-004",
    mqtt_url="mqtt://localhost",
    login="hz-004",
    password="p",
    token_key=bytes(32),
    store_key=bytes(32),
    centre_public_key=bytes(range(32)),
)


class NoNetwork:
    """There is no line, and there never will be."""

    async def dial(self, subscribe: Sequence[str]) -> Any:
        raise LinkDown("no network")


class PassedDecoder(QuietDecoder):
    """Every byte is somebody coming in."""

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        return [Heard(at, Passed(inward=1)) for at in range(len(chunk))]


class Devices:
    """Listens to queues of bytes instead of ports; None is a pulled plug, an error is raised."""

    def __init__(self) -> None:
        self.lines: dict[str, asyncio.Queue[bytes | Exception]] = {}
        self.opened: list[str] = []

    async def listen(self, wish: Any, decoder: Any, hear: Callable[[list[Heard]], Any], stirred: Any) -> None:
        self.opened.append(wish.name)
        line = self.lines.setdefault(wish.name, asyncio.Queue())
        await hear([])
        while True:
            chunk = await line.get()
            if isinstance(chunk, Exception):
                raise chunk
            await hear(PassedDecoder().feed(chunk, 0))


def wish(name: str, seed: int = 1) -> dict[str, Any]:
    return {"name": name, "driver": "counter.beam", "port": f"sim:{seed}"}


@pytest.fixture
def devices() -> Devices:
    return Devices()


@pytest.fixture
def edge_of(tmp_path: Path, devices: Devices) -> Any:
    def settings(*wishes: dict[str, Any]) -> EdgeSettings:
        return EdgeSettings.model_validate({"state_dir": tmp_path / "state", "devices": list(wishes)})

    @asynccontextmanager
    async def _edge(*wishes: dict[str, Any], identity: Identity = IDENTITY) -> AsyncIterator[Edge]:
        world = World(
            chance=random.Random(1),
            boot=lambda: "0000beef",
            synced=lambda: False,
            listen=devices.listen,
            dialler=lambda settings, identity: NoNetwork(),
            identity=identity,
        )
        edge = Edge(settings(*wishes), world)
        edge.settings_of = settings  # type: ignore[attr-defined]
        await edge.start()
        try:
            yield edge
        finally:
            await edge.stop()

    return _edge


async def events_of(edge: Edge, lane: Lane) -> list[Any]:
    ready = await edge.outbox.oldest({lane: 0})
    return [e.event for e in decode_batch(ready.payload).events if isinstance(e, Envelope)] if ready else []


async def test_it_works_with_no_network_at_all(edge_of: Any, devices: Devices, until: Any) -> None:
    async with edge_of(wish("door")) as edge:
        await until(lambda: "door" in devices.lines)
        devices.lines["door"].put_nowait(b"xx")
        await until(lambda: edge.outbox.last(Lane.COUNT) == 2)
        assert await events_of(edge, Lane.COUNT) == [Passed(device="door", inward=1)] * 2
        status = edge.status()
        assert (status.store, status.link, status.devices[0].state) == ("hz-004", "offline", "up")
        assert status.devices[0].events_total == 2
        assert edge.alive


async def test_one_device_failing_never_touches_another(edge_of: Any, devices: Devices, until: Any) -> None:
    async with edge_of(wish("door"), wish("gate", 2)) as edge:
        await until(lambda: len(devices.lines) == 2)
        devices.lines["door"].put_nowait(RuntimeError("a bug in a driver"))
        await until(lambda: edge.status().devices[0].last_problem != "")
        devices.lines["gate"].put_nowait(b"x")
        await until(lambda: edge.outbox.last(Lane.COUNT) == 1)
        assert "a bug in a driver" in edge.status().devices[0].last_problem
        await until(lambda: devices.opened.count("door") >= 2)  # tried again
        assert devices.opened.count("gate") == 1
        assert edge.alive


async def test_a_device_that_goes_and_stays_away_says_so_once(
    edge_of: Any, devices: Devices, until: Any
) -> None:
    async with edge_of(wish("door")) as edge:
        await until(lambda: "door" in devices.lines)
        for _ in range(2):
            devices.lines["door"].put_nowait(PortGone("unplugged"))
        await until(lambda: devices.opened.count("door") == 3)
        downs = [e for e in await events_of(edge, Lane.HEALTH) if isinstance(e, DeviceState)]
        assert downs == [DeviceState(device="door", state="down", detail="unplugged")]


async def test_a_file_read_to_its_end_is_not_read_again(edge_of: Any, devices: Devices, until: Any) -> None:
    async with edge_of(wish("door"), wish("gate", 2)) as edge:
        await until(lambda: {"door", "gate"} <= devices.lines.keys())
        devices.lines["door"].put_nowait(PortEnded("at its end"))
        devices.lines["gate"].put_nowait(PortGone("unplugged"))
        await until(lambda: devices.opened.count("gate") >= 2)
        await asyncio.sleep(BACK_OFF_FIRST_S)  # longer than the door would have waited
        assert devices.opened.count("door") == 1
        states = {each.name: each.state for each in edge.status().devices}
        assert states["door"] == "down"
        assert edge.alive


async def test_new_settings_touch_only_what_differs(edge_of: Any, devices: Devices, until: Any) -> None:
    async with edge_of(wish("door"), wish("gate", 2)) as edge:
        await until(lambda: len(devices.opened) == 2)
        await edge.reload(edge.settings_of(wish("door"), wish("gate", 3), wish("roof", 4)))
        await until(lambda: len(devices.opened) == 4)
        assert devices.opened.count("door") == 1
        assert [device.name for device in edge.status().devices] == ["door", "gate", "roof"]
        await edge.reload(edge.settings_of(wish("roof", 4)))
        assert [device.name for device in edge.status().devices] == ["roof"]


async def test_devices_that_are_set_up_anew_are_at_no_moment_gone(
    edge_of: Any, devices: Devices, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else head office would be told that they are, and forget what is wrong with them."""
    listen, there = devices.listen, []

    async def watched(*args: Any) -> None:
        try:
            await listen(*args)
        finally:
            there.append([device.name for device in edge.status().devices])

    monkeypatch.setattr(devices, "listen", watched)
    async with edge_of(wish("door"), wish("gate", 2)) as edge:
        await until(lambda: len(devices.opened) == 2)
        await edge.reload(edge.settings_of(wish("door", 3), wish("gate", 4)))
        assert there == [["door", "gate"]] * 2


async def test_head_office_is_told_which_devices_there_are_whenever_that_changes(
    edge_of: Any, devices: Devices, until: Any
) -> None:
    off = {**wish("roof", 4), "enabled": False}
    async with edge_of(wish("gate", 2), wish("door"), off) as edge:
        await until(lambda: len(devices.opened) == 2)
        devices.lines["gate"].put_nowait(PortGone("unplugged"))
        await until(lambda: len(devices.opened) == 3)
        for some in ([wish("gate", 2), wish("door")], [wish("door", 3)], []):
            await edge.health.look()
            await edge.reload(edge.settings_of(*some))
        await edge.health.look()
        told = [e for e in await events_of(edge, Lane.HEALTH) if isinstance(e, DeviceNames | DeviceState)]
        assert told == [
            DeviceNames(names=("door", "gate")),
            DeviceState(device="gate", state="down", detail="unplugged"),
            DeviceNames(names=("door",)),
            DeviceNames(),
        ]


async def test_it_ends_when_its_outbox_has_ended(edge_of: Any) -> None:
    async with edge_of() as edge:
        running = asyncio.ensure_future(edge.run())
        await asyncio.sleep(0)
        core = next(task for task, name in edge._core.items() if name == "outbox")
        core.cancel()
        with pytest.raises((asyncio.CancelledError, EdgeError, RuntimeError)):
            await running
        assert not edge.alive


async def test_it_refuses_to_be_another_store(edge_of: Any, tmp_path: Path) -> None:
    settings = EdgeSettings.model_validate({"state_dir": tmp_path, "store": "hz-005"})
    with pytest.raises(BadIdentity, match="hz-005"):
        await Edge(settings, World(identity=IDENTITY)).start()


async def test_a_box_enrolled_for_another_store_does_not_say_the_firsts_facts_as_its_own(
    edge_of: Any,
) -> None:
    async with edge_of() as edge:
        await edge.outbox.accept([Passed(inward=1)])
    with pytest.raises(BadIdentity, match="holds what store hz-004 has recorded"):
        async with edge_of(identity=msgspec.structs.replace(IDENTITY, store="hz-005")):
            pass
    async with edge_of() as edge:
        assert edge.outbox.unsent()[Lane.COUNT] == 1


async def test_a_replica_of_another_key_is_told_anew(edge_of: Any) -> None:
    async with edge_of() as edge:
        await edge.replica.apply(Words("hz-004", 0, [(7, MemberTold(member="m1", name="王**"))]))
    async with edge_of() as edge:
        assert edge.replica.own == 7
    async with edge_of(identity=msgspec.structs.replace(IDENTITY, store_key=b"n" * 32)) as edge:
        assert edge.replica.own == 0


async def test_heartbeats_do_not_pile_up_while_the_line_is_down(edge_of: Any, until: Any) -> None:
    async with edge_of() as edge:
        await until(lambda: edge.outbox.last(Lane.HEALTH) == 2)  # its devices, and that it is there
        edge.health.heartbeat_s = 0
        for _ in range(5):
            await edge.health.look()
        assert edge.outbox.last(Lane.HEALTH) == 2
        await edge.outbox.greeted({})
        edge.outbox.confirm(Lane.HEALTH, 2)
        await edge.health.look()
        assert edge.outbox.last(Lane.HEALTH) == 3


async def test_metrics_are_text_that_prometheus_reads(edge_of: Any, until: Any) -> None:
    async with edge_of(wish("door")) as edge:
        text = metrics_text(edge.status()).decode()
    assert 'tillbeam_edge_device_up{device="door",driver="counter.beam"}' in text
    for line in text.splitlines():
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= -1e12


class TestAsAProcess:
    """The real program, with a pretended systemd."""

    @pytest.fixture
    def port(self) -> int:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return int(sock.getsockname()[1])

    async def test_it_says_ready_keeps_bad_settings_out_and_stops(
        self, tmp_path: Path, port: int, until: Any
    ) -> None:
        config = tmp_path / "edge.yaml"
        good = f"state_dir: {tmp_path}/state\nweb: {{host: 127.0.0.1, port: {port}}}\n"
        config.write_text(good + "devices:\n  - {name: door, driver: counter.beam, port: 'sim:1'}\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(tmp_path / "notify"))
            systemd.setblocking(False)
            told: list[str] = []

            def heard(word: str) -> bool:
                try:
                    while True:
                        told.append(systemd.recv(100).decode())
                except BlockingIOError:
                    return word in told

            environ = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "edge_agent.cli", "run", "--config", str(config)),
                cwd=REPOSITORY,
                env=environ,
            )
            try:
                await until(lambda: heard("READY=1"))
                await until(lambda: heard("WATCHDOG=1"))
                config.write_text(good + "devices: nonsense\n")
                process.send_signal(signal.SIGHUP)
                await until(lambda: heard("RELOADING=1"))
                await until(lambda: "settings_refused" in self.alarms(port))
                config.write_text(good)
                process.send_signal(signal.SIGHUP)
                await until(lambda: "settings_refused" not in self.alarms(port))
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(10):
                    assert await process.wait() == 0
                assert heard("STOPPING=1")
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    def alarms(self, port: int) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/edge/status", timeout=5) as answer:
            return [alarm["name"] for alarm in json.load(answer)["alarms"]]
