"""The terminal's side of the conversation: requests in, answers out, one piece of business at a time.

    request ──► a repetition? ──► the recorded answer
       │  no
       └──► its turn ──► script ──► answer ──► arrived? ──yes──► acknowledged: the payment is final
                                                   └────no─────► unacknowledged: it is undone

What needs no money is answered at once, on whichever connection it comes: Abort, Diagnosis, and what became
of the request that is being worked on. The port tells what became of every answer (drivers/http_frames.py);
a till that hangs up while it waits has aborted.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.base import Heard, Note, Told
from drivers.http_frames import HttpReader, Loose, Request, Response, write_response
from drivers.pos.conversations import PIN_TRIES, Outcome
from drivers.pos.nexo import answers, desk, scripts
from drivers.pos.nexo.answers import Body, Wrong
from drivers.pos.nexo.documents import Documents
from drivers.pos.nexo.fields import note
from drivers.pos.nexo.options import REPEAT_MS, NexoOptions
from drivers.pos.nexo.protocol import Header, Letter, Message, read_letter, write_message
from drivers.pos.nexo.replays import Replays
from drivers.pos.nexo.scripts import SCRIPTS, Said, Script
from drivers.pos.terminal import Terminal

QUEUE_MAX = 4  # requests that wait until the one before has its answer; more are told Busy
REMEMBERED_MAX = 200  # answers that the journal does not have; the oldest is forgotten
WORK_MS_MAX = 30_000  # of one request, apart from the customer's time
FATE_WAIT_MS = 30_000  # for the port to say whether an answer has arrived; it knows after 10 s
GAP_MS = 2_000  # a recording that stops in the middle of a message
JSON = "application/json; charset=utf-8"


class Known(NamedTuple):
    """An answer that was given. `again`: a repetition of its request gets it, too."""

    body: Body
    again: bool
    at_ms: int


@dataclass
class Job:
    """A request that is worked on, and the connections that wait for its answer."""

    letter: Letter
    message: Message
    numbers: set[int]
    script: Script
    began_ms: int
    aborted: bool = False


@dataclass
class Delivery:
    """An approval that is on its way to the till: final when it has arrived on one of the connections."""

    job: Job
    numbers: set[int]
    since_ms: int


@dataclass
class Memory:
    """The last answers, by request."""

    _known: OrderedDict[tuple[str, str], Known] = field(default_factory=OrderedDict)

    def put(self, header: Header, known: Known) -> None:
        self._known.pop(_name(header), None)
        self._known[_name(header)] = known
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    def get(self, header: Header, now_ms: int) -> Known | None:
        known = self._known.get(_name(header))
        return known if known is not None and now_ms - known.at_ms <= REPEAT_MS else None


class NexoDecoder:
    """Messages become notes; requests that came by the port become questions and have their answers."""

    def __init__(self, options: NexoOptions, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._key, self._random_bytes = options.key(), random_bytes
        self._habits = options.habits()
        self._job_ms_max = WORK_MS_MAX + self._habits.card_wait_ms + PIN_TRIES * self._habits.pin_wait_ms
        self._http, self._documents = HttpReader(), Documents()
        self._terminal = Terminal(self._habits)
        # For each conversation that was begun: whether the job waits for its outcome.
        self._asked: deque[bool] = deque()
        self._job: Job | None = None
        self._queue: deque[Job] = deque()
        self._delivery: Delivery | None = None
        self._memory = Memory()
        self._replays = Replays()
        self._replies = b""
        self._now_ms = self._fed_ms = self._at_byte = 0
        self._recording = False
        self.wake_at_ms: int | None = None

    # ── what a decoder is ───────────────────────────────────────────────────────────────────────────────

    def _wish(self) -> None:
        wishes = []
        if self._http.waiting or self._documents.waiting:
            wishes.append(self._fed_ms + GAP_MS)
        if self._job is not None:
            wishes.append(self._job.began_ms + self._job_ms_max)
        if self._delivery is not None:
            wishes.append(self._delivery.since_ms + FATE_WAIT_MS)
        self.wake_at_ms = min(wishes, default=None)

    def only_listen(self) -> None:
        """As in a recording: everything becomes a note, and nothing more."""
        self._recording = True

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        self._now_ms = self._fed_ms = now_ms
        heard: list[Heard] = []
        for piece in self._http.feed(chunk):
            self._heard(piece, heard)
        self._go_on(heard)
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        self._now_ms = now_ms
        heard: list[Heard] = []
        if now_ms - self._fed_ms >= GAP_MS:
            for piece in self._http.pause():
                self._heard(piece, heard)
            heard += [self._noted(each.at_byte, each.raw) for each in self._documents.pause()]
        if self._delivery is not None and now_ms - self._delivery.since_ms >= FATE_WAIT_MS:
            self._never_arrived(self._delivery)
        if self._job is not None and now_ms - self._job.began_ms >= self._job_ms_max:
            self._give_up(self._job)
        self._go_on(heard)
        return heard

    def answer(self, told: Told, now_ms: int) -> None:
        self._now_ms = now_ms
        self._terminal.answer(told)
        self.wake_at_ms = now_ms

    def replies(self) -> bytes:
        said, self._replies = self._replies, b""
        return said

    # ── what comes in ───────────────────────────────────────────────────────────────────────────────────

    def _heard(self, piece: Request | Response | Loose, heard: list[Heard]) -> None:
        if isinstance(piece, Loose):
            for each in self._documents.feed(piece.at_byte, piece.chunk):
                heard.append(self._noted(each.at_byte, each.raw))
        elif isinstance(piece, Response) and piece.number and not self._recording:
            self._fate(piece.number, arrived=piece.status == 200)
        elif isinstance(piece, Request) and piece.number and not self._recording:
            self._request(piece, heard)
        elif piece.body:
            heard.append(self._noted(piece.at_byte, piece.body))

    def _noted(self, at_byte: int, raw: bytes) -> Heard:
        return Heard(at_byte, note(read_letter(raw, self._key)))

    def _request(self, request: Request, heard: list[Heard]) -> None:
        self._at_byte = request.at_byte
        status = desk.refused(request.method, request.target, len(request.body))
        if status:
            heard.append(Heard(request.at_byte, Note("refused", {"status": status}, "http")))
            self._replies += write_response(request.number, status)
            return
        letter = read_letter(request.body, self._key)
        if self._replays.is_one(letter, self._now_ms):
            letter = letter._replace(problem="replay")
        heard.append(Heard(request.at_byte, note(letter)))
        if letter.problem or letter.message is None:
            status, rejection = desk.rejected(letter, request.body)
            self._replies += write_response(request.number, status, rejection, JSON)
        else:
            self._received(letter, letter.message, request.number)

    def _received(self, letter: Letter, message: Message, number: int) -> None:
        category = message.header.category
        if category == "Abort":
            self._abort(message)
            self._replies += write_response(number, 200)
        elif message.header.message_type != "Request":
            self._replies += write_response(number, 200)  # a notification, to which nothing is said
        elif category in desk.AT_ONCE:
            self._say({number}, letter, message, desk.AT_ONCE[category](message, busy=self._job is not None))
        elif category == "TransactionStatus":
            self._status(letter, message, number)
        elif category in SCRIPTS:
            self._business(letter, message, number)
        else:
            self._say({number}, letter, message, desk.unknown(message))

    def _business(self, letter: Letter, message: Message, number: int) -> None:
        if not message.header.service_id:  # nobody could say later which request is meant
            self._say({number}, letter, message, answers.failed(message, "wrong"))
            return
        known = self._memory.get(message.header, self._now_ms)
        if known is not None and known.again:
            self._say({number}, letter, message, known.body)
            return
        for job in self._jobs():
            if _name(job.message.header) == _name(message.header) and not job.aborted:
                job.numbers.add(number)  # the till repeats itself before it has the answer
                return
        self._line_up(letter, message, number, SCRIPTS[message.header.category](self._terminal, message))

    def _status(self, letter: Letter, message: Message, number: int) -> None:
        of = scripts.referred(message)
        for job in self._jobs():
            if of is None or job.message.header.reference == of.reference:
                self._say({number}, letter, message, answers.failed(message, "in_progress"))
                return

        def remembered(header: Header) -> Body | None:
            known = self._memory.get(header, self._now_ms)
            return known.body if known is not None else None

        script = scripts.transaction_status(self._terminal, message, remembered)
        self._line_up(letter, message, number, script)

    def _line_up(self, letter: Letter, message: Message, number: int, script: Script) -> None:
        if self._job is not None or len(self._queue) >= QUEUE_MAX:
            self._say({number}, letter, message, answers.failed(message, "busy"))
        else:
            self._queue.append(Job(letter, message, {number}, script, self._now_ms))
            self._begin_next()

    def _jobs(self) -> list[Job]:
        """What is worked on, and what waits for its turn."""
        return [*([self._job] if self._job else []), *self._queue]

    def _abort(self, message: Message) -> None:
        of = scripts.referred(message)
        for job in self._jobs():
            if of is not None and job.message.header.reference == of.reference:
                job.aborted = True
                if job is self._job:
                    self._terminal.abort()

    # ── business ────────────────────────────────────────────────────────────────────────────────────────

    def _go_on(self, heard: list[Heard]) -> None:
        while True:
            for outcome in self._terminal.outcomes():
                if self._asked and self._asked.popleft() and self._job is not None:
                    self._step(self._job, outcome)
            self._begin_next()
            if self._job is not None and self._job.aborted:
                self._terminal.abort()  # once more: what was to be aborted may have begun only now
            asked = self._terminal.questions()
            if not asked:
                break
            heard += [Heard(self._at_byte, each) for each in asked]
        self._wish()

    def _begin_next(self) -> None:
        while self._job is None and self._delivery is None and self._queue:
            self._job = self._queue.popleft()
            self._job.began_ms = self._now_ms
            self._step(self._job, None)

    def _step(self, job: Job, outcome: Outcome | None) -> None:
        try:
            begin = next(job.script) if outcome is None else job.script.send(outcome)
        except StopIteration as end:
            self._end(job, end.value)
        except Wrong as wrong:
            self._end(job, Said(answers.failed(job.message, wrong.reason)))
        else:
            if job.aborted:
                self._end(job, Said(answers.failed(job.message, "aborted")))
                return
            self._asked.append(True)
            begin()

    def _end(self, job: Job, said: Said) -> None:
        self._job = None
        if job.numbers:
            self._say(job.numbers, job.letter, job.message, said.body)
        if job.message.header.category in SCRIPTS:
            # What failed may be tried again when nobody has heard of it; what is done is not done twice.
            settled = answers.is_good(said.body) or (job.numbers and not answers.is_passing(said.body))
            again = bool(settled) and not said.recorded
            self._memory.put(job.message.header, Known(said.body, again, self._now_ms))
        if self._terminal.holding:
            self._delivery = Delivery(job, set(job.numbers), self._now_ms)
            if not job.numbers:
                self._never_arrived(self._delivery)

    def _give_up(self, job: Job) -> None:
        """Nobody answers our questions any more."""
        job.script.close()
        self._terminal, self._asked = Terminal(self._habits), deque()
        self._end(job, Said(answers.failed(job.message, "trouble")))
        while self._queue:  # their scripts speak to the terminal that was
            waiting = self._queue.popleft()
            self._say(
                waiting.numbers, waiting.letter, waiting.message, answers.failed(waiting.message, "busy")
            )

    # ── what becomes of answers ─────────────────────────────────────────────────────────────────────────

    def _fate(self, number: int, *, arrived: bool) -> None:
        delivery = self._delivery
        if delivery is not None and number in delivery.numbers:
            delivery.numbers.discard(number)
            if arrived:
                self._delivery = None
                self._finally(self._terminal.acknowledged)
            elif not delivery.numbers:
                self._never_arrived(delivery)
        elif not arrived:
            self._hung_up(number)

    def _never_arrived(self, delivery: Delivery) -> None:
        message = delivery.job.message
        self._delivery = None
        self._memory.put(
            message.header, Known(answers.failed(message, "aborted"), again=False, at_ms=self._now_ms)
        )
        self._finally(self._terminal.unacknowledged)

    def _finally(self, begin: Callable[[], None]) -> None:
        """The end of a payment, whose outcome no request waits for."""
        if self._terminal.holding:
            self._asked.append(False)
            begin()

    def _hung_up(self, number: int) -> None:
        for waiting in tuple(self._queue):
            waiting.numbers.discard(number)
            if not waiting.numbers:
                self._queue.remove(waiting)
        job = self._job
        if job is not None and number in job.numbers:
            job.numbers.discard(number)
            if not job.numbers:
                job.aborted = True
                self._terminal.abort()

    def _say(self, numbers: set[int], letter: Letter, message: Message, body: Body) -> None:
        key = self._key if letter.trailer is not None else None
        document = write_message(
            message.header, "Response", body, key=key, trailer=letter.trailer, random_bytes=self._random_bytes
        )
        for number in sorted(numbers):
            self._replies += write_response(number, 200, document, JSON)


def _name(header: Header) -> tuple[str, str]:
    return header.category, header.reference
