"""One store and head office as real programs on this machine, to be started, asked and killed.

The broker's address stays the same whatever listens there: the centre's own broker, a lone one, or a port
that says nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from central_server import migrations
from central_server.db import Database
from central_server.keys import Keys
from central_server.staff.service import COMMAND
from central_server.stores import service as stores
from demo.programs import free_port
from sync.clock import SystemClock

STORE = "s1"
READY_MAX_S = 40.0  # a busy machine takes ten times as long as an idle one
END_MAX_S = 20.0
LOOK_S = 0.02
ENGLISH = {"LC_ALL": "C.UTF-8", "LANGUAGE": "en"}
CHINESE = {"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN"}


def program(name: str) -> str:
    """Where pip put `tillbeam-edge` or `tillbeam-central`."""
    return str(Path(sys.executable).with_name(name))


def say(
    name: str, *words: str, stdin: str | bytes = b"", environ: Mapping[str, str] = ENGLISH
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as a person at a terminal does."""
    done = subprocess.run(
        [program(name), *words],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=os.environ | environ,
        timeout=READY_MAX_S,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Ended(AssertionError):
    """A program ended that should be running; says how, and its last words."""


class Running:
    """A program that runs; what it says goes to a file."""

    def __init__(self, name: str, *words: str, log: Path, environ: Mapping[str, str] = ENGLISH) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [program(name), *words],
                env=os.environ | environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        if self.status is None:
            self._process.send_signal(number)

    async def ended(self) -> int:
        """Waits for the end; the exit status."""
        await until(lambda: self.status is not None, END_MAX_S)
        assert self.status is not None
        return self.status

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """SIGTERM, as systemd sends it; the exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()


@dataclass
class House:
    """Folders, ports and settings files of one store and its head office."""

    folder: Path
    devices: str = "devices: []\n"  # YAML
    more: str = ""  # further YAML of the edge's settings
    edge_state: Path | None = None
    keepalive_s: int = 5
    central_port: int = field(default_factory=free_port)
    edge_port: int = field(default_factory=free_port)
    broker_port: int = field(default_factory=free_port)
    dialled_port: int = 0  # where the edge looks for the broker; 0: where it is

    def __post_init__(self) -> None:
        self.edge_state = self.edge_state or self.folder / "edge"
        self.edge_yaml.write_text(
            f"state_dir: {self.edge_state}\n"
            f"centre: {{url: 'http://127.0.0.1:{self.central_port}', keepalive_s: {self.keepalive_s}, "
            f"broker: 'mqtt://127.0.0.1:{self.dialled_port or self.broker_port}'}}\n"
            f"web: {{port: {self.edge_port}}}\n{self.devices}{self.more}"
        )
        self.central_yaml.write_text(
            f"state_dir: {self.folder / 'central'}\nweb: {{port: {self.central_port}}}\n"
            f"broker: {{kind: embedded, host: 127.0.0.1, port: {self.broker_port}}}\n"
        )

    @property
    def edge_yaml(self) -> Path:
        return self.folder / "edge.yaml"

    @property
    def central_yaml(self) -> Path:
        return self.folder / "central.yaml"

    @property
    def edge_db(self) -> Path:
        assert self.edge_state is not None
        return self.edge_state / "edge.db"

    @property
    def central_db(self) -> Path:
        return self.folder / "central" / "tillbeam.sqlite3"

    # What is started

    def central(self, **environ: str) -> Running:
        words = ("serve", "--config", str(self.central_yaml))
        return Running("tillbeam-central", *words, log=self.folder / "central.log", environ=ENGLISH | environ)

    def edge(self, **environ: str) -> Running:
        words = ("run", "--config", str(self.edge_yaml))
        return Running("tillbeam-edge", *words, log=self.folder / "edge.log", environ=ENGLISH | environ)

    async def enrolled(self) -> Running:
        """The store made, its centre running, and this box its edge."""
        state_dir = self.central_db.parent
        state_dir.mkdir()
        url = f"sqlite:///{self.central_db}"
        await migrations.upgrade(url)
        database, keys, now_ms = Database(url), Keys.open(state_dir), SystemClock().wall_ms()
        new = stores.NewStore(STORE, "Shop", timezone="Asia/Shanghai", currency="CNY")
        async with database.transaction() as session:
            await stores.add_store(session, COMMAND, new, now_ms=now_ms)
        async with database.transaction() as session:
            code = await stores.new_code(session, keys, COMMAND, STORE, now_ms=now_ms)
        await database.close()
        central = self.central()
        await self.central_ready(central)
        words = ("enrol", "--code", code, "--config", str(self.edge_yaml))
        done = await asyncio.to_thread(say, "tillbeam-edge", *words)
        assert done.returncode == 0, done.stderr
        return central

    # What is asked

    async def central_ready(self, central: Running) -> None:
        await self._ready(central, f"http://127.0.0.1:{self.central_port}/readyz")

    async def central_alive(self, central: Running) -> None:
        """Its web answers; its broker may be in trouble."""
        await self._ready(central, f"http://127.0.0.1:{self.central_port}/healthz")

    async def edge_ready(self, edge: Running) -> None:
        await self._ready(edge, f"http://127.0.0.1:{self.edge_port}/healthz")

    async def _ready(self, running: Running, url: str) -> None:
        until_s = time.monotonic() + READY_MAX_S
        while await get(url) is None:
            if running.status is not None:
                raise Ended(f"with status {running.status}:\n{running.said()[-2000:]}")
            assert time.monotonic() < until_s, f"{url} does not answer:\n{running.said()[-2000:]}"
            await asyncio.sleep(0.05)

    async def page(self, path: str) -> str | None:
        """A page of the edge; None when it does not answer with 200."""
        found = await get(f"http://127.0.0.1:{self.edge_port}{path}")
        return None if found is None else found.decode()

    async def status(self) -> dict[str, Any] | None:
        """What the agent says of itself; None when it does not answer."""
        said = await self.page("/edge/status")
        return None if said is None else json.loads(said)

    async def status_is(
        self, true: Callable[[dict[str, Any]], object], within_s: float = END_MAX_S
    ) -> dict[str, Any]:
        """Waits until the agent says what `true` wants; what it says."""
        said: dict[str, Any] | None = None
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            said = await self.status()
            if said is not None and true(said):
                return said
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {within_s:g} s; the agent says {said}")


async def get(url: str) -> bytes | None:
    """The body of a 200; None for anything else."""

    def ask() -> bytes | None:
        try:
            with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310  our own address
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except OSError:
            return None

    return await asyncio.to_thread(ask)


async def until(true: Callable[[], object], within_s: float) -> None:
    """Waits until `true()`. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(LOOK_S)


def broker_of(central: Running) -> int | None:
    """The process of the centre's broker; None while there is none."""
    try:
        children = Path(f"/proc/{central.pid}/task/{central.pid}/children").read_text().split()
        for child in children:
            if b"central_server.broker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def gone(pid: int) -> bool:
    """Whether no such process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.transport.abort()
    return True
