"""The terminal's part of the conversation, in APDUs: it is told what the till says, and when time has passed.

    till                           terminal
    06 01 amount ───────────────►
                 ◄─────────────── 80 00 00
                 ◄─────────────── 04 FF while a card is awaited, if the till wants it
    80 00 00     ───────────────►
                 ◄─────────────── 04 0F: paid
    80 00 00     ───────────────►    final   (84 9C: said again in 2 s; 84 9D: for a part of it;
                 ◄─────────────── 06 0F       84 xx, or nothing at all: undone)
    80 00 00     ───────────────►

The till's answer to 04 0F is what makes a payment final (PA00P015, 2.2.8); a 06 0F that is lost changes
nothing. A till that begins something else has forgotten what it began: that is aborted, and a payment undone.
One that says the very same again has missed our answer, and gets it again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from drivers.base import Asked, Told
from drivers.pos.conversations import Outcome
from drivers.pos.terminal import Terminal
from drivers.pos.zvt import answers, commands, requests, results
from drivers.pos.zvt.framing import T3_MS
from drivers.pos.zvt.messages import Message
from drivers.pos.zvt.options import ZvtOptions
from drivers.pos.zvt.replies import reply_to
from drivers.pos.zvt.requests import Refused, Request
from sync.contract.terminal import NeverMind, PinAwaited

REPEATS_MAX = 2  # of a message that the till does not answer
PLEASE_WAIT_MS = 2000
# Of a payment that waits for the till: 84 9C and the time for its goods together. What is held for five
# minutes the box gives back by itself, and the line has its own seconds before and after.
HELD_MS_MAX = 240_000
GIVE_UP_MS = 240_000  # a question that our own box has not answered; longer than anybody looks for a card
INSERT_CARD, WATCH_PIN_PAD = 0x0A, 0x01
ANSWER_GAP_MS = 50  # from our answer to our own first word: some tills take what comes at once for one
FIRST_STATUS_MS = 500  # a card that lies there already is not asked for
_WANTS_INTERMEDIATE = 0x08


@dataclass
class Saying:
    """A command of ours, and the till's answer to it that is awaited."""

    raw: bytes
    kind: Literal["intermediate", "status", "payment", "end"]
    first_ms: int = 0
    repeat_ms: int = 0
    until_ms: int = 0
    repeats: int = 0
    waits: int = 0  # how often the till asked for more time
    waiting: bool = False  # it did just now


