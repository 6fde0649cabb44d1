"""Concert, also called Telium E+ or "protocole caisse": we are the terminal, a till asks us over a line.

    till   05 ENQ      06 ACK        box   05 ENQ      06 ACK
           ask frame   06 ACK              answer      06 ACK: and now a payment is final
           04 EOT      … it is paid …      04 EOT

ENQ, ACK, EOT with nothing between is a till that looks whether we are there. Frames: drivers/pos/stx.py.

There is no number of a transaction, no query and no repetition. So an answer that was not taken stays open:
the till is called again, and asking the same before anything else it gets that answer, not another payment. A
payment whose answer is never taken is undone. What is given back or topped up stands, so it is remembered
through a cut line, and a till that asks for the same soon after has what was recorded.

Source: pyTeliumManager 2.4.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from drivers.base import Asked, Heard, Note, Told
from drivers.pos import stx
from drivers.pos.concert import messages
from drivers.pos.concert.messages import Answer, Ask
from drivers.pos.concert.options import ConcertOptions
from drivers.pos.conversations import Outcome
from drivers.pos.currency_numbers import NUMBERS
from drivers.pos.stx import ACK, ENQ, EOT, NAK, Frame, Junk, Sign, StxReader, frame
from drivers.pos.terminal import Terminal
from sync.contract.terminal import TxnTold

HEARS_MS = 2_000  # for the till's next byte or frame, once it has begun
BUSY_MS = 1_000  # a till that refuses a call is called again so much later
SETTLE_MS = 300  # after several calls: a till may acknowledge each of them, and none of that is the frame's
TRIES = 3
UNDER_WAY_MAX = 6
AGAIN_MS = 120_000  # what was moved no longer ago, and no till has taken the answer, is not moved again

State = Literal["idle", "hearing", "asked", "calling", "settling", "answering"]
_SIGN_NAMES = {ENQ: "enq", ACK: "ack", NAK: "nak", EOT: "eot"}


class Unsure(NamedTuple):
    """Money that was to be given back or topped up, and no till has taken the answer."""

    kind: str  # as the journal has it: refund, top
    amount_minor: int
    began_ms: int


class ConcertDecoder:
    """One line to one till."""

    def __init__(self, options: ConcertOptions) -> None:
        self._options = options
        self._currency = f"{NUMBERS[options.currency]:03d}"
        self._only_listens = False
        self._unsure: Unsure | None = None  # the last of them
        self._connect()

    def reopened(self, now_ms: int) -> None:
        """What was begun is over, and what was held is undone; what stands is remembered."""
        self._connect()

    def _connect(self) -> None:
        self.wake_at_ms: int | None = None
        self._reader = StxReader()
        self._terminal = Terminal(self._options.habits())
        self._out = bytearray()
        self._heard_frame = False  # since the last ENQ
        self._state: State = "idle"
        self._due_ms: int | None = None  # when the state has lasted too long
        self._new: Ask | None = None  # asked just now; begins when the till has said EOT
        self._ask: Ask | None = None  # under way, or its result is open
        self._result = ""  # of `_ask`, as long as the till has not taken it
        self._tries = 0
        # What to do with the outcomes to come, in their order; None: nothing.
        self._then: deque[Callable[[Outcome, int], None] | None] = deque()

    def only_listen(self) -> None:
        """A recording, of either side or both: nothing is asked."""
        self._only_listens = True

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        for piece in self._reader.feed(chunk):
            match piece:
                case Frame():
                    heard.append(Heard(piece.at_byte, self._frame(piece, now_ms)))
                case Sign():
                    heard += self._sign(piece, now_ms)
                case Junk():
                    heard.append(Heard(piece.at_byte, Note("junk", {"bytes": piece.size_bytes}, "junk")))
        if self._state == "hearing" and chunk:
            self._due_ms = now_ms + HEARS_MS
        return heard + self._go_on(now_ms)

    def wake(self, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._due_ms = None
            if junk := self._reader.give_up():
                heard.append(Heard(junk.at_byte, Note("junk", {"bytes": junk.size_bytes}, "cut")))
            self._late(now_ms)
        return heard + self._go_on(now_ms)

    def answer(self, answer: Told, now_ms: int) -> None:
        self._terminal.answer(answer)
        self.wake_at_ms = now_ms

    def replies(self) -> bytes:
        replies = bytes(self._out)
        self._out.clear()
        return replies

    # ── what the till says ──────────────────────────────────────────────────────────────────────────────

    def _frame(self, frame: Frame, now_ms: int) -> Note:
        self._heard_frame = True
        said = messages.read(frame.data)
        checked = {"lrc": f"{frame.lrc:02x}", "lrc_ok": frame.good}
        if said is None:
            fields = {"raw": frame.data.decode("latin-1")} | checked
            problem = "checksum" if not frame.good else "length"
            note = Note("frame", fields | {"error": problem}, problem)
        else:
            fields = {key: value for key, value in msgspec.structs.asdict(said).items() if value is not None}
            kind = "ask" if isinstance(said, Ask) else "answer"
            if frame.good:
                note = Note(kind, fields | checked)
            else:
                note = Note(kind, fields | checked | {"error": "checksum"}, "checksum")
        if isinstance(said, Answer) or self._only_listens:
            return note  # an answer is our own, come back
        if note.problem or not isinstance(said, Ask):
            self._out.append(NAK)
        else:
            self._out.append(ACK)
            self._new = said
            self._be("asked", now_ms + HEARS_MS)
        return note

    def _sign(self, sign: Sign, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        if self._only_listens:
            heard.append(Heard(sign.at_byte, Note(_SIGN_NAMES[sign.byte])))
        if sign.byte == EOT:
            heard.append(Heard(sign.at_byte, Note("exchange", {"transaction": self._heard_frame})))
        if sign.byte in (ENQ, EOT):
            self._heard_frame = False
        if self._only_listens:
            return heard
        match sign.byte, self._state:
            case (stx.ENQ, _):  # the till is master; what it was to be told waits
                self._out.append(ACK)
                self._new = None
                self._be("hearing", now_ms + HEARS_MS)
            case (stx.EOT, "asked"):
                self._begin(now_ms)
            case (stx.EOT, "hearing"):
                self._rest(now_ms)
            case (stx.ACK, "calling"):
                if self._tries > 1:
                    self._be("settling", now_ms + SETTLE_MS)
                else:
                    self._say_answer(now_ms)
            case (stx.ACK, "answering"):
                self._out.append(EOT)
                self._delivered()
            case (stx.NAK, "calling"):
                self._be("calling", now_ms + BUSY_MS)
            case (stx.NAK, "answering") if self._tries < TRIES:
                self._tries += 1
                self._say_answer(now_ms)
            case (stx.NAK, "answering"):
                self._out.append(EOT)
                self._be("idle")
                self._not_taken()
        return heard

    def _late(self, now_ms: int) -> None:
        """The state has lasted too long."""
        match self._state:
            case "hearing":
                self._rest(now_ms)
            case "asked":  # all is there but its EOT
                self._begin(now_ms)
            case "settling":
                self._say_answer(now_ms)
            case "calling" | "answering" if self._tries < TRIES:
                self._call(now_ms)
            case "calling" | "answering":
                self._be("idle")
                self._not_taken()
            case _:
                pass

    def _be(self, state: State, due_ms: int | None = None) -> None:
        self._state, self._due_ms = state, due_ms

    def _rest(self, now_ms: int) -> None:
        """The till has looked whether we are there; what it was to be told can be told."""
        self._be("idle")
        if self._result and self._tries < TRIES:
            self._call(now_ms)

    # ── what it asks ────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, now_ms: int) -> None:
        self._be("idle")
        ask, self._new = self._new, None
        if ask is None:
            return
        if ask == self._ask and (self._result or self._terminal.busy):
            if self._result:  # it never took the answer: here it is again
                self._tries = 0
                self._call(now_ms)
            return
        busy_at_once = self._terminal.busy and self._ask is None
        if self._terminal.busy and not busy_at_once:
            self._terminal.abort()
        self._undo()
        self._ask, self._result = ask, ""
        if busy_at_once or self._refused(ask):
            self._tell(ask, messages.NOT_DONE, now_ms)
        elif ask.delay == messages.AT_ONCE:
            self._tell(ask, messages.NOT_CHECKED, now_ms)
        else:
            self._move(ask, now_ms)

    def _refused(self, ask: Ask) -> bool:
        known = {messages.DEBIT, messages.REFUND}
        if self._options.credit != "refuse":
            known.add(messages.CREDIT)
        return (
            ask.type not in known
            or ask.mode != messages.CARD
            or ask.currency != self._currency
            or ask.amount_minor <= 0
            or len(self._then) >= UNDER_WAY_MAX
        )

    def _move(self, ask: Ask, now_ms: int) -> None:
        """The till waits for what comes of it."""
        kind = self._kind(ask)
        if kind == "pay":
            self._do(ask, held=True)
            return
        before = self._unsure
        if before is None or (before.kind, before.amount_minor) != (kind, ask.amount_minor):
            self._unsure = Unsure(kind, ask.amount_minor, now_ms)
            self._do(ask, held=True)
            return

        def looked(outcome: Outcome, now_ms: int) -> None:
            if self._ask is not ask:
                return
            told = outcome.told
            if isinstance(told, TxnTold) and _is_what_came_of(before, told, now_ms):
                self._tell(ask, messages.DONE, now_ms)
            else:
                self._unsure = before._replace(began_ms=now_ms)
                self._do(ask, held=True)

        self._then.append(looked)
        self._terminal.lookup(kind=kind)

    def _kind(self, ask: Ask) -> str:
        if ask.type == messages.DEBIT:
            return "pay"
        return "top" if ask.type == messages.CREDIT and self._options.credit == "top_up" else "refund"

    def _do(self, ask: Ask, *, held: bool) -> None:
        def done(outcome: Outcome, now_ms: int) -> None:
            if held and self._ask is ask:
                self._tell(ask, messages.DONE if outcome.good else messages.NOT_DONE, now_ms)

        self._then.append(done)
        match self._kind(ask):
            case "pay":
                self._terminal.pay(ask.amount_minor, held=held)
            case "top":
                self._terminal.top_up(ask.amount_minor)
            case _:
                self._terminal.refund(ask.amount_minor)

    # ── what it is told ─────────────────────────────────────────────────────────────────────────────────

    def _tell(self, ask: Ask, result: str, now_ms: int) -> None:
        self._ask, self._result, self._tries = ask, result, 0
        if self._state == "idle":  # else when the till has said what it is saying
            self._call(now_ms)

    def _call(self, now_ms: int) -> None:
        self._tries += 1
        self._out.append(ENQ)
        self._be("calling", now_ms + self._options.call_ms)

    def _say_answer(self, now_ms: int) -> None:
        ask = self._ask
        assert ask is not None  # a result has its ask
        self._out += frame(
            messages.write_answer(
                Answer(
                    pos=ask.pos,
                    result=self._result,
                    amount_minor=ask.amount_minor,
                    mode=ask.mode,
                    currency=ask.currency,
                    private=ask.private,
                    report="" if ask.full else None,  # a report has the card's number: we tell none
                )
            )
        )
        self._be("answering", now_ms + self._options.call_ms)

    def _delivered(self) -> None:
        self._be("idle")
        ask, result = self._ask, self._result
        self._ask, self._result = None, ""
        if ask is not None and self._unsure is not None and self._unsure.kind == self._kind(ask):
            self._unsure = None
        if self._terminal.holding:
            self._then.append(None)
            self._terminal.acknowledged()
        elif ask is not None and result == messages.NOT_CHECKED:
            self._do(ask, held=False)

    def _not_taken(self) -> None:
        """A payment is undone. What cannot be is the answer still, when the till asks the same again."""
        if self._terminal.holding or self._result != messages.DONE:
            self._ask, self._result = None, ""
        self._undo()

    def _undo(self) -> None:
        if self._terminal.holding:
            self._then.append(None)
            self._terminal.unacknowledged()

    def _go_on(self, now_ms: int) -> list[Heard]:
        """Outcomes become answers, questions go to the till's side of this box."""
        asked: list[Asked] = []
        while True:
            questions, outcomes = self._terminal.questions(), self._terminal.outcomes()
            if not questions and not outcomes:
                break
            asked += questions
            for outcome in outcomes:
                then = self._then.popleft() if self._then else None
                if then is not None:
                    then(outcome, now_ms)
        if self._only_listens:
            self._due_ms = now_ms + HEARS_MS if self._reader.amid else None
        elif self._reader.amid and self._due_ms is None:
            self._due_ms = now_ms + HEARS_MS
        self.wake_at_ms = self._due_ms
        return [Heard(0, question) for question in asked]


def _is_what_came_of(unsure: Unsure, told: TxnTold, now_ms: int) -> bool:
    """Whether the newest of its kind is what no till has heard of."""
    since_ms = min(now_ms - unsure.began_ms, AGAIN_MS)
    return told.state == "done" and told.amount_minor == unsure.amount_minor and told.age_ms <= since_ms
