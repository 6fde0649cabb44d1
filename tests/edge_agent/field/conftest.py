"""Machines in a folder: as much of /dev, /proc and /sys as a test needs, planted as the kernel has it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.edge import EdgeSettings
from edge_agent.field.doctor.box import Box
from edge_agent.field.machine import Machine
from tests.edge_agent.field.doctoring import ADA, COMMAND, Fixed, no_command

GROUPS = {5: "tty", 20: "dialout", 997: "gpio", 996: "input", 0: "root"}
USERS = {0: "root", ADA.uid: "ada", 994: "tillbeam"}
LIMIT_S = 20.0


class Planted:
    """A machine below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.machine = Machine(
            root, lambda gid: GROUPS.get(gid, str(gid)), lambda uid: USERS.get(uid, str(uid))
        )
        for folder in ("dev", "proc", "sys/class/tty", "run/lock"):
            (root / folder).mkdir(parents=True)

    def write(self, path: str, text: str) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def device(self, name: str, mode: int = 0o660) -> Path:
        """A device file, whoever runs the tests being its owner: rights are asked about for others."""
        place = self.write(f"dev/{name}", "")
        place.chmod(mode)
        return place

    def link(self, path: str, target: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def usb_line(self, name: str, *, usb: str = "1-1", serial: str = "A50285BI", by_id: str = "") -> None:
        """An FTDI adapter: its device, its USB folder, its names that stay."""
        self.device(name)
        folder = f"sys/devices/usb1/{usb}"
        for file, text in {"idVendor": "0403", "idProduct": "6001", "manufacturer": "FTDI"}.items():
            self.write(f"{folder}/{file}", text + "\n")
        self.write(f"{folder}/product", "FT232R USB UART\n")
        if serial:
            self.write(f"{folder}/serial", serial + "\n")
        self.write(f"{folder}/{usb}:1.0/{name}/tty/{name}/dev", "188:0\n")
        self.write("sys/bus/usb-serial/drivers/ftdi_sio/uevent", "")
        self.link(f"{folder}/{usb}:1.0/{name}/driver", "../../../../../bus/usb-serial/drivers/ftdi_sio")
        self.link(f"sys/class/tty/{name}", f"../../devices/usb1/{usb}/{usb}:1.0/{name}/tty/{name}")
        self.link(f"{folder}/{usb}:1.0/{name}/tty/{name}/device", f"../../../{name}")
        self.link(f"dev/serial/by-path/pci-usb-0:{usb}:1.0-port0", f"../../{name}")
        if by_id:
            self.link(f"dev/serial/by-id/{by_id}", f"../../{name}")

    def camera(
        self, name: str = "video0", *, by_id: str = "", index: int = 0, title: str = "HD Webcam"
    ) -> None:
        """A video device; most cameras have two, of which the first gives pictures."""
        self.device(name)
        self.write(f"sys/class/video4linux/{name}/name", title + "\n")
        self.write(f"sys/class/video4linux/{name}/index", f"{index}\n")
        if by_id:
            self.link(f"dev/v4l/by-id/{by_id}-video-index{index}", f"../../{name}")

    def process(self, pid: int, program: str, *, uid: int = 0, opens: str = "", unit: str = "") -> None:
        """A process that has one file open."""
        four = f"{uid} {uid} {uid} {uid}"
        self.write(f"proc/{pid}/comm", program + "\n")
        self.write(f"proc/{pid}/status", f"Name:\t{program}\nUid:\t{four}\nGid:\t{four}\nGroups:\t20 \n")
        self.write(f"proc/{pid}/cgroup", f"0::/system.slice/{unit}\n" if unit else "0::/user.slice\n")
        (self.root / f"proc/{pid}/fd").mkdir()
        if opens:
            self.link(f"proc/{pid}/fd/7", opens)

    def locked(self, pid: int, path: str) -> None:
        """A line of /proc/locks, by whose hand `path` is held."""
        found = (self.root / path).stat()
        place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        self.write("proc/locks", f"1: FLOCK  ADVISORY  WRITE {pid} {place} 0 EOF\n")


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path / "machine")


class Speaking:
    """The program as a device that speaks, ready to be heard."""

    def __init__(self, *words: str, ready: Callable[[], bool]) -> None:
        self._stopped = False
        self.said = ""  # on its standard output, once it has stopped
        self._process = subprocess.Popen(
            [COMMAND, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        end_s = time.monotonic() + LIMIT_S
        while not ready():
            assert self._process.poll() is None, self._process.communicate()[1]
            assert time.monotonic() < end_s
            time.sleep(0.02)

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._process.send_signal(signal.SIGTERM)
            self.said = self._process.communicate(timeout=LIMIT_S)[0]


@pytest.fixture
def speaking() -> Iterator[Any]:
    """`speaking("simulate", "cardreader.rdm6300", "--port", "pty:…", ready=…)`; ended with the test."""
    started: list[Speaking] = []

    def start(*words: str, ready: Callable[[], bool]) -> Speaking:
        started.append(Speaking(*words, ready=ready))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def edge() -> Any:
    """`edge("doctor", …)` runs the program to its end, in English unless told otherwise."""

    def run(*words: str, language: str = "C.UTF-8", **environ: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "LC_ALL": language, **environ}
        return subprocess.run(
            [COMMAND, *words], capture_output=True, text=True, env=env, timeout=3 * LIMIT_S, check=False
        )

    return run


@pytest.fixture
def box_of(planted: Any, tmp_path: Path) -> Any:
    """`box_of(**what differs)`: a box with its state in a folder of its own."""
    state = tmp_path / "state"
    state.mkdir()
    planted.write("proc/sys/kernel/random/boot_id", "0000beef-1111-2222-3333-444455556666\n")

    def make(**differs: Any) -> Box:
        chosen = EdgeSettings.model_validate({"state_dir": str(state), **differs.pop("settings", {})})
        usual = {
            "settings_path": tmp_path / "edge.yaml",
            "settings": chosen,
            "machine": planted.machine,
            "clock": Fixed(),
            "run": no_command,
        }
        return Box(**{**usual, **differs})

    return make
