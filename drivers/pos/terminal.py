"""What all payment terminals are, whatever language their till speaks: from an amount to money that is final.

    begin ──► is it a repetition? ──► a card ──► Pay(held) ──► Outcome ──► the till acknowledges ──► Confirm
                     │ yes                          │ PIN?          └────► it never does ──────────► Undo
                     └──────────────► the recorded Outcome

One conversation (drivers/pos/conversations.py) at a time. A protocol's codec begins it, gives `questions()`
to the till, hands on what it is told, and says the `Outcome` in its own words.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import msgspec

from drivers.base import Asked, Told
from drivers.pos import conversations, sums
from drivers.pos.conversations import Conversation, Habits, Outcome
from sync.contract.questions import CardShown, Declined
from sync.contract.terminal import CardAwaited, NeverMind, PinAwaited

QUEUE_MAX = 8  # conversations that wait for the one before; a till that asks for more is told `busy`


@dataclass
class Terminal:
    """One terminal's conversations with the till, one after the other."""

    habits: Habits
    _now: Conversation | None = None
    _kind: str = ""
    _waiting: bool = False  # for a card or a PIN
    _aborted: bool = False
    _queue: deque[tuple[str, Conversation]] = field(default_factory=deque)
    _questions: list[Asked] = field(default_factory=list)
    _outcomes: list[Outcome] = field(default_factory=list)
    _held: tuple[str, int] | None = None  # the payment whose acknowledgement is outstanding

    # ── what the codec begins ───────────────────────────────────────────────────────────────────────────

    def pay(
        self,
        amount_minor: int,
        *,
        reference: str = "",
        receipt: str = "",
        cashier: str = "",
        held: bool = True,
        named: CardShown | None = None,
    ) -> None:
        """A payment by the card at the till, or the one shown within `card_wait_ms`. Outcome `pay`.

        `named`, here and below, is a card that the till has read itself: nobody is waited for.
        `held`: final after `acknowledged`. Another one that was left unacknowledged is undone first.
        """
        if self._held and not (
            reference and self._held[0].startswith(conversations.prefix_of(self.habits, reference))
        ):
            self.unacknowledged()
        self._begin(
            "pay", conversations.pay(self.habits, amount_minor, reference, receipt, cashier, held, named)
        )

    def refund(
        self,
        amount_minor: int,
        *,
        of: str = "",
        of_count: int = 0,
        reference: str = "",
        receipt: str = "",
        cashier: str = "",
        named: CardShown | None = None,
    ) -> None:
        """Gives back to who paid: of the payment with that reference `of`, or of that count; with neither, of
        the last payments of the card at the till. Outcome `refund`."""
        self._begin(
            "refund",
            conversations.refund(self.habits, amount_minor, of, of_count, reference, receipt, cashier, named),
        )

    def top_up(
        self,
        amount_minor: int,
        *,
        reference: str = "",
        receipt: str = "",
        cashier: str = "",
        tender: str = "cash",
        named: CardShown | None = None,
    ) -> None:
        """Puts what the till took onto the card there. Outcome `top_up`."""
        self._begin(
            "top_up",
            conversations.top_up(self.habits, amount_minor, reference, receipt, cashier, tender, named),
        )

    def reverse(
        self, *, of: str = "", of_count: int = 0, cashier: str = "", amount_minor: int | None = None
    ) -> None:
        """Takes a payment back as if it had never been: of that reference, of that count, else the newest of
        this terminal; with `amount_minor` only if it took so much. Outcome `reverse`."""
        self._begin("reverse", conversations.reverse(self.habits, of, of_count, cashier, amount_minor))

    def balance(self, *, named: CardShown | None = None) -> None:
        """What is on the card there. Outcome `balance` with a Balance."""
        self._begin("balance", conversations.balance(self.habits, named))

    def card(self, *, named: CardShown | None = None, wait_ms: int | None = None) -> None:
        """Whose card is there, within its own time if one is named. Outcome `card` with a CardThere."""
        habits = self.habits if wait_ms is None else replace(self.habits, card_wait_ms=wait_ms)
        self._begin("card", conversations.card(habits, named))

    def resync(self, last_seen: int) -> None:
        """The number of the last transaction that the till heard of: a payment made since is undone.
        Outcome `resync`."""
        self._begin("resync", conversations.resync(self.habits, last_seen))

    def lookup(self, *, of: str = "", of_count: int = 0, kind: str = "") -> None:
        """What became of a transaction, chosen as for `reverse`; with `kind`, of the newest such. Outcome
        `lookup` with a TxnTold."""
        self._begin("lookup", conversations.lookup(self.habits, of, of_count, kind))

    def sales(self) -> None:
        """Every payment here since the till's sums were closed. Outcome `sales` with a TxnsTold."""
        self._begin("sales", sums.sales(self.habits))

    def day(self, *, close: bool) -> None:
        """The till's sums since they were last closed. Outcome `day` with a Day."""
        if close:
            self.unacknowledged()  # it would be in the sums of no day
        self._begin("day", sums.day(self.habits, close))

    def acknowledged(self) -> None:
        """The till has the good outcome of its payment: it is final. Outcome `confirm`."""
        if self._held is not None:
            txn, count = self._held
            self._held = None
            self._begin("confirm", conversations.confirm(txn, count))

    def unacknowledged(self) -> None:
        """The till never took the outcome, or refused it: the payment is undone. Outcome `reverse`."""
        if self._held is not None:
            txn, count = self._held
            self._held = None
            self._begin("reverse", conversations.undo(txn, count, unless_final=True))

    def abort(self) -> None:
        """The till wants the conversation to end: it ends with `aborted`, and a payment in it is undone.

        What was given back or topped up before that stands, and its outcome says so.
        """
        if self._kind not in ("pay", "refund", "top_up", "balance", "card") or self._aborted:
            return
        self._aborted = True
        if self._waiting:
            self._questions.append(NeverMind())

    @property
    def busy(self) -> bool:
        """Whether a conversation is going on: a till that begins another is told so."""
        return self._now is not None

    @property
    def waiting(self) -> bool:
        """Whether the customer is waited for, with a card or a PIN."""
        return self._waiting

    @property
    def holding(self) -> bool:
        """Whether a payment waits for its acknowledgement."""
        return self._held is not None

    # ── what goes to the till and comes from it ─────────────────────────────────────────────────────────

    def questions(self) -> list[Asked]:
        """What the till is to be asked now, each given once."""
        asked, self._questions = self._questions, []
        return asked

    def answer(self, told: Told) -> None:
        """What the till says to the question that stands; of another kind, it is ignored."""
        if self._now is None:
            return
        self._waiting = False
        self._step(told)

    def outcomes(self) -> list[Outcome]:
        """What has ended since, each given once."""
        ended, self._outcomes = self._outcomes, []
        return ended

    # ── the engine ──────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, kind: str, conversation: Conversation) -> None:
        if self._now is not None:
            if len(self._queue) >= QUEUE_MAX:
                self._outcomes.append(Outcome(kind=kind, reason="busy"))
            else:
                self._queue.append((kind, conversation))
            return
        self._now, self._kind, self._aborted = conversation, kind, False
        self._step(None)

    def _step(self, told: Told | None) -> None:
        assert self._now is not None
        try:
            question = next(self._now) if told is None else self._now.send(told)
        except StopIteration as end:
            self._end(end.value)
        else:
            waits = isinstance(question, CardAwaited | PinAwaited)
            if waits and self._aborted:
                self._step(Declined("no_card"))
                return
            self._waiting = waits
            self._questions.append(question)

    def _end(self, outcome: Outcome) -> None:
        aborted = self._aborted
        self._now, self._kind, self._aborted = None, "", False
        if outcome.kind == "pay" and outcome.good and not outcome.final:
            self._held = outcome.txn, outcome.count
        if aborted and not (outcome.good and outcome.kind in ("refund", "top_up")):
            if outcome.good and outcome.kind == "pay":
                self._held = None
                self._queue.appendleft(
                    ("reverse", conversations.undo(outcome.txn, outcome.count, silent=True))
                )
            outcome = msgspec.structs.replace(outcome, reason="aborted")
        if outcome.kind:
            self._outcomes.append(outcome)
        if self._queue:
            kind, conversation = self._queue.popleft()
            self._begin(kind, conversation)
