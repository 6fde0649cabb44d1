"""Which life of the disk this is, and how to tell that it was put back in time.

A disk restored from a copy goes on numbering from where the copy was, and the centre already has other events
under those numbers. So at every opening we note how far each lane was numbered (`lane.opened`), unless an
older note stands, and strike it out, durably, when the centre's hello has been heard and before anything is
sent. While the note stands, the centre cannot have more of this epoch than it says; if it has, the disk
was put back: rows up to the note are known there, rows beyond it are new and go into a new epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from edge_agent.store.leases import doubt_all
from edge_agent.store.lines import Sql
from sync.contract.ids import Lane


class Greeting(Enum):
    """What the centre's marks meant."""

    SAME = "same"
    REWOUND = "rewound"  # the centre has less than it once confirmed: it was restored from a backup
    FENCED = "fenced"  # the centre has more than we said: our disk was put back, and a new epoch begun


class Lanes(NamedTuple):
    """How the lanes stand on disk."""

    last: dict[Lane, int]
    confirmed: dict[Lane, int]
    opened: dict[Lane, int]  # empty when no note stands


def read_lanes(sql: Sql) -> Lanes:
    """The lanes at opening; notes `opened` where no note stands."""
    sql.executemany("INSERT OR IGNORE INTO lane (lane) VALUES (?)", [(lane,) for lane in Lane])
    last = {
        lane: int(
            sql.execute("SELECT coalesce(max(number), 0) FROM row WHERE lane = ?", (lane,)).fetchone()[0]
        )
        for lane in Lane
    }
    sql.executemany(
        "UPDATE lane SET opened = ? WHERE lane = ? AND opened IS NULL", [(last[k], k) for k in Lane]
    )
    rows = sql.execute("SELECT lane, confirmed, opened FROM lane").fetchall()
    confirmed = {Lane(lane): min(int(mark), last[Lane(lane)]) for lane, mark, _ in rows}
    return Lanes(last, confirmed, {Lane(lane): int(opened) for lane, _, opened in rows})


def clear_opened(sql: Sql) -> None:
    """The centre has been heard: from now on it may have all that we number."""
    sql.execute("UPDATE lane SET opened = NULL")


def keep_beyond(
    opened: Mapping[Lane, int], confirmed: Mapping[Lane, int], marks: Mapping[Lane, int]
) -> dict[Lane, int]:
    """Beyond which number the rows of each lane are news to the centre, and go into the new epoch.

    Before the centre's first word, `opened` says what stood on the restored disk; rows beyond it are new,
    whatever the centre has under their numbers. Later there is only the receipt to go by.
    """
    return {
        lane: min(opened[lane], marks.get(lane, mark)) if lane in opened else mark
        for lane, mark in confirmed.items()
    }


def begin_epoch(sql: Sql, epoch: str, keep_after: Mapping[Lane, int]) -> str:
    """The new epoch, in which the rows beyond `keep_after` are numbered from 1; the others are gone.

    What the old one had in its leases may have been spent where we cannot see it: they are in doubt for ever.
    """
    doubt_all(sql)
    for lane, start in keep_after.items():
        sql.execute("DELETE FROM row WHERE lane = ? AND number <= ?", (lane, start))
        # By way of negative numbers, so that no row meets another one's old number.
        sql.execute("UPDATE row SET number = ? - number WHERE lane = ?", (start, lane))
        sql.execute("UPDATE row SET number = -number WHERE lane = ?", (lane,))
    sql.execute("UPDATE lane SET confirmed = 0, opened = NULL")
    sql.execute("DELETE FROM hour")
    sql.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (epoch,))
    return epoch
