"""Transbank POS Integrado: we are the terminal, a till asks us over a serial line (115200 8N1 unless set so).

    till   02 | 0200|1500|A12345|||0| | 03 45          STX data ETX LRC (drivers/pos/stx.py)
    box    06                                          ACK, at once
    box    02 | 0210|00|…|A12345|… | 03 LRC            when it is paid, 200 ms later at the soonest
    till   06                                          and now the payment is final

A payment that the till does not acknowledge, however often it is said, is undone. After an accident the till
asks for the last sale (`0250`): it is told one that still waits for its word, too, and acknowledging that is
as good. A till that asks for the same ticket and amount again has what was recorded.

Source: TransbankDevelopers/transbank-developers-docs, referencia/posintegrado; the SDKs for Python and Node.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from drivers.base import Asked, Heard, Note, Told
from drivers.pos.conversations import Outcome, count_of, shown
from drivers.pos.stx import ACK, NAK, Frame, Junk, Sign, StxReader
from drivers.pos.terminal import Terminal
from drivers.pos.transbank import codes, messages
from drivers.pos.transbank.line import TRIES, Line, Saying
from drivers.pos.transbank.options import TransbankOptions
from sync.contract.questions import Pay
from sync.contract.terminal import CardAwaited, Day, PinAwaited, TxnsTold, TxnTold

BYTE_GAP_MS = 500  # longer than between two bytes at 1200 baud, and through a network's serial server
TICKET_MAX = 6
AMOUNT_MAX = 999_999_999
UNDER_WAY_MAX = 6  # conversations that the terminal has not ended; a till that asks for more is told 68
_SIGN_NAMES = {ACK: "ack", NAK: "nak", 0x05: "enq", 0x04: "eot"}
_STATUS_OF: dict[type, str] = {
    CardAwaited: messages.READING_CARD,
    PinAwaited: messages.ASKING_PIN,
    Pay: messages.SENDING,
}


@dataclass(eq=False)
class Sale:
    """A sale that the till has asked for."""

    amount: int
    ticket: str
    says_how_it_goes: bool

    def same(self, other: Sale) -> bool:
        return (self.amount, self.ticket) == (other.amount, other.ticket)

    @property
    def reference(self) -> str:
        """The ticket, as part of a transaction's number; empty when the till has none (000000 is none)."""
        return quote(self.ticket, safe="") if self.ticket.strip("0 ") else ""


