"""Where the kernel tells about this machine: /dev, /proc and /sys below one root; a test plants its own.

Nothing here raises for what is not there or may not be read: a box in trouble is the usual case.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TEXT_MAX_BYTES = 64 * 1024  # the longest file of /proc or /sys that we read
ENTRIES_MAX = 50_000  # of one folder; a /proc with more is not a store's box


class Who(NamedTuple):
    """A user as the kernel sees one: what may be opened depends on nothing else."""

    name: str
    uid: int
    gids: frozenset[int]


@dataclass(frozen=True)
class Machine:
    """The machine below `root`."""

    root: Path = Path("/")
    group_name: Callable[[int], str] = lambda gid: group_name(gid)
    user_name: Callable[[int], str] = lambda uid: user_name(uid)

    def at(self, path: str) -> Path:
        """Where the absolute path of the machine stands here: ``at("/dev/ttyUSB0")``."""
        return self.root / path.lstrip("/")

    def name_of(self, path: Path) -> str:
        """The absolute path that others know the file by."""
        return "/" + str(path.relative_to(self.root))

    def text(self, path: str | Path) -> str:
        """What stands in a small file, without the spaces around it; empty when it cannot be read."""
        return self.raw(path).decode("utf-8", "replace").strip()

    def raw(self, path: str | Path) -> bytes:
        """The first 64 KiB of a file; empty when it cannot be read."""
        try:
            with self._path(path).open("rb") as file:
                return file.read(TEXT_MAX_BYTES)
        except OSError:
            return b""

    def entries(self, folder: str | Path) -> list[Path]:
        """What is in a folder, by name; empty when there is none or it may not be read."""
        try:
            with os.scandir(self._path(folder)) as found:
                return sorted(Path(entry.path) for entry, _ in zip(found, range(ENTRIES_MAX), strict=False))
        except OSError:
            return []

    def user(self, pid: int) -> Who | None:
        """Whose the process is, with the groups it really has; None when it is gone."""
        lines = self.text(f"/proc/{pid}/status").splitlines()
        fields = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
        try:
            uid, gid = int(fields["Uid"][1]), int(fields["Gid"][1])
            return Who(self.user_name(uid), uid, frozenset({gid, *map(int, fields.get("Groups", []))}))
        except (KeyError, IndexError, ValueError):
            return None

    def _path(self, path: str | Path) -> Path:
        return path if isinstance(path, Path) else self.at(path)


def ourselves() -> Who:
    """Who runs this command."""
    return Who(user_name(os.geteuid()), os.geteuid(), frozenset({os.getegid(), *os.getgroups()}))


def account(name: str, more_groups: Sequence[str] = ()) -> Who | None:
    """The user called that, with further groups that a service gives it; None when there is none."""
    try:
        found = pwd.getpwnam(name)
        gids = set(os.getgrouplist(name, found.pw_gid))
    except (KeyError, OSError):
        return None
    for group in more_groups:
        try:
            gids.add(grp.getgrnam(group).gr_gid)
        except KeyError:
            continue
    return Who(name, found.pw_uid, frozenset(gids))


def user_name(uid: int) -> str:
    """The user's name, or the number when nobody knows it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The group's name, or the number when nobody knows it."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
