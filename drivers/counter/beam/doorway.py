"""Who went through the doorway: debouncing and the ring of states, on a time that is handed in.

gpiozero's bounce_time is not used: its test pins ignore it, and debouncing by the time since the last edge
counts a slow person twice (Tasmota #516, #11237). Here a beam has changed once it has stayed so.
"""

from __future__ import annotations

from typing import Any, Protocol

from drivers.base import Note
from sync.contract.events import DeviceState, Passed

RING = ("00", "10", "11", "01")  # A and B; forward is inwards
STATES_KEPT_MAX = 32  # of one passage, for the technician; a child can dance in a doorway for long
Said = Passed | DeviceState | Note


class EdgeLike(Protocol):
    @property
    def beam(self) -> str: ...

    @property
    def broken(self) -> bool: ...


class Beam:
    """One beam: what it is taken to be, and what it may be about to become."""

    def __init__(self) -> None:
        self.broken = False
        self.since_ms = 0
        self.changing_since_ms: int | None = None


class Doorway:
    """Given edges in the order of time, says who passed. All times in milliseconds of one clock."""

    def __init__(self, *, debounce_ms: int, blocked_after_ms: int, swap: bool, line: str) -> None:
        self._debounce_ms = debounce_ms
        self._blocked_after_ms = blocked_after_ms
        self._swap = swap
        self._line = line
        self._beams = {"A": Beam(), "B": Beam()}
        self._state = "00"
        self._states: list[str] = []
        self._began_ms = 0
        self._steps = 0  # net, along the ring
        self._was_nearly_through = False  # only the last beam was broken
        self._unsure = False
        self.blocked = False
        self.count_in = 0
        self.count_out = 0
        self._ever_unsure = False
        self._ever_blocked = False

    @property
    def totals(self) -> dict[str, Any]:
        """The counts; `ambiguous` and `fault` when any passage was unsure, or a beam blocked, at any time."""
        totals: dict[str, Any] = {"count_in": self.count_in, "count_out": self.count_out}
        totals["ambiguous"] = self._ever_unsure
        return totals | ({"fault": "blocked"} if self._ever_blocked else {})

    @property
    def due_ms(self) -> int | None:
        """When `settle` has something to do if no edge comes before."""
        return min((at_ms for at_ms, _, _ in self._dues()), default=None)

    def edge(self, t_ms: int, edge: EdgeLike) -> list[Said]:
        """A beam changed at `t_ms`."""
        said = self.settle(t_ms)
        beam = self._beams[edge.beam]
        if edge.broken == beam.broken:
            beam.changing_since_ms = None
        elif beam.changing_since_ms is None:
            beam.changing_since_ms = t_ms
        return said

    def settle(self, t_ms: int) -> list[Said]:
        """What has become certain up to and with `t_ms`, in order."""
        said: list[Said] = []
        while dues := self._dues():
            at_ms, what, beam = min(dues, key=lambda due: due[:2])
            if at_ms > t_ms:
                break
            if what == "changed":
                assert beam.changing_since_ms is not None
                beam.broken = not beam.broken
                beam.since_ms, beam.changing_since_ms = beam.changing_since_ms, None
                said += self._step(beam.since_ms)
            else:
                self.blocked = self._ever_blocked = True
                said += [
                    DeviceState(state="blocked", detail="a beam is broken"),
                    self._note("blocked", at_ms),
                ]
        return said

    def _dues(self) -> list[tuple[int, str, Beam]]:
        dues = []
        for beam in self._beams.values():
            if beam.changing_since_ms is not None:
                dues.append((beam.changing_since_ms + self._debounce_ms, "changed", beam))
            if beam.broken and not self.blocked:
                # Later than its own debouncing, so a beam that was freed just in time is not blocked.
                dues.append((beam.since_ms + self._blocked_after_ms + self._debounce_ms, "stays", beam))
        return dues

    def _step(self, t_ms: int) -> list[Said]:
        old, self._state = self._state, f"{self._beams['A'].broken:d}{self._beams['B'].broken:d}"
        if old == "00":
            self._began_ms, self._states = t_ms, ["00"]
            self._steps, self._was_nearly_through, self._unsure = 0, False, False
        forward = (RING.index(self._state) - RING.index(old)) % 4 == 1
        self._steps += 1 if forward else -1
        if len(self._states) < STATES_KEPT_MAX:
            self._states.append(self._state)
        if self._was_nearly_through and abs(self._steps) < 3:
            self._unsure = True
        if abs(self._steps) == 3:
            self._was_nearly_through = True
        return self._free(t_ms) if self._state == "00" else []

    def _free(self, t_ms: int) -> list[Said]:
        if self.blocked:
            self.blocked = False
            return [DeviceState(state="clear"), self._note("clear", t_ms)]
        inward = self._steps == (-4 if self._swap else 4)
        outward = self._steps == (4 if self._swap else -4)
        if not inward and not outward:
            return [self._note("turned", t_ms)]
        self.count_in += inward
        self.count_out += outward
        self._ever_unsure |= self._unsure
        passed = Passed(inward=int(inward), outward=int(outward), line=self._line, unsure=self._unsure)
        return [passed, self._note("in" if inward else "out", t_ms)]

    def _note(self, what: str, t_ms: int) -> Note:
        fields = {
            "direction": what if what in ("in", "out") else None,
            "count_in": self.count_in,
            "count_out": self.count_out,
            "states": " ".join(self._states),
            "duration_ms": t_ms - self._began_ms,
        }
        if what in ("in", "out"):
            fields["ambiguous"] = self._unsure
        if what == "blocked":
            fields["fault"] = "blocked"
        return Note(
            "passage" if what in ("in", "out") else what, fields, "blocked" if what == "blocked" else ""
        )
