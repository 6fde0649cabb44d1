"""Two light beams side by side in a doorway; 1 is a broken beam.

        outside | A | B | inside        going in:  A B = 00 > 10 > 11 > 01 > 00, going out the other way round

On the line one edge each, as text or JSON; where there is a time in milliseconds it counts, not the arrival:

        A1                      beam A broken, now
        120 A 1                 the same at 120 ms of the device's clock; 120,A,1 too
        [120,"A",1]             the same; also rows of them, [[120,"A",1], [350,"A",0]]

The states stand in a ring. Steps are counted along it, and on the return to 00 four steps forward are one
person in, four back are one out, anything else is somebody who turned round. Whoever steps back after B alone
was broken may be a second person close behind: the passage is counted once and marked unsure, because two
beams cannot tell. A beam broken longer than `blocked_after_s` is a box in the doorway, and what passed with
it counts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import Field

from drivers.base import Heard, Note, Options
from drivers.counter.beam.doorway import Doorway
from drivers.frames import Window

EDGE_BYTES_MAX = 80  # the longest way to write one edge, with the indentation of pretty JSON
JUNK_BYTES_MAX = 8  # before the first edge of a line; a line that starts with more is not ours
RESTART_MS = 1000  # a board whose clock goes back has started again, which takes it about so long
LINE_END_MS = 50  # an edge without a line end counts after this silence
_CORE = re.compile(
    rb'([AB])(?:"\s{0,20},\s{0,20}([01]|true|false)\s{0,20}\]|[ \t=:,;]{0,3}([01])[ \t]{0,8}[\r\n])'
)
_TIME = rb"(\d{1,15})(?:\.\d{0,9})?"  # less than a millisecond does not matter to a doorway
_BEFORE_JSON = re.compile(rb'\[\s{0,20}%s\s{0,20},\s{0,20}"$' % _TIME)
_BEFORE_TIMED = re.compile(rb"(?<![\x20-\x7e])%s[ \t,;]{1,4}$" % _TIME)  # whatever noise stands before it
_BEFORE_LINE = re.compile(
    rb"(?:^|(?<=[\r\n]))[^\r\n]{0,%d}?(?:(?<![\d.])%s[ \t,;]{1,4})?$" % (JUNK_BYTES_MAX, _TIME)
)


class BeamOptions(Options):
    """The doorway."""

    debounce_ms: int = Field(
        default=20, ge=0, le=1000, description="A beam has changed when it stays so for this long."
    )
    blocked_after_s: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="A beam broken for longer is a fault, `blocked`, and no person.",
    )
    swap: bool = Field(default=False, description="Beam A is on the inside: in and out change places.")
    line: str = Field(default="", max_length=64, description="The name of the doorway in the counts.")


class Edge(NamedTuple):
    """A beam changed."""

    t_ms: int | None  # of the device's clock; None: now
    beam: str  # A or B
    broken: bool


class BeamDecoder:
    """Text becomes edges, edges go to the doorway. Also keeps the device's clock and ours together."""

    def __init__(self, options: BeamOptions) -> None:
        self._doorway = Doorway(
            debounce_ms=options.debounce_ms,
            blocked_after_ms=round(options.blocked_after_s * 1000),
            swap=options.swap,
            line=options.line,
        )
        self._window = Window()
        self._line_end_at_ms: int | None = None
        self._t_ms = 0  # the doorway's time; never goes back
        self._lead_ms = 0  # the doorway's time less ours
        self._shift_ms: int | None = None  # the doorway's time less the device's
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        self._window.add(chunk)
        heard = self._edges(now_ms)
        self._window.keep_last(EDGE_BYTES_MAX)
        self._line_end_at_ms = now_ms + LINE_END_MS if self._window.bytes[-1:].isalnum() else None
        return heard + self._pass_time(now_ms)

    def wake(self, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        if self._line_end_at_ms is not None and now_ms >= self._line_end_at_ms:
            self._line_end_at_ms = None
            whole = len(self._window)
            self._window.add(b"\n")
            heard = self._edges(now_ms - LINE_END_MS)
            if len(self._window) > 0:
                # The line end was only ours: take it back, so that places in the stream stay true.
                del self._window.bytes[-1:]
            else:
                self._window.start -= 1
            assert len(self._window) <= whole
        return heard + self._pass_time(now_ms)

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        return b""

    def summary(self) -> Note:
        """Who passed in all, and whether anything was doubtful."""
        return Note("summary", self._doorway.totals)

    def _edges(self, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        done = 0
        text = self._window.bytes
        for core in _CORE.finditer(text):
            began = max(done, core.start() - EDGE_BYTES_MAX)
            edge = _edge(
                core, bytes(text[began : core.start()]), whole=began == 0 and self._window.start == 0
            )
            if edge is None:
                continue
            at_byte = self._window.start + core.start()
            heard += [Heard(at_byte, what) for what in self._doorway.edge(self._time(edge, now_ms), edge)]
            # The line end stays: the next line starts after it.
            done = core.end() - (core[0][-1:] in b"\r\n")
        self._window.forget(done)
        return heard

    def _time(self, edge: Edge, now_ms: int) -> int:
        """When it was, on the doorway's time: the device's own clock, put right when that jumps back."""
        if edge.t_ms is None:
            self._t_ms = max(self._t_ms, now_ms + self._lead_ms)
            return self._t_ms
        if self._shift_ms is None:
            self._shift_ms = max(now_ms, self._t_ms) - edge.t_ms
        elif edge.t_ms + self._shift_ms < self._t_ms:
            self._shift_ms = max(now_ms, self._t_ms + RESTART_MS) - edge.t_ms
        self._t_ms = edge.t_ms + self._shift_ms
        self._lead_ms = self._t_ms - now_ms
        return self._t_ms

    def _pass_time(self, now_ms: int) -> list[Heard]:
        heard = [
            Heard(self._window.start, what)
            for what in self._doorway.settle(max(self._t_ms, now_ms + self._lead_ms))
        ]
        due_ms = self._doorway.due_ms
        dues = [self._line_end_at_ms, None if due_ms is None else due_ms - self._lead_ms]
        self.wake_at_ms = min((due for due in dues if due is not None), default=None)
        return heard


def _edge(core: re.Match[bytes], before: bytes, *, whole: bool) -> Edge | None:
    """The edge around `core`, or None when what stands before it is not as we write it."""
    json = core[2] is not None
    start = (_BEFORE_JSON if json else _BEFORE_TIMED).search(before)
    if start is None and not json and (whole or b"\n" in before or b"\r" in before):
        start = _BEFORE_LINE.search(before)  # else the middle of a long line of something else
    if start is None:
        return None
    t_ms = int(start[1]) if start[1] else None
    return Edge(t_ms, core[1].decode(), (core[2] or core[3]) in (b"1", b"true"))


def encode_edge(edge: Edge) -> bytes:
    """``120 A 1`` and a line end, or ``A 1`` without a time."""
    time = b"" if edge.t_ms is None else b"%d " % edge.t_ms
    return b"%s%s %d\n" % (time, edge.beam.encode(), edge.broken)


def encode_edges(edges: Iterable[Edge]) -> bytes:
    """One line each."""
    return b"".join(map(encode_edge, edges))
