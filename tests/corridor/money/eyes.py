"""What stands on a store's disk, read with plain SQL: the leases there, and the records it wrote (I3, I5)."""

from __future__ import annotations

from typing import Any, NamedTuple

from sync.contract.events import LeaseRecord, decode_event
from sync.contract.ids import Lane
from tests.corridor.money.truth import Truth, Violation

_ROWS = "SELECT number, body FROM row WHERE lane = ? AND number > ? ORDER BY number"
_LEASES = "SELECT lease, epoch, state, granted, topped, refunded, spent, released, number, mac FROM lease"
_TIMES = "SELECT boot, until_ms FROM lease WHERE lease = ?"
_OPEN = "SELECT lease, until_ms FROM lease WHERE state = 'open' AND boot = ?"
LOOKING_MS = 1_000  # an honest clock goes on a little between a payment and our look at it


class Now(NamedTuple):
    """What an honest clock says, and what is known of each lease's time."""

    boot: str
    mono_ms: int
    ends_ms: dict[str, int]  # the last moment of each lease, from when it was asked for


class Eyes:
    """Looks at one store's disk after each step."""

    def __init__(self, store: str, truth: Truth) -> None:
        self._store, self._truth = store, truth
        self._epoch = ""
        self._last = 0  # number of the last row seen in this epoch

    def look(self, sql: Any, *, running: bool, now: Now | None) -> None:
        """`sql` reads the store's database. Raises Violation.

        Only the agent can know that its disk was put back: unless it is `running`, leases may look open.
        `now` is None when its clock is wild.
        """
        (epoch,) = sql.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
        if epoch != self._epoch:
            self._epoch, self._last = epoch, 0
        for number, body in sql.execute(_ROWS, (int(Lane.TILL), self._last)).fetchall():
            self._last = number
            event = decode_event(body)
            if isinstance(event, LeaseRecord):
                fresh = self._truth.written(self._store, event)
                if fresh and now is not None and event.kind in ("spend", "refund", "top"):
                    self._in_time(sql, event, now)
        for row in sql.execute(_LEASES).fetchall() if running else ():
            self._lease(*row)
        if running and now is not None:
            self._until(sql, now)

    def forget(self) -> None:
        """The disk is another now."""
        self._epoch, self._last = "", 0

    def _until(self, sql: Any, now: Now) -> None:
        """I10: a lease's time counts from before it was asked for."""
        for lease, until_ms in sql.execute(_OPEN, (now.boot,)).fetchall():
            if until_ms > now.ends_ms.get(lease, until_ms) + LOOKING_MS:
                raise Violation(
                    "I10", f"{lease} is good to {until_ms}, and should end at {now.ends_ms[lease]}"
                )

    def _in_time(self, sql: Any, record: LeaseRecord, now: Now) -> None:
        """I10: a lease's end stops the store, and so does another boot, of which no clock tells the age."""
        boot, until_ms = sql.execute(_TIMES, (record.lease,)).fetchone()
        until_ms = min(until_ms, now.ends_ms.get(record.lease, until_ms))
        if boot != now.boot or now.mono_ms - LOOKING_MS > until_ms:
            raise Violation(
                "I10",
                f"{record.kind} of {record.lease} at {now.boot} {now.mono_ms}, good at {boot} to {until_ms}",
            )

    def _lease(
        self,
        lease: str,
        epoch: str,
        state: str,
        granted: int,
        topped: int,
        refunded: int,
        spent: int,
        released: int,
        number: int,
        mac: str,
    ) -> None:
        if spent + released > granted + topped + refunded:
            raise Violation(
                "I3", f"{lease} of {self._store}: {spent} + {released} of {granted} + {topped} + {refunded}"
            )
        known = self._truth.installed.setdefault(lease, (self._store, epoch))
        if known != (self._store, epoch):
            raise Violation("I5", f"{lease} was installed in {known}, and in {self._store} {epoch}")
        log = self._truth.log[lease]
        if len(log) < number or log[number - 1].mac != mac:
            raise Violation("I4", f"{lease} of {self._store} is at {number}, which stands in no event")
        if state != "doubtful" and len(log) > number:
            raise Violation(
                "I5", f"{lease} of {self._store} is {state} at {number}; it had been at {len(log)}"
            )
        if (state == "closed") != (log[number - 1].kind == "close"):
            raise Violation("I5", f"{lease} of {self._store} is {state} after {log[number - 1].kind}")
        sums = dict.fromkeys(("open", "top", "refund", "spend", "close"), 0)
        for each in log[:number]:
            sums[each.kind] += each.amount
        if tuple(sums.values()) != (granted, topped, refunded, spent, released):
            raise Violation("I3", f"{lease} of {self._store} is not the sum of its records")


def ends_of_leases(sql: Any) -> dict[str, int]:
    """The last number of each lease on the disk."""
    return dict(sql.execute("SELECT lease, number FROM lease").fetchall())