class Dialogue:
    """One till's commands, one after the other."""

    def __init__(self, options: ZvtOptions) -> None:
        self._options = options
        self._terminal = Terminal(options.habits())
        self._config = 0  # of the registration; nothing is asked for without one
        self._running: Request | None = None
        self._next: Message | None = None  # begins when what it interrupted has come to its end
        self._saying: Saying | None = None
        self._to_say: deque[Saying] = deque()
        self._owed = 0  # answers to what we no longer wait for; they are to nothing that came later
        self._delivered = True
        self._status, self._status_ms = 0, 0  # what is waited for, and when the till is told so next
        self._asked: list[Asked] = []
        self._asked_ms: list[int] = []  # of questions whose answers are outstanding
        self._stale = 0  # answers to come that nobody wants any more
        self._gave_up = False  # and has had no answer since
        self._out: list[bytes] = []
        self._quiet_ms = 0  # until then nothing but answers is said
        self._stirred = False

    # ── what comes in ───────────────────────────────────────────────────────────────────────────────────

    def heard(self, message: Message, now_ms: int, delivered: bool = True) -> None:
        """The till has said this. `delivered`: all that we said has arrived, as far as the line knows."""
        self._delivered = delivered
        control = message.control
        if control == commands.GOOD or control >> 8 == 0x84:
            self._answered(message, now_ms)
        elif control >> 8 == 0x04 or control in (commands.COMPLETION, commands.ABORT):
            pass  # a terminal's words: our own, on a line that echoes
        elif control == commands.ABORT_ASKED:
            self._abort(now_ms)
        elif self._running is not None and self._running.missed_by(message):
            self._repeat(now_ms)
        else:
            self._interrupt()
            self._next = message
        self._advance(now_ms)

    def lost(self, now_ms: int) -> None:
        """The line gave up saying what it was told to: nobody is there."""
        self._saying = None
        self._to_say.clear()
        if self._running and self._running.ended:
            self._running = None
        elif self._terminal.holding:
            self._terminal.unacknowledged()
        else:
            self._terminal.abort()
        self._advance(now_ms)

    def answer(self, told: Told) -> None:
        """What our own box says to the oldest question."""
        self._stirred = True
        if self._stale:
            self._stale -= 1
        elif self._asked_ms:
            self._asked_ms.pop(0)
            self._terminal.answer(told)

    def wake(self, now_ms: int, delivered: bool = True) -> None:
        """Time has passed, or a question was answered."""
        self._delivered = delivered
        self._stirred = False
        if self._asked_ms and now_ms >= self._asked_ms[0] + GIVE_UP_MS:
            self._give_up()
        if self._saying is not None:
            self._unanswered(self._saying, now_ms)
        self._advance(now_ms)

    # ── what goes out ───────────────────────────────────────────────────────────────────────────────────

    def questions(self) -> list[Asked]:
        """For our own box, each given once."""
        asked, self._asked = self._asked, []
        return asked

    def said(self) -> list[bytes]:
        """APDUs for the till, each given once."""
        out, self._out = self._out, []
        return out

    def due_ms(self, now_ms: int) -> int | None:
        """When to be woken."""
        due = []
        if self._stirred:
            due.append(now_ms)
        if self._asked_ms:
            due.append(self._asked_ms[0] + GIVE_UP_MS)
        if (saying := self._saying) is not None:
            due.append(saying.until_ms)
            if saying.waiting or self._repeatable(saying):
                due.append(saying.repeat_ms)
        elif self._to_say:
            due.append(self._quiet_ms)
        elif self._tells_status():
            due.append(max(self._quiet_ms, self._status_ms))
        return min(due, default=None)

    # ── the road ────────────────────────────────────────────────────────────────────────────────────────

    def _advance(self, now_ms: int) -> None:
        """As far as it goes without the till, our box, or time."""
        while True:
            self._ask(now_ms)
            for outcome in self._terminal.outcomes():
                self._gave_up = False
                self._ended(outcome)
            quiet = self._saying is not None or now_ms < self._quiet_ms
            if self._to_say and not quiet:
                self._say(self._to_say.popleft(), now_ms)
            elif self._running and self._running.ended and not self._saying and not self._to_say:
                self._running = None
            elif self._next is not None and self._running is None and not self._terminal.busy:
                message, self._next = self._next, None
                self._begin(message, now_ms)
            elif self._tells_status() and not quiet and now_ms >= self._status_ms:
                self._status_ms = now_ms + self._options.status_every_s * 1000
                self._say(Saying(answers.intermediate(self._status), "intermediate"), now_ms)
            else:
                break
        self._ask(now_ms)

    def _ask(self, now_ms: int) -> None:
        for question in self._terminal.questions():
            self._asked.append(question)
            if isinstance(question, NeverMind):
                continue
            self._asked_ms.append(now_ms)
            if self._terminal.waiting:
                self._status = WATCH_PIN_PAD if isinstance(question, PinAwaited) else INSERT_CARD
                self._status_ms = now_ms + FIRST_STATUS_MS

    def _begin(self, message: Message, now_ms: int) -> None:
        """A command of the till, when nothing else is going on."""
        request = requests.read(message, self._options)
        if isinstance(request, Refused):
            self._out.append(request.raw)
            return
        self._good(now_ms)
        if message.control in (commands.REGISTRATION, commands.LOG_OFF):
            self._config = request.config
        self._running = request
        if request.own is not None:
            if request.own:
                self._end(request.own)
            request.ended = True
        elif request.last_seen:
            self._terminal.resync(request.last_seen)
        else:
            request.start(self._terminal)

    def _ended(self, outcome: Outcome) -> None:
        """A conversation with our own box has come to its end."""
        request = self._running
        if request is None or request.ended:
            return  # what was interrupted: nobody wants to know
        if outcome.kind == "resync":
            request.start(self._terminal)
        elif outcome.kind == "confirm" and outcome.good:
            if request.refunds_minor:  # less goods were issued than paid for
                self._terminal.refund(request.refunds_minor, of_count=request.receipt)
            else:
                self._end(answers.completion())
        elif request.acknowledged:
            code = results.of(outcome.reason)
            self._end(answers.completion(code) if outcome.kind == "refund" else answers.abort(code))
        elif outcome.kind == "reverse" and request.message.control != commands.REVERSAL:
            if request.timed_out:
                told = answers.status(results.ABORTED, terminal_id=self._options.terminal_id)
                self._to_say.append(Saying(told, "status"))
            self._end(answers.abort(results.ABORTED))
        else:
            self._report(request, outcome)

    def _report(self, request: Request, outcome: Outcome) -> None:
        """How what the till wanted came out, and the end of it."""
        status, end = reply_to(request, outcome, self._options)
        if status:
            held = outcome.kind == "pay" and outcome.good and not outcome.final
            request.receipt, request.paid_minor = outcome.count, outcome.amount_minor
            self._to_say.append(Saying(status, "payment" if held else "status"))
            if held:
                return  # what comes next is up to the till
        if end:
            self._end(end)
        else:
            request.ended = True

    def _end(self, raw: bytes) -> None:
        self._to_say.append(Saying(raw, "end"))
        if self._running is not None:
            self._running.ended = True

    # ── the till's answers ──────────────────────────────────────────────────────────────────────────────

    def _answered(self, message: Message, now_ms: int) -> None:
        saying = self._saying
        if saying is None or saying.waiting or not self._delivered:
            return
        if self._owed:
            self._owed -= 1
        elif saying.kind in ("status", "payment") and message.control == 0x8400 | results.PLEASE_WAIT:
            self._wait(saying, now_ms)
        else:
            self._saying = None
            if saying.kind == "payment":
                self._decided(message)

    def _decided(self, message: Message) -> None:
        """What the till makes of a payment."""
        request = self._running
        assert request is not None
        if message.control in (commands.GOOD, 0x8400):
            self._accept(request, request.paid_minor)
        elif message.control == 0x8400 | results.PARTLY_ISSUED and (issued := message.number(0x04)):
            self._accept(request, min(issued, request.paid_minor))
        else:
            self._terminal.unacknowledged()

    def _accept(self, request: Request, issued_minor: int) -> None:
        request.acknowledged = True
        request.refunds_minor = request.paid_minor - issued_minor
        self._terminal.acknowledged()

    def _wait(self, saying: Saying, now_ms: int) -> None:
        """The till needs two seconds more, and may say so only so often."""
        assert self._running is not None
        saying.waits += 1
        if saying.waits > self._running.repeats_max or now_ms - saying.first_ms > HELD_MS_MAX:
            self._saying = None
            self._running.timed_out = True
            self._terminal.unacknowledged()
            return
        saying.waiting, saying.repeats = True, 0
        saying.repeat_ms = now_ms + PLEASE_WAIT_MS
        saying.until_ms = self._until_ms(saying, saying.repeat_ms)

    def _unanswered(self, saying: Saying, now_ms: int) -> None:
        if now_ms >= saying.until_ms and not self._delivered:
            saying.until_ms = now_ms + T3_MS  # the line says when it gives up
        elif now_ms >= saying.until_ms:
            self._saying = None
            if saying.kind == "payment":
                self._terminal.unacknowledged()
            elif saying.kind == "intermediate":
                self._owed += 1
        elif now_ms >= saying.repeat_ms and (saying.waiting or self._repeatable(saying)):
            saying.repeats += not saying.waiting
            saying.waiting = False
            saying.repeat_ms = now_ms + T3_MS
            if self._delivered:
                self._out.append(saying.raw)

    def _repeatable(self, saying: Saying) -> bool:
        return saying.kind in ("status", "payment") and saying.repeats < REPEATS_MAX

    def _good(self, now_ms: int) -> None:
        self._out.append(answers.good())
        self._quiet_ms = now_ms + ANSWER_GAP_MS

    def _say(self, saying: Saying, now_ms: int) -> None:
        saying.first_ms = saying.first_ms or now_ms
        saying.waiting, saying.repeat_ms = False, now_ms + T3_MS
        saying.until_ms = self._until_ms(saying, now_ms)
        self._saying = saying
        self._out.append(saying.raw)

    def _until_ms(self, saying: Saying, since_ms: int) -> int:
        """So long an answer is awaited to what was last said at `since_ms`."""
        if saying.kind == "payment" and self._running is not None:
            return min(since_ms + self._running.goods_wait_ms, saying.first_ms + HELD_MS_MAX)
        return since_ms + T3_MS * (1 + REPEATS_MAX if saying.kind == "status" else 1)

    # ── interruptions ───────────────────────────────────────────────────────────────────────────────────

    def _abort(self, now_ms: int) -> None:
        """06 B0: the till wants no more of it. An answer that it owes us may cross this on the line."""
        self._good(now_ms)
        if self._running is None or self._running.ended:
            return
        if self._terminal.holding:
            self._saying = None
            self._to_say.clear()
            self._terminal.unacknowledged()
        else:
            self._terminal.abort()

    def _repeat(self, now_ms: int) -> None:
        """The till says the same again: it has missed our answer, and perhaps what we said after that."""
        self._good(now_ms)
        if self._saying is not None:
            self._to_say.appendleft(self._saying)
            self._saying = None

    def _interrupt(self) -> None:
        """The till has forgotten what it began."""
        if self._running is not None and not self._running.ended:
            if self._terminal.holding:
                self._terminal.unacknowledged()
            else:
                self._terminal.abort()
        self._running, self._saying, self._owed = None, None, 0
        self._to_say.clear()

    def _give_up(self) -> None:
        """Our own box does not answer. What it may still do to money, it gives back by itself: it is held.

        Its answer may come late, and is then to nothing that is asked now; twice in a row, it never will.
        """
        self._stale = 0 if self._gave_up else self._stale + len(self._asked_ms)
        self._gave_up = True
        self._asked_ms.clear()
        self._terminal = Terminal(self._options.habits())
        self._saying = None
        self._to_say.clear()
        if self._running is not None and not self._running.ended:
            self._end(answers.abort(results.SYSTEM_ERROR))

    def _tells_status(self) -> bool:
        return (
            bool(self._config & _WANTS_INTERMEDIATE) and self._terminal.waiting and self._running is not None
        )