class TransbankDecoder:
    """One line to one till. Frames become notes; commands become questions, their outcomes replies."""

    def __init__(self, options: TransbankOptions) -> None:
        self.wake_at_ms: int | None = None
        self._options = options
        self._reader = StxReader()
        self._terminal = Terminal(options.habits())
        self._line = Line(options.gap_ms, options.ack_ms)
        self._only_listens = False
        self._stalls_ms: int | None = None  # when a frame that is not whole is given up
        self._undone_ms: int | None = None  # when a payment that waits for the till's word is undone
        self._sale: Sale | None = None  # being paid, or waiting for the till's word
        # What to do with the outcomes to come, in their order; None: nothing.
        self._then: deque[Callable[[Outcome, int], None] | None] = deque()

    def only_listen(self) -> None:
        """A recording, of either side or both: nothing is asked."""
        self._only_listens = True

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        self._line.written(now_ms)
        heard: list[Heard] = []
        for piece in self._reader.feed(chunk):
            match piece:
                case Frame():
                    heard.append(Heard(piece.at_byte, self._frame(piece, now_ms)))
                case Sign():
                    if self._only_listens:
                        heard.append(Heard(piece.at_byte, Note(_SIGN_NAMES[piece.byte])))
                    else:
                        self._signed(piece.byte, now_ms)
                case Junk():
                    heard.append(Heard(piece.at_byte, Note("junk", {"bytes": piece.size_bytes}, "junk")))
        self._stalls_ms = now_ms + BYTE_GAP_MS if self._reader.amid else None
        return heard + self._go_on(now_ms)

    def wake(self, now_ms: int) -> list[Heard]:
        self._line.written(now_ms)
        heard: list[Heard] = []
        if self._stalls_ms is not None and now_ms >= self._stalls_ms:
            self._stalls_ms = None
            worth_asking = self._reader.amid > 1  # an STX alone is noise
            if junk := self._reader.give_up():
                heard.append(Heard(junk.at_byte, Note("junk", {"bytes": junk.size_bytes}, "cut")))
                if worth_asking and not self._only_listens:
                    self._line.sign(NAK, now_ms)
        if not self._only_listens:
            if lost := self._line.wake(now_ms):
                self._lost(lost)
            if self._undone_ms is not None and now_ms >= self._undone_ms:
                self._undo()
        return heard + self._go_on(now_ms)

    def answer(self, answer: Told, now_ms: int) -> None:
        self._terminal.answer(answer)
        self.wake_at_ms = now_ms

    def replies(self) -> bytes:
        if replies := self._line.take():
            self.wake_at_ms = 0  # as soon as they are written: that is when the quiet begins
        return replies

    # ── what the till says ──────────────────────────────────────────────────────────────────────────────

    def _frame(self, frame: Frame, now_ms: int) -> Note:
        said = messages.read(frame.data) | {"lrc": f"{frame.lrc:02x}", "lrc_ok": frame.good}
        if not frame.good:
            if not self._only_listens:
                self._line.sign(NAK, now_ms)
            return Note("frame", said | {"error": "checksum"}, "checksum")
        if not self._only_listens and not messages.is_reply(said):  # a reply is our own, come back
            if len(said["command"]) != 4 or not messages.all_digits(said["command"]):
                self._line.sign(NAK, now_ms)
                return Note("frame", said, "command")
            self._command(said, now_ms)
        return Note("frame", said)

    def _signed(self, byte: int, now_ms: int) -> None:
        if byte == ACK:
            said = self._line.acknowledged(now_ms)
            if said is not None and said.confirms:
                self._confirm()
        elif byte == NAK and (lost := self._line.refused(now_ms)):
            self._lost(lost)

    def _command(self, said: dict[str, Any], now_ms: int) -> None:
        command = said["command"]
        sale = _sale(said) if command == messages.SALE else None
        self._line.sign(ACK, now_ms)
        if self._terminal.busy and self._sale is not None:
            if command in (messages.POLL, messages.NORMAL_MODE) or (sale and sale.same(self._sale)):
                return  # it has only missed our ACK
            self._terminal.abort()
            self._sale = None
        self._line.forget()
        if self._terminal.holding:
            self._undone_ms = now_ms + TRIES * self._options.ack_ms
        match command:
            case messages.SALE:
                self._pay(said, sale, now_ms)
            case messages.LAST_SALE:
                self._begin(self._terminal.lookup, self._last_sale, now_ms, command, kind="pay")
            case messages.DETAIL:
                self._undo()
                if said.get("to_till"):
                    self._begin(self._terminal.sales, self._detail, now_ms, command)
            case messages.TOTALS:
                self._undo()
                self._begin(self._terminal.day, self._totals, now_ms, command, close=False)
            case messages.CLOSE:
                self._undo()
                self._begin(self._terminal.day, self._closed, now_ms, command, close=True)
            case messages.REVERSAL:
                self._reverse(said.get("operation", ""), now_ms)
            case messages.KEYS:
                self._line.say(messages.write("0810", codes.OK, *self._here), now_ms)
            case messages.POLL | messages.NORMAL_MODE:
                pass
            case _:
                self._line.say(messages.not_done(command, codes.NOT_SUPPORTED), now_ms)

    # ── sales ───────────────────────────────────────────────────────────────────────────────────────────

    def _pay(self, said: dict[str, Any], sale: Sale | None, now_ms: int) -> None:
        if sale is None:
            ticket_is_wrong = len(said.get("ticket", "")) > TICKET_MAX
            why = codes.BAD_TICKET if ticket_is_wrong else codes.BAD_AMOUNT
            self._line.say(messages.not_done(messages.SALE, why), now_ms)
            return
        if not sale.reference or self._sale is None or not sale.same(self._sale):
            self._undo()
        self._sale = sale

        def paid(outcome: Outcome, now_ms: int) -> None:
            if self._sale is not sale:
                return  # the till has turned to something else
            if isinstance(outcome.told, TxnTold):
                self._tell_sale(messages.SALE, outcome.told, outcome.count, now_ms)
            elif outcome.good:
                # What the journal has of it is what the till is told, now and when it asks again.
                self._then.append(recorded)
                self._terminal.lookup(of=sale.reference, of_count=outcome.count)
            else:
                self._tell_declined(sale, codes.of(outcome.reason), now_ms)

        def recorded(outcome: Outcome, now_ms: int) -> None:
            if self._sale is not sale:
                return
            if isinstance(outcome.told, TxnTold):
                self._tell_sale(messages.SALE, outcome.told, outcome.count, now_ms)
            else:
                self._undo()
                self._tell_declined(sale, codes.GENERAL, now_ms)

        self._begin(
            self._terminal.pay,
            paid,
            now_ms,
            messages.SALE,
            amount_minor=sale.amount,
            reference=sale.reference,
            receipt=sale.ticket,
        )

    def _tell_sale(self, command: str, told: TxnTold, count: int, now_ms: int) -> None:
        confirms = told.state == "held"
        reply = messages.REPLIES[command]
        self._line.say(self._sold(reply, told, count), now_ms, confirms=confirms)
        self._undone_ms = None

    def _tell_declined(self, sale: Sale, code: str, now_ms: int) -> None:
        self._sale = None
        commerce, terminal = self._here
        self._line.say(
            messages.sold(
                "0210",
                response=code,
                commerce=commerce,
                terminal=terminal,
                ticket=sale.ticket,
                amount=sale.amount,
                shares=0,
            ),
            now_ms,
        )

    def _last_sale(self, outcome: Outcome, now_ms: int) -> None:
        told = outcome.told
        stands = isinstance(told, TxnTold) and (
            told.state == "done" or (told.state == "held" and self._terminal.holding)
        )
        if isinstance(told, TxnTold) and stands:
            self._tell_sale(messages.LAST_SALE, told, outcome.count, now_ms)
        else:
            self._line.say(messages.not_done(messages.LAST_SALE, codes.NO_SALE), now_ms)

    def _detail(self, outcome: Outcome, now_ms: int) -> None:
        commerce, terminal = self._here
        txns = outcome.told.txns if isinstance(outcome.told, TxnsTold) else ()
        for told in txns:
            self._line.say(self._sold("0261", told, count_of(told.txn)), now_ms)
        # A sale without an authorisation ends the list.
        end = codes.OK if txns else codes.NO_SALE
        self._line.say(messages.sold("0261", response=end, commerce=commerce, terminal=terminal), now_ms)

    def _sold(self, command: str, told: TxnTold, count: int) -> bytes:
        commerce, terminal = self._here
        operation = shown(self._terminal.habits, count)
        return messages.sold(
            command,
            response=codes.OK,
            commerce=commerce,
            terminal=terminal,
            ticket=told.receipt,
            auth=f"{operation:06d}",
            amount=told.amount_minor,
            shares=0,
            operation=operation,
            card_type=self._options.card_type,
            brand=self._options.brand,
            tip=0,
            **messages.date_and_time(told.wall_ms),
        )

    # ── the rest ────────────────────────────────────────────────────────────────────────────────────────

    def _reverse(self, operation: str, now_ms: int) -> None:
        self._undo()
        count = int(operation) if operation.isascii() and operation.isdigit() and len(operation) <= 6 else 0
        commerce_and_terminal = self._here

        def reversed_(outcome: Outcome, now_ms: int) -> None:
            code = codes.of_reversal(outcome.reason)
            auth = f"{count:06d}" if outcome.good else ""
            reply = messages.write("1210", code, *commerce_and_terminal, auth, operation[:6])
            self._line.say(reply, now_ms)

        if count:
            self._begin(self._terminal.reverse, reversed_, now_ms, messages.REVERSAL, of_count=count)
        else:
            reversed_(Outcome(kind="reverse", reason="unknown_sale"), now_ms)

    def _totals(self, outcome: Outcome, now_ms: int) -> None:
        if isinstance(outcome.told, Day):
            reply = messages.write("0710", codes.OK, outcome.told.paid, outcome.told.paid_minor)
        else:
            reply = messages.not_done(messages.TOTALS, codes.of(outcome.reason))
        self._line.say(reply, now_ms)

    def _closed(self, outcome: Outcome, now_ms: int) -> None:
        self._line.say(messages.write("0510", codes.of(outcome.reason), *self._here), now_ms)

    @property
    def _here(self) -> tuple[str, str]:
        return self._options.commerce, self._options.terminal

    # ── the terminal's own ──────────────────────────────────────────────────────────────────────────────

    def _begin(
        self,
        begin: Callable[..., None],
        then: Callable[[Outcome, int], None],
        now_ms: int,
        command: str,
        **named: Any,
    ) -> None:
        if len(self._then) >= UNDER_WAY_MAX:
            self._line.say(messages.not_done(command, codes.GENERAL), now_ms)
            return
        self._then.append(then)
        begin(**named)

    def _confirm(self) -> None:
        self._undone_ms = None
        if self._terminal.holding:
            self._sale = None
            self._then.append(None)
            self._terminal.acknowledged()

    def _lost(self, saying: Saying) -> None:
        if saying.confirms:
            self._undo()

    def _undo(self) -> None:
        """What the till has not acknowledged is undone."""
        self._undone_ms = None
        if self._terminal.holding:
            self._sale = None
            self._then.append(None)
            self._terminal.unacknowledged()

    def _go_on(self, now_ms: int) -> list[Heard]:
        """Outcomes become replies, questions go to the till's side of this box."""
        asked: list[Asked] = []
        while True:
            questions, outcomes = self._terminal.questions(), self._terminal.outcomes()
            if not questions and not outcomes:
                break
            for question in questions:
                asked.append(question)
                if self._sale and self._sale.says_how_it_goes and type(question) in _STATUS_OF:
                    status = _STATUS_OF[type(question)]
                    self._line.say(messages.write(messages.STATUS, status), now_ms, sure=False)
            for outcome in outcomes:
                then = self._then.popleft() if self._then else None
                if then is not None:
                    then(outcome, now_ms)
        due = [self._stalls_ms, self._undone_ms, None if self._only_listens else self._line.due_ms]
        self.wake_at_ms = min((each for each in due if each is not None), default=None)
        return [Heard(0, question) for question in asked]


def _sale(said: dict[str, Any]) -> Sale | None:
    """What is to be paid; None when that cannot be read."""
    amount, ticket = said.get("amount"), said.get("ticket", "")
    if not isinstance(amount, int) or not 0 < amount <= AMOUNT_MAX or len(ticket) > TICKET_MAX:
        return None
    return Sale(amount, ticket, said.get("send_status", False))
