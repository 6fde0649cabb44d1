"""Who may use a device file, worked out from its mode, and the command that lets somebody in."""

from __future__ import annotations

import shlex
import stat
from os import stat_result

import msgspec

from edge_agent.field.machine import Machine, Who


class Rights(msgspec.Struct, frozen=True):
    """What a device file says about who may use it."""

    owner: str
    group: str
    mode: str  # "0660"
    user: str  # who was asked about
    usable: bool
    mend: str = ""  # the command that lets `user` in; empty when there is nothing to do


def rights_of(machine: Machine, device: str, who: Who, *, write: bool = True) -> Rights | None:
    """What `who` may do with the device file; None when it is not there. `write`: to read is not enough."""
    try:
        found = machine.at(device).stat()
    except OSError:
        return None
    usable = may_use(found, who, write=write)
    group = machine.group_name(found.st_gid)
    return Rights(
        owner=machine.user_name(found.st_uid),
        group=group,
        mode=f"{stat.S_IMODE(found.st_mode):04o}",
        user=who.name,
        usable=usable,
        mend="" if usable else _mend(found, group, device, who, write=write),
    )


def may_use(found: stat_result, who: Who, *, write: bool) -> bool:
    """Whether the mode lets `who` read (and write), as the kernel decides it: one class counts."""
    if who.uid == 0:
        return True
    shift = 6 if who.uid == found.st_uid else 3 if found.st_gid in who.gids else 0
    needed = 0o6 if write else 0o4
    return found.st_mode >> shift & needed == needed


def _mend(found: stat_result, group: str, device: str, who: Who, *, write: bool) -> str:
    needed = 0o6 if write else 0o4
    if found.st_mode >> 3 & needed == needed and found.st_gid != 0:
        return f"sudo usermod -aG {shlex.quote(group)} {shlex.quote(who.name)}"
    # A file of root's own group: nobody should be in that; give the file to who may use such things.
    meant = "dialout" if write else "input"
    path, mode = shlex.quote(device), "g+rw" if write else "g+r"
    return f"sudo chgrp {meant} {path} && sudo chmod {mode} {path}"
