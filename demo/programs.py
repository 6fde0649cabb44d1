"""Centre and edge as a newcomer would start them: two programs, their settings files, one enrolment."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

SETTINGS = Path(__file__).resolve().parent.parent / "config" / "demo"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
READY_S = 60.0
STOP_S = 15.0
PORTS = "20000-31999"  # less of them in TILLBEAM_PORTS, for programs that must not meet those of others
PORT_TRIES = 50


class NotReady(RuntimeError):
    """A program did not come up; the log says why."""


@dataclass(frozen=True)
class Places:
    """Where the demo lives: its folder and its ports on 127.0.0.1."""

    folder: Path
    central_port: int
    edge_port: int
    broker_port: int
    line_port: int
    language: str

    @property
    def environ(self) -> dict[str, str]:
        return os.environ | {
            "TILLBEAM_DEMO": str(self.folder),
            "TILLBEAM_DEMO_CENTRAL_PORT": str(self.central_port),
            "TILLBEAM_DEMO_EDGE_PORT": str(self.edge_port),
            "TILLBEAM_DEMO_BROKER_PORT": str(self.broker_port),
            "TILLBEAM_DEMO_LINE_PORT": str(self.line_port),
            "TILLBEAM_DEMO_LANGUAGE": self.language,
        }

    @property
    def verify_command(self) -> str:
        """What proves the demo's books, for a shell of any folder."""
        command = Path(sys.executable).with_name("tillbeam-central")
        line = [str(command), "ledger", "verify", "--config", str(SETTINGS / "central.yaml")]
        return f"TILLBEAM_DEMO={shlex.quote(str(self.folder))} {shlex.join(line)}"

    @property
    def central_url(self) -> str:
        return f"http://127.0.0.1:{self.central_port}"

    @property
    def edge_url(self) -> str:
        return f"http://127.0.0.1:{self.edge_port}"


class Program:
    """A running program whose output goes to a log file."""

    def __init__(self, module: str, arguments: list[str], places: Places, log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  our own modules
                [sys.executable, "-P", "-m", module, *arguments],
                env=places.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which ends the programs in order
                preexec_fn=_end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self, url: str) -> None:
        """Wait until `url` answers 200. Raises NotReady."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise NotReady(
                    f"{self._process.args[3]} ended with {self._process.returncode}:\n{self._tail()}"
                )  # type: ignore[index]
            if await asyncio.to_thread(_answers, url):
                return
            await asyncio.sleep(0.1)
        raise NotReady(f"{url} did not answer within {READY_S:.0f} s:\n{self._tail()}")

    async def stop(self) -> None:
        """Ask it to end; insist after a while."""
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def _end_with_parent() -> None:
    """Runs in the new process: a demo that is killed leaves no agent behind that hunts for its devices.

    Else that agent would open the pseudo-terminals of the next demo, which get the same numbers.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start_central(places: Places) -> Program:
    return Program(
        "central_server",
        ["serve", "--config", str(SETTINGS / "central.yaml")],
        places,
        places.folder / "central.log",
    )


def start_edge(places: Places) -> Program:
    return Program(
        "edge_agent", ["run", "--config", str(SETTINGS / "edge.yaml")], places, places.folder / "edge.log"
    )


def enrol_edge(places: Places, code: str) -> None:
    """What a technician does once on a new box. Raises NotReady."""
    done = subprocess.run(  # noqa: S603
        [
            sys.executable,
            "-P",
            "-m",
            "edge_agent",
            "enrol",
            "--code",
            code,
            "--config",
            str(SETTINGS / "edge.yaml"),
        ],
        env=places.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotReady(f"the edge could not enrol: {done.stdout}{done.stderr}")


async def devices_up(status_url: str) -> None:
    """Wait until the agent hears every device. Raises NotReady."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        devices = json.loads(await asyncio.to_thread(_got, status_url))["devices"]
        if all(device["state"] == "up" for device in devices):
            return
        await asyncio.sleep(0.1)
    down = "".join(
        f"\n  {device['name']} {device['state']}: {device['last_problem']}"
        for device in devices
        if device["state"] != "up"
    )
    raise NotReady(f"some devices stay down:{down}")


def free_port(wish: int = 0) -> int:
    """`wish` if nobody has it, else any that is free.

    Taken from below those that the system gives to whoever calls out or asks for any: it would give one
    number to two programs that are started at the same time, and one would speak to the other's.
    """
    first, _, last = os.environ.get("TILLBEAM_PORTS", PORTS).partition("-")
    ports = range(int(first), int(last) + 1)
    for port in (*([wish] if wish else []), *random.SystemRandom().sample(ports, PORT_TRIES)):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            return int(sock.getsockname()[1])
    raise OSError("no free port")


def _got(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own address
        return bytes(answer.read())


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
