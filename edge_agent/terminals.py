"""What payment terminals ask beyond moving money (sync/contract/terminal.py), answered from the journal.

A payment that was taken with `held` is final when the till has acknowledged it. Until then it is a session's
to confirm or to undo; what a session left behind, because its line or this box went down, is undone here: at
the start, and when it has been held for longer than any till takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable

from edge_agent.errors import AnchorBroken
from edge_agent.payments import Payments
from edge_agent.store.journal import Entry, Journal, NewEntry
from edge_agent.store.leases import Leases
from edge_agent.store.lines import Sql
from edge_agent.till import Till
from sync.contract.clock import Clock
from sync.contract.questions import TXN_MAX, CardShown, Declined, Undo
from sync.contract.terminal import (
    CardAwaited,
    Confirm,
    Confirmed,
    Day,
    DayAsked,
    NeverMind,
    PinAwaited,
    TerminalAnswer,
    TerminalQuestion,
    TxnAsked,
    TxnsAsked,
    TxnsTold,
    TxnTold,
)

log = logging.getLogger(__name__)

HELD_MOST_MS = 5 * 60 * 1000  # longer than the slowest protocol waits for its till (ZVT's T4: 180 s)
LOOK_S = 30.0
OWED_MAX = 1_000  # acknowledgements that the disk could not take; of more, the payments are undone
_LATER = ("trouble", "disk_full", "fenced")
_NOTHING = (0, 0)


class Terminals:
    """The terminals of one store."""

    def __init__(
        self,
        *,
        till: Till,
        payments: Payments,
        clock: Clock,
        now_ms: Callable[[], int],
        boot: str,
    ) -> None:
        """`now_ms` is the wall time as the store knows it."""
        self._till, self._payments = till, payments
        self._clock, self._now_ms, self._boot = clock, now_ms, boot
        self._began = 0  # the journal's last entry when the agent started: what was held then is undone
        self._owed: dict[tuple[str, str], Confirm] = {}  # acknowledged, and not on disk yet

    async def ask(self, question: TerminalQuestion) -> TerminalAnswer | None:
        """What a terminal is told; a card or PIN that is awaited takes its time. NeverMind is told nothing.

        Raises AnchorBroken, StoreBroken.
        """
        match question:
            case CardAwaited() if question.number:
                shown = CardShown(question.number, question.technology)
                there = await self._till.named(question.till, shown, device=question.device)
                return there or Declined("unknown")
            case CardAwaited():
                return self._till.there(question.till) or await self._till.waits.card(question)
            case PinAwaited():
                return await self._till.waits.pin(question)
            case NeverMind():
                self._till.waits.never_mind(question.till, question.device)
                return None
            case Confirm():
                return await self.confirm(question)
            case TxnAsked():
                return await self.transaction(question)
            case TxnsAsked():
                return await self.transactions(question)
            case DayAsked():
                return await self.day(question)

    async def confirm(self, question: Confirm) -> Confirmed | Declined:
        """The till has acknowledged a payment; on disk on return. Raises StoreBroken.

        Where the disk cannot take it now, it is owed: tried again, and not undone as long as we run.
        """

        def work(sql: Sql, leases: Leases) -> Confirmed | Declined:
            journal = Journal(sql)
            found = journal.find(question.till, question.txn)
            if found is None or found.kind != "pay":
                return Declined("unknown_sale")
            if self._is_undone(found):
                return Declined("undone")
            journal.confirm(found.entry)
            return Confirmed()

        answer: Confirmed | Declined
        try:
            answer = await self._payments.change(work)
        except AnchorBroken:
            answer = Declined("trouble")
        place = question.till, question.txn
        if isinstance(answer, Declined) and answer.reason in _LATER and len(self._owed) < OWED_MAX:
            self._owed[place] = question
            return Confirmed()
        self._owed.pop(place, None)
        return answer

    async def transaction(self, question: TxnAsked) -> TxnTold | Declined:
        """What became of one of the till's transactions."""

        def work(sql: Sql) -> TxnTold | Declined:
            journal = Journal(sql)
            if question.txn:
                found = journal.find(question.till, question.txn)
            else:
                found = journal.newest(question.till, question.prefix, question.suffix, question.kind)
            return self._told(journal, found) if found is not None else Declined("unknown_sale")

        return await self._payments.read(work)

    async def transactions(self, question: TxnsAsked) -> TxnsTold:
        """The payments that the till's sums, not closed yet, are made of."""

        def work(sql: Sql) -> TxnsTold:
            journal = Journal(sql)
            last = journal.closing(question.till)
            after = last.entry if last is not None else 0
            paid = journal.paid_after(question.till, after, question.prefix, question.limit)
            return TxnsTold(txns=tuple(self._told(journal, entry) for entry in paid))

        return await self._payments.read(work)

    async def day(self, question: DayAsked) -> Day | Declined:
        """The till's sums; closed under the question's number, if it has one.

        Raises AnchorBroken, StoreBroken.
        """
        if not question.txn:
            return await self._payments.read(lambda sql: _day(Journal(sql), question))
        if len(question.txn) > TXN_MAX or not question.till:
            return Declined("wrong")
        asked = hashlib.sha256(f"close {question.currency}".encode()).digest()[:16]

        def work(sql: Sql, leases: Leases) -> Day | Declined:
            journal = Journal(sql)
            if (known := journal.find(question.till, question.txn)) is not None:
                told = known.told()
                return told if isinstance(told, Day) and known.asked == asked else Declined("txn_reused")
            if any(entry.till == question.till for entry in journal.held()):
                return Declined("busy")  # it would be in the sums of no day
            day = _day(journal, question)
            journal.write(
                NewEntry(
                    till=question.till,
                    txn=question.txn,
                    kind="close",
                    asked=asked,
                    answer=day,
                    receipt="",
                    cashier="",
                    currency=question.currency,
                    amount=0,
                    points=0,
                    digest=b"",
                    boot=self._boot,
                    mono_ms=self._clock.mono_ms(),
                    wall_ms=self._now_ms(),
                    outage=0,
                )
            )
            return day

        return await self._payments.change(work)

    async def begin(self) -> None:
        """Before any till is heard: what was held when the agent ended is undone. Raises StoreBroken."""
        self._began = await self._payments.read(lambda sql: Journal(sql).last())
        await self.undo_held()

    async def tend(self) -> None:
        """Undoes what nobody confirms, and confirms what is owed, for ever after. Raises StoreBroken."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.undo_held()

    async def undo_held(self) -> None:
        """Undoes what no session can confirm any more; what cannot be undone now is tried again later."""
        for question in list(self._owed.values()):
            await self.confirm(question)
        held = await self._payments.read(lambda sql: Journal(sql).held())
        most_ms = self._clock.mono_ms() - HELD_MOST_MS
        for entry in held:
            is_live = entry.boot == self._boot and entry.mono_ms > most_ms and entry.entry > self._began
            if is_live or (entry.till, entry.txn) in self._owed:
                continue
            with contextlib.suppress(AnchorBroken):  # its till is told nothing: the next look knows
                said = await self._payments.undo(Undo(till=entry.till, txn=entry.txn, unless_final=True))
                log.warning("till %s never acknowledged payment %s: %s", entry.till, entry.txn, said)

    def _is_undone(self, entry: Entry) -> bool:
        """Whether it is, or will be as soon as the disk takes it."""
        return bool(entry.undone) or (bool(entry.held) and entry.entry <= self._began)

    def _told(self, journal: Journal, entry: Entry) -> TxnTold:
        parts = journal.parts(entry.entry) if entry.kind == "pay" else []
        same_boot = entry.boot == self._boot
        closing = journal.closing(entry.till)
        age_ms = self._clock.mono_ms() - entry.mono_ms if same_boot else self._now_ms() - entry.wall_ms
        return TxnTold(
            txn=entry.txn,
            kind=entry.kind,  # type: ignore[arg-type]  # the table's CHECK says so
            state="undone" if self._is_undone(entry) else "held" if entry.held else "done",
            currency=entry.currency,
            amount_minor=entry.amount,
            returned_minor=sum(part.returned_worth for part in parts),
            closed=closing is not None and entry.entry < closing.entry,
            receipt=entry.receipt,
            cashier=entry.cashier,
            wall_ms=entry.wall_ms,
            age_ms=max(0, age_ms),
            answer=entry.told(),
        )


def _day(journal: Journal, question: DayAsked) -> Day:
    """What is not closed yet, as the next closing."""
    last = journal.closing(question.till)
    before = last.told() if last is not None else None
    sums = journal.sums(question.till, last.entry if last is not None else 0, question.currency)
    (paid, paid_minor), (refunded, refunded_minor), (topped, topped_minor) = (
        sums.get(kind, _NOTHING) for kind in ("pay", "refund", "top")
    )
    return Day(
        number=before.number + 1 if isinstance(before, Day) else 1,
        since_ms=last.wall_ms if last is not None else 0,
        currency=question.currency,
        paid=paid,
        paid_minor=paid_minor,
        refunded=refunded,
        refunded_minor=refunded_minor,
        topped=topped,
        topped_minor=topped_minor,
    )
