"""Whether the box knows what time it is, and where it stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from edge_agent.clocks import ntp_synced
from edge_agent.field.doctor.box import Box
from edge_agent.field.doctor.disk import read_only
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.words import _

WRONG_S = 30.0  # as the fleet page has it
DOUBTFUL_S = 2.0  # NTP keeps closer than that
_UTC = ("UTC", "Etc/UTC", "Etc/UCT", "Universal", "GMT", "Etc/GMT", "Zulu")
_NTP_ON = "sudo timedatectl set-ntp true"


def clock(box: Box, synced: Callable[[], bool] = ntp_synced) -> Iterator[Finding]:
    """What the centre's hello said of this boot's clock, as the agent keeps it; and whether NTP minds it."""
    minded, readable = _minded(box, synced), True
    try:
        offset_s = _ahead_s(box)
    except (sqlite3.Error, PermissionError):
        offset_s, readable = None, False  # the check of the database says why
    if offset_s is not None and abs(offset_s) > WRONG_S:
        mend = _NTP_ON if not minded else "timedatectl timesync-status"
        yield bad(_("the clock is {s} s ahead of head office's"), mend, s=f"{offset_s:+.0f}")
    elif offset_s is not None and abs(offset_s) > DOUBTFUL_S:
        yield warn(_("the clock is {s} s ahead of head office's"), _NTP_ON, s=f"{offset_s:+.1f}")
    elif offset_s is not None:
        yield ok(_("the clock agrees with head office ({s} s)"), s=f"{offset_s:+.1f}")
    elif readable and not minded:
        yield warn(
            _("neither head office nor NTP has said what time it is since this box was switched on"), _NTP_ON
        )
        return
    if minded:
        yield ok(_("NTP keeps the clock"))
    else:
        yield warn(_("nothing keeps the clock right (NTP is off or has no answer)"), _NTP_ON)


def time_zone(box: Box) -> Iterator[Finding]:
    """The zone in which the till's pages and sheets say the time."""
    link = box.machine.at("/etc/localtime")
    mend = "sudo timedatectl set-timezone Asia/Shanghai"
    zone = (
        str(link.readlink()).partition("zoneinfo/")[2]
        if link.is_symlink()
        else box.machine.text("/etc/timezone")
    )
    if not zone and not link.exists():
        yield warn(_("no time zone is set: the till's pages and sheets say UTC"), mend)
    elif zone in _UTC:
        yield warn(_("the time zone is {zone}: the till's pages and sheets say UTC"), mend, zone=zone)
    else:
        yield ok(_("time zone {zone}"), zone=zone or "/etc/localtime")


def _minded(box: Box, synced: Callable[[], bool]) -> bool:
    said = box.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    return said.text == "yes" or synced()


def _ahead_s(box: Box) -> float | None:
    """How far the machine's clock is ahead of what head office (or NTP) said in this boot; None: not said."""
    try:
        with read_only(box.database) as sql:
            row = sql.execute("SELECT offset_ms FROM boot WHERE boot = ? AND sure", (box.boot,)).fetchone()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if row is None else (box.clock.wall_ms() - box.clock.mono_ms() - int(row[0])) / 1000
