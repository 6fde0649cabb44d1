"""People whom a camera's worker counted, from the lines that it says (`words.py`) to facts.

    worker   {"t_ms": 9130, "crossed": {"line": "door", "way": "in"}}      ─┐ added up for row_s
             {"t_ms": 11020, "crossed": {"line": "door", "way": "out"}}    ─┴► passed/1
             {"t_ms": 61400, "visited": {"zone": "shoes", "dwell_ms": 42000}}  ► visited/1, at once
             {"t_ms": 61400, "occupancy": {"shoes": 2}}                        ► occupancy/1, sampled
             {"t_ms": 70000, "state": "covered"}                               ► camera.state/1, on change

The worker is a process of its own behind the port `camera:`; the decoder tells it its options when the port
opens. A line is looked for by its head, so what stands before it, as half a line does, costs nothing else.
"""

from __future__ import annotations

import msgspec

from drivers.base import Heard, Note
from drivers.counter.camera.options import LINES_MAX, ZONES_MAX, CameraOptions
from drivers.counter.camera.words import (
    COUNTING,
    LINE_BYTES_MAX,
    STATS_EVERY_S,
    Crossed,
    Left,
    Said,
    State,
    encode_line,
    read_said,
    told,
)
from drivers.frames import Window
from sync.contract.events import DWELL_MAX_MS, CameraState, Occupancy, Passed, Visited

HEAD = b'{"t_ms":'
SILENT_MS = round(4 * STATS_EVERY_S * 1000)  # who said nothing for so long does not know who is there now
SAMPLE_AGAIN_MS = 15 * 60_000


