"""Which processes have a device open: from /proc, as far as the one who asks may look.

Of other people's processes only root sees the open files. But a program that locks its port (as our agent
does, with flock) stands in /proc/locks, and one that keeps the old custom has left its number in /run/lock:
both can be read by everybody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_agent.field.machine import Machine

FILES_MAX = 4096  # open files of one process that are looked at
_UNIT = re.compile(r"([\w@.:\\-]+\.service)\s*$", re.MULTILINE)
_LOCK = re.compile(
    r"^\d+: (?:FLOCK|OFDLCK|POSIX) +\w+ +\w+ +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) ", re.MULTILINE
)


class Holder(msgspec.Struct, frozen=True):
    """A process that has a device open."""

    pid: int
    program: str
    user: str
    unit: str = ""  # the systemd service it belongs to

    @property
    def mend(self) -> str:
        """The command that makes it let go."""
        return (
            f"sudo systemctl stop {self.unit.removesuffix('.service')}"
            if self.unit
            else f"sudo kill {self.pid}"
        )


class Held(NamedTuple):
    """Who holds what, and how many processes could not be looked into."""

    by: dict[str, list[Holder]]  # device: holders
    unseen: int


def holders_of(machine: Machine, devices: Iterable[str], *, own_pid: int | None = None) -> Held:
    """The holders of each of the devices (``/dev/ttyUSB0``); never those of process `own_pid`."""
    wanted = set(devices)
    pids: dict[str, set[int]] = {device: set() for device in wanted}
    unseen = 0
    for process in machine.entries("/proc"):
        if not process.name.isdigit():
            continue
        try:
            with os.scandir(process / "fd") as files:
                for file, _ in zip(files, range(FILES_MAX), strict=False):
                    if (target := _target(Path(file.path))) in wanted:
                        pids[target].add(int(process.name))
        except PermissionError:
            unseen += 1
        except OSError:
            continue  # it has just ended
    for device, pid in (*_lockers(machine, wanted), *_lock_files(machine, wanted)):
        pids[device].add(pid)
    by = {
        device: [holder(machine, pid) for pid in sorted(found) if pid != own_pid]
        for device, found in pids.items()
    }
    return Held(by, unseen)


def holder(machine: Machine, pid: int) -> Holder:
    """The process by its number, as far as it can be told."""
    user = machine.user(pid)
    unit = _UNIT.search(machine.text(f"/proc/{pid}/cgroup"))
    return Holder(
        pid,
        machine.text(f"/proc/{pid}/comm") or "?",
        user.name if user else "?",
        unit[1] if unit and not unit[1].startswith("user@") else "",
    )


def lockers_of(machine: Machine, path: str) -> list[int]:
    """The processes that hold a lock on the file, oldest first."""
    return [pid for _path, pid in _lockers(machine, {path})]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _lockers(machine: Machine, wanted: set[str]) -> list[tuple[str, int]]:
    places = {}
    for device in wanted:
        try:
            found = machine.at(device).stat()
        except OSError:
            continue
        places[os.major(found.st_dev), os.minor(found.st_dev), found.st_ino] = device
    locks = _LOCK.findall(machine.text("/proc/locks") + "\n")
    here = [
        (places.get((int(major, 16), int(minor, 16), int(inode))), int(pid))
        for pid, major, minor, inode in locks
    ]
    return [(device, pid) for device, pid in here if device is not None and pid > 0]


def _lock_files(machine: Machine, wanted: set[str]) -> list[tuple[str, int]]:
    """``/run/lock/LCK..ttyUSB0`` holds a process' number, as minicom leaves it; stale ones do not count."""
    found = []
    for device in wanted:
        pid = machine.text(f"/run/lock/LCK..{device.rpartition('/')[2]}").partition("\n")[0].strip()
        if pid.isdigit() and machine.at(f"/proc/{pid}").is_dir():
            found.append((device, int(pid)))
    return found
