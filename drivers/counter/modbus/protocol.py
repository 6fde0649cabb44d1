"""People counters that are asked: Modbus RTU on RS-485 or RS-232, or Modbus TCP.

        we      11 03 0000 0005 8759                  unit 17, read holding registers, from 0, five of them
        it      11 03 0A 000004D2 000004B0 0001 28CF  ten bytes: in 1234, out 1200, state 1

One question is open at a time. Whatever comes, the answer is the frame of that unit which has the form of an
answer to that question (on TCP also its transaction); it may come in pieces, after an echo of ours, or
between others. What another master asks and hears counts as if it were ours, so with `poll_s: 0` a line
is only listened to.

A counter that clears itself when it is read gives each count once. When such an answer is lost, its people
are lost, which is said; when the answer to our clearing is lost, the next reading shows whether it was done.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from drivers.base import Heard, Note
from drivers.counter.modbus.frames import EXCEPTION, Frame, Junk, RtuFrames, TcpFrames, rtu_frame, tcp_frame
from drivers.counter.modbus.options import ModbusOptions
from drivers.counter.modbus.pdu import Question, answers, fields_of, question_of, values_in
from drivers.counter.modbus.readings import Layout, Unit, clearings, questions
from sync.contract.events import DeviceState, Passed

LISTENED_GAP_MS = 250  # nothing more of a frame that we only overhear
Said = Passed | DeviceState | Note


class Job(NamedTuple):
    """A question to a unit."""

    unit: int
    question: Question

    @property
    def reads(self) -> bool:
        return self.question.function <= 4


class Open(NamedTuple):
    """The question that waits for its answer."""

    job: Job
    transaction: int
    due_ms: int
    tries: int
    echoed: bool = False


class ModbusDecoder:
    """The master."""

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        # A line is full of others' frames; only in a recording do they matter.
        self._frames = (RtuFrames if options.framing == "rtu" else TcpFrames)(options.units)
        self._questions, self._clearings = questions(options), clearings(options)
        self._layout = Layout(options)
        self._units = {number: Unit(options, line) for number, line in options.units.items()}
        self._polls = options.poll_s > 0
        self._jobs: deque[Job] = deque()
        self._open: Open | None = None
        self._overheard: tuple[Frame, Question] | None = None
        self._echoes = False  # the adapter gives back what we send
        self._transaction = 0
        self._round_at_ms = self._send_at_ms = 0
        self._heard_ms = 0
        self._blocked = False
        self._lost: list[Note] = []  # when the port went, and not told yet
        self._replies = bytearray()
        self.wake_at_ms: int | None = 0 if self._polls else None

    def only_listen(self) -> None:
        """Nobody is there to be asked."""
        self._polls = False
        self._frames.listen_to()
        self._wish()

    def reopened(self, now_ms: int) -> None:
        """Totals go on from where they stood: who passed while the line was cut is counted."""
        self._frames.pause()
        self._jobs.clear()
        if self._open is not None and not self._replies:
            self._lost += self._loss(self._open.job)
        self._replies.clear()
        self._open = self._overheard = None
        self._send_at_ms = now_ms
        self._wish()

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        self._heard_ms = now_ms
        heard = self._hear(self._frames.feed(chunk), now_ms)
        self._wish()
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        heard = [Heard(self._frames.end, note) for note in self._lost]
        self._lost.clear()
        if self._polls:
            if self._replies and self._open is not None:
                # The port has not taken our question, as when it has just gone: the wait has not begun.
                self._open = self._open._replace(due_ms=now_ms + self._options.answer_ms)
            if self._open is not None and now_ms >= self._open.due_ms:
                heard += self._hear(self._frames.pause(), now_ms)
                if self._open is not None:
                    heard += self._unanswered(self._open, now_ms)
            if self._open is None and now_ms >= self._send_at_ms:
                heard += self._hear(self._frames.pause(), now_ms)
                self._ask(now_ms)
        elif self._frames.waiting and now_ms >= self._heard_ms + LISTENED_GAP_MS:
            heard += self._hear(self._frames.pause(), now_ms)
        self._wish()
        return heard

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        said = bytes(self._replies)
        self._replies.clear()
        return said

    def _wish(self) -> None:
        if self._polls:
            self.wake_at_ms = self._open.due_ms if self._open else self._send_at_ms
        else:
            self.wake_at_ms = self._heard_ms + LISTENED_GAP_MS if self._frames.waiting else None

    # Asking.

    def _ask(self, now_ms: int) -> None:
        if not self._jobs:
            self._round_at_ms = now_ms
            self._jobs.extend(Job(unit, question) for unit in self._units for question in self._questions)
        self._send(self._jobs.popleft(), now_ms, tries=1)

    def _send(self, job: Job, now_ms: int, tries: int) -> None:
        self._transaction = self._transaction % 0xFFFF + 1
        if self._options.framing == "rtu":
            self._replies += rtu_frame(job.unit, job.question.pdu)
        else:
            self._replies += tcp_frame(self._transaction, job.unit, job.question.pdu)
        self._open = Open(job, self._transaction, now_ms + self._options.answer_ms, tries)

    def _next(self, now_ms: int, pause_ms: int) -> None:
        """The open question is done with."""
        self._open = None
        pause_at_ms = now_ms + pause_ms
        round_at_ms = self._round_at_ms + round(self._options.poll_s * 1000)
        self._send_at_ms = pause_at_ms if self._jobs else max(pause_at_ms, round_at_ms)

    def _unanswered(self, asked: Open, now_ms: int) -> list[Heard]:
        job, unit = asked.job, self._units[asked.job.unit]
        said: list[Said] = [*self._loss(job)]
        tries_max = 1 if unit.silence else 1 + self._options.retries
        if asked.tries < tries_max:
            self._send(job, now_ms, asked.tries + 1)
        else:
            said.append(Note("silence", {"unit": job.unit, "tries": asked.tries}, "no_answer"))
            said += self._bad_round(job, "no answer")
            self._next(now_ms, self._options.pause_ms)
        return [Heard(self._frames.end, what) for what in said]

    def _loss(self, job: Job) -> list[Note]:
        """What an answer that does not come has cost: a unit that clears itself counted them for nobody."""
        if not job.reads or self._options.clear != "by_reading":
            return []
        fields = {"unit": job.unit, "addr": job.question.addr, "count": job.question.size}
        return [Note("loss", fields, "lost")]

    def _bad_round(self, job: Job, fault: str) -> list[Said]:
        """A unit failed: the rest of its round is left out, so that the others need not wait."""
        unit = self._units[job.unit]
        self._jobs = deque(other for other in self._jobs if other.unit != job.unit)
        unit.bad_rounds += 1
        if unit.bad_rounds < self._options.silent_after:
            return []
        unit.silence = fault
        return self._state()

    def _state(self) -> list[Said]:
        """Whether anything is wrong with any unit, if that has changed."""
        faults = [f"unit {number}: {unit.fault}" for number, unit in self._units.items() if unit.fault]
        if bool(faults) == self._blocked:
            return []
        self._blocked = bool(faults)
        return [DeviceState(state="blocked" if faults else "clear", detail="; ".join(faults)[:200])]

    # Hearing.

    def _hear(self, found: list[Frame | Junk], now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        for each in found:
            if isinstance(each, Junk):
                said: list[Said] = [Note("junk", {"bytes": each.size_bytes}, "junk")]
            elif not each.ok:
                said = [self._damaged(each)]
            else:
                said = self._frame(each, now_ms)
            heard += [Heard(each.at_byte, what) for what in said]
        return heard

    def _damaged(self, frame: Frame) -> Note:
        function = frame.pdu[0] & ~EXCEPTION if frame.pdu else None
        return Note("frame", {"crc_ok": False, "unit": frame.unit, "fc": function, "error": "crc"}, "crc")

    def _frame(self, frame: Frame, now_ms: int) -> list[Said]:
        asked = self._open
        if asked is not None and frame.unit == asked.job.unit:
            question = asked.job.question
            if self._is_echo(frame, asked):
                self._echoes = True
                self._open = asked._replace(echoed=True)
                return [self._note(frame, None, "echo")]
            same = self._options.framing == "rtu" or frame.transaction == asked.transaction
            if same and answers(frame.pdu, question):
                return self._answered(asked.job, frame, now_ms)
        return self._others(frame)

    def _is_echo(self, frame: Frame, asked: Open) -> bool:
        """Our own question come back. The answer to a writing looks the same: then others must tell."""
        if self._options.framing == "tcp" or frame.pdu != asked.job.question.pdu:
            return False
        return asked.job.question.function not in (5, 6) or (self._echoes and not asked.echoed)

    def _answered(self, job: Job, frame: Frame, now_ms: int) -> list[Said]:
        unit = self._units[job.unit]
        said = [self._note(frame, job.question, "answer"), *self._understood(job, frame.pdu)]
        if job.reads and not any(each.unit == job.unit for each in self._jobs):
            # All of the unit is read: only now may it be cleared.
            if unit.to_clear:
                self._jobs.extendleft(Job(job.unit, question) for question in reversed(self._clearings))
            unit.to_clear = False
        # An answer to the try before may still come, and would look like the answer to what we ask next.
        tries = self._open.tries if self._open else 1
        self._next(now_ms, self._options.pause_ms if tries == 1 else self._options.answer_ms)
        return said

    def _understood(self, job: Job, pdu: bytes) -> list[Said]:
        """What an answer of one of our units means."""
        unit = self._units[job.unit]
        if pdu[0] & EXCEPTION:
            return self._bad_round(job, f"exception {pdu[1]}")
        if not job.reads:
            unit.cleared(job.question)
            return []
        reading = unit.read(self._layout.values(job.question, values_in(pdu)))
        if job.question.addr == self._questions[-1].addr:
            unit.bad_rounds, unit.silence = 0, ""  # a whole round was good
        said: list[Said] = []
        if reading.inward or reading.outward:
            said.append(Passed(inward=reading.inward, outward=reading.outward, line=unit.line))
        if reading.why:
            problem = "jump" if "jump" in reading.why.values() else ""
            said.append(Note("reading", {"unit": job.unit, **reading.why}, problem))
        return said + self._state()

    def _others(self, frame: Frame) -> list[Said]:
        """A frame that answers nothing of ours: of another master, of a recording, or too late."""
        overheard, self._overheard = self._overheard, None
        if overheard is not None:
            asked, question = overheard
            if (asked.unit, asked.transaction) == (frame.unit, frame.transaction) and answers(
                frame.pdu, question
            ):
                return self._overheard_answer(frame, question)
        question_now = question_of(frame.pdu)
        if question_now is not None and not self._fits(frame):
            self._overheard = (frame, question_now)
            return [self._note(frame, None, "question")]
        if self._polls:
            return [self._note(frame, self._fits(frame), "answer", "unasked")]
        # A recording of one direction only.
        return self._overheard_answer(frame, self._fits(frame))

    def _overheard_answer(self, frame: Frame, question: Question | None) -> list[Said]:
        said: list[Said] = [self._note(frame, question, "answer")]
        if frame.unit in self._units and question is not None and question.function <= 4:
            said += self._understood(Job(frame.unit, question), frame.pdu)
        return said

    def _fits(self, frame: Frame) -> Question | None:
        """The question of ours that it would answer; a reading of either kind of register will do."""
        if frame.pdu[0] & EXCEPTION:
            return None
        function = frame.pdu[0]
        for question in self._questions:
            if question.function != function:
                if question.function < 3 or function not in (3, 4):
                    continue
                question = question._replace(function=function)
            if answers(frame.pdu, question):
                return question
        return None

    def _note(self, frame: Frame, asked: Question | None, role: str, problem: str = "") -> Note:
        fields: dict[str, Any] = (
            {"crc_ok": True, "unit": frame.unit}
            if frame.transaction is None
            else {"unit": frame.unit, "transaction": frame.transaction}
        )
        fields |= fields_of(frame.pdu, asked=asked)
        if asked is not None and asked.function <= 4 and not frame.pdu[0] & EXCEPTION:
            values = fields.get("registers") or fields.get("coils") or values_in(frame.pdu)
            fields |= self._layout.told(asked, values)
        if not problem and "exception" in fields:
            problem = "exception"
        fields["role"] = role
        return Note("frame", fields, problem)