class CameraDecoder:
    """One camera's conversation; it outlives its worker."""

    def __init__(self, options: CameraOptions) -> None:
        self._options = options
        self._window = Window()
        self._out = bytearray(encode_line(told(options)))
        self._state: State | None = None
        self._rows: dict[str, tuple[int, int]] = {}  # by line: in, out
        self._row_at_byte = 0
        self._row_due_ms: int | None = None
        self._people: dict[str, int] = {}  # by zone, as last said
        self._people_at_byte = 0
        self._sampled: dict[str, tuple[int, int]] = {}  # by zone: how many, and when that was said
        self._sample_due_ms: int | None = None
        self._heard_ms = 0
        self._speaks_ms: int | None = 0  # it speaks first, and wants to be asked what
        self.wake_at_ms: int | None = 0

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────

    def wake(self, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        self._speaks_ms = None
        if self._row_due_ms is not None and now_ms >= self._row_due_ms:
            heard += self._row()
        if self._sample_due_ms is not None and now_ms >= self._sample_due_ms:
            heard += self._sample(now_ms)
        self._plan()
        return heard

    def _plan(self) -> None:
        due = [at for at in (self._speaks_ms, self._row_due_ms, self._sample_due_ms) if at is not None]
        self.wake_at_ms = min(due, default=None)

    def reopened(self, now_ms: int) -> None:
        """Another worker: it is told what the first was told, and nobody knows who is there now."""
        self._window = Window()
        self._out = bytearray(encode_line(told(self._options)))
        self._speaks_ms = now_ms
        self._nobody_knows()
        self._plan()

    def hand_over(self, now_ms: int) -> list[Heard]:
        """The row that is being added up."""
        row = self._row()
        self._plan()
        return row

    # ── bytes ───────────────────────────────────────────────────────────────────────────────────────────

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        self._window.add(chunk)
        while (end := self._window.bytes.find(b"\n")) >= 0:
            line, at_byte = bytes(self._window.bytes[:end]), self._window.start
            self._window.forget(end + 1)
            heard += self._line(line, at_byte, now_ms)
        self._window.keep_last(LINE_BYTES_MAX)
        self._plan()
        return heard

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        said = bytes(self._out)
        self._out.clear()
        return said

    def _line(self, line: bytes, at_byte: int, now_ms: int) -> list[Heard]:
        head = line.find(HEAD)
        said = read_said(line[head:]) if head >= 0 else None
        if said is None:
            return [Heard(at_byte, Note("junk", {"bytes": len(line)}, "junk"))] if line.strip() else []
        self._heard_ms = now_ms
        at_byte += head
        note = Note("said", {k: v for k, v in msgspec.to_builtins(said).items() if k != "type"})
        return [Heard(at_byte, note), *self._said(said, at_byte, now_ms)]

    def _said(self, said: Said, at_byte: int, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        if said.state is not None:
            heard += self._changed(said.state, said.detail, at_byte)
        if said.crossed is not None:
            heard += self._crossed(said.crossed, at_byte, now_ms)
        if said.visited is not None:
            heard.append(Heard(at_byte, _visited(said.visited)))
        if said.occupancy is not None:
            self._people = dict(list(said.occupancy.items())[:ZONES_MAX])
            self._people_at_byte = at_byte
            if self._sample_due_ms is None:
                heard += self._sample(now_ms)
        return heard

    def _changed(self, state: State, detail: str, at_byte: int) -> list[Heard]:
        if state not in COUNTING:
            self._nobody_knows()
        if state == self._state:
            return []
        self._state = state
        # What was counted until now was counted before this.
        return [*self._row(), Heard(at_byte, CameraState(state=state, detail=detail))]

    # ── rows and samples ────────────────────────────────────────────────────────────────────────────────

    def _crossed(self, crossed: Crossed, at_byte: int, now_ms: int) -> list[Heard]:
        if crossed.line not in self._rows and len(self._rows) >= LINES_MAX:
            return [Heard(at_byte, Note("crossed", {"line": crossed.line}, "lines"))]
        inward, outward = self._rows.get(crossed.line, (0, 0))
        self._rows[crossed.line] = (inward + (crossed.way == "in"), outward + (crossed.way == "out"))
        self._row_at_byte = at_byte
        if self._row_due_ms is None:
            self._row_due_ms = now_ms + self._options.row_s * 1000
        return self._row() if not self._options.row_s else []

    def _row(self) -> list[Heard]:
        rows, self._rows, self._row_due_ms = self._rows, {}, None
        return [
            Heard(self._row_at_byte, Passed(inward=inward, outward=outward, line=line))
            for line, (inward, outward) in rows.items()
        ]

    def _sample(self, now_ms: int) -> list[Heard]:
        """How many are in each zone, where that is news."""
        if now_ms - self._heard_ms > SILENT_MS:
            self._nobody_knows()
            return []
        news = {zone: people for zone, people in self._people.items() if self._is_news(zone, people, now_ms)}
        known = {zone: told for zone, told in self._sampled.items() if zone in self._people}
        self._sampled = known | {zone: (people, now_ms) for zone, people in news.items()}
        again_ms = min((at_ms for _, at_ms in self._sampled.values()), default=now_ms) + SAMPLE_AGAIN_MS
        next_ms = now_ms + self._options.occupancy_s * 1000
        self._sample_due_ms = min(next_ms, max(again_ms, now_ms + 1)) if self._people else None
        return [
            Heard(self._people_at_byte, Occupancy(zone=zone, people=people)) for zone, people in news.items()
        ]

    def _is_news(self, zone: str, people: int, now_ms: int) -> bool:
        before, at_ms = self._sampled.get(zone, (-1, 0))
        return people != before or now_ms - at_ms >= SAMPLE_AGAIN_MS

    def _nobody_knows(self) -> None:
        self._people, self._sampled, self._sample_due_ms = {}, {}, None


def _visited(left: Left) -> Visited | Note:
    """A track that was never let go, a poster perhaps, is no visit: cut off, it would still bend the mean."""
    if left.dwell_ms > DWELL_MAX_MS:
        return Note("visited", {"zone": left.zone, "dwell_ms": left.dwell_ms}, "dwell")
    return Visited(zone=left.zone, dwell_ms=left.dwell_ms)
