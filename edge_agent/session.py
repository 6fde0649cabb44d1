"""One device's way into the store: what its decoder made out becomes answers on a page and events on disk.

The till page is shown a card before it is recorded: the answer promises nothing, and a cashier waits for a
screen, not for a disk. Everything one chunk of bytes brought is recorded in one `accept`, in its order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec

from drivers.base import Heard, Note, Told
from edge_agent.errors import AnchorBroken, EventTooLarge, OutboxFull, StoreBroken
from edge_agent.store.outbox import Outbox
from edge_agent.tally import Tally
from edge_agent.terminals import Terminals
from edge_agent.till import Till
from sync.contract.events import CameraState, CardRefused, DeviceState, Event, MemberJoined, SaleCompleted
from sync.contract.fitting import fitted
from sync.contract.questions import (
    Balance,
    BalanceAsked,
    CardShown,
    Declined,
    MoneyAnswer,
    MoneyQuestion,
    Paid,
    Pay,
    PhoneGiven,
    Refund,
    TopUp,
    Undo,
)
from sync.contract.terminal import CardAwaited, Confirm, NeverMind, PinAwaited, TerminalQuestion

log = logging.getLogger(__name__)
_Asked = TypeVar("_Asked", bound=MoneyQuestion | BalanceAsked | TerminalQuestion)

FULL_RETRY_S = 5.0  # a printed receipt waits here for room on the disk, and its device with it


class Session:
    """What one device says, from bytes understood to events on disk."""

    def __init__(
        self,
        *,
        device: str,
        till_name: str,
        till: Till,
        outbox: Outbox,
        tally: Tally,
        answer: Callable[[Told], None],
        terminals: Terminals | None = None,
        stir: Callable[[], None] = lambda: None,
        fail: Callable[[StoreBroken], None] = lambda error: None,
        currency: str = "CNY",
    ) -> None:
        """`answer` tells the decoder what the till says; `stir` has the pump look at it though nothing was
        heard; `fail` hears that the disk failed behind a wait; `currency` is of amounts that come without."""
        self._currency = currency
        self._terminals, self._stir, self._fail = terminals, stir, fail
        self._waiting: set[asyncio.Task[None]] = set()  # for cards and PINs
        self._held: set[tuple[str, str]] = set()  # payments that the device's master has not acknowledged
        self._device, self._till_name = device, till_name
        self._till, self._outbox, self._tally, self._answer = till, outbox, tally, answer

    async def hear(self, heard: list[Heard]) -> None:
        """Returns when all of it is on disk. Raises StoreBroken."""
        events: list[Event] = []
        for each in heard:
            what = each.what
            if isinstance(what, Note):
                if what.problem:
                    self._tally.problem(what.problem)
            elif isinstance(what, CardShown | PhoneGiven):
                answer, event = await self._till.show(self._till_name, what, device=self._device)
                self._answer(answer)
                if event is None:
                    self._tally.problem("not_recorded")
                else:
                    events.append(event)
            elif isinstance(what, Pay | TopUp | Refund | Undo | BalanceAsked):
                # A card shown in the same breath is recorded behind its payment: it promises nothing.
                self._answer(await self._money(self._here(what)))
            elif isinstance(what, CardAwaited | PinAwaited):
                self._begin(self._here(what))
            elif isinstance(what, TerminalQuestion):
                await self._terminal(self._here(what))
            else:
                events.append(fitted(self._ours(what)))
        if events:
            self._tally.heard(len(events))
            await self._record(events)

    async def end(self) -> None:
        """The device is gone: what its master has not acknowledged by now is undone. Raises StoreBroken."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        for till, txn in sorted(self._held):
            with contextlib.suppress(AnchorBroken):  # edge_agent/terminals.py tries again
                await self._till.ask(Undo(till=till, txn=txn, unless_final=True))
        self._held.clear()

    # ── money ───────────────────────────────────────────────────────────────────────────────────────────

    async def _money(self, asked: MoneyQuestion | BalanceAsked) -> MoneyAnswer | Balance:
        if isinstance(asked, Pay) and asked.held:
            # Before it is asked: whatever comes of it, and whoever stops waiting for it.
            self._held.add((asked.till, asked.txn))
        answer = await self._till.ask(asked)
        if isinstance(asked, Undo) or (isinstance(asked, Pay) and not isinstance(answer, Paid)):
            self._held.discard((asked.till, asked.txn))
        if isinstance(asked, Pay | TopUp | Refund) and not isinstance(answer, Declined):
            self._till.spent(asked.till, asked.txn, asked.card)
        return answer

    async def _terminal(self, asked: TerminalQuestion) -> None:
        if self._terminals is None:
            self._answer(Declined("not_enrolled"))
            return
        if isinstance(asked, NeverMind):
            await asyncio.sleep(0)  # a wait that has only just begun is there to be ended
        answer = await self._terminals.ask(asked)
        if isinstance(asked, Confirm):
            self._held.discard((asked.till, asked.txn))
        if answer is not None:
            self._answer(answer)

    def _begin(self, asked: CardAwaited | PinAwaited) -> None:
        """Waits for a card or PIN while the device may go on talking."""

        async def wait() -> None:
            try:
                await self._terminal(asked)
            except StoreBroken as error:
                self._fail(error)
            self._stir()

        task = asyncio.create_task(wait(), name=f"{self._device} waits")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def _here(self, asked: _Asked) -> _Asked:
        if isinstance(asked, CardAwaited | PinAwaited | NeverMind):
            asked = msgspec.structs.replace(asked, device=self._device)
        return asked if asked.till else msgspec.structs.replace(asked, till=self._till_name)

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────

    def _ours(self, event: Event) -> Event:
        """The event with this device's name, and a receipt with the card that was shown before it."""
        if isinstance(event, SaleCompleted):
            till = event.till or self._till_name
            shown = None if event.card else self._till.claim(self._till_name, event.receipt)
            card, member = (shown.card, shown.member) if shown else (event.card, event.member)
            return msgspec.structs.replace(
                event,
                device=self._device,
                till=till,
                card=card,
                member=member,
                currency=event.currency or self._currency,
            )
        if isinstance(event, DeviceState) and event.state in ("blocked", "clear"):
            self._tally.blocked = event.state == "blocked"
        if isinstance(event, CameraState):
            self._tally.blocked = event.state not in ("up", "clear", "late", "resting")
        if isinstance(event, CardRefused):
            self._till.show_refused(self._till_name, event.reason)
        if hasattr(event, "till") and not event.till:
            return msgspec.structs.replace(event, device=self._device, till=self._till_name)
        return msgspec.structs.replace(event, device=self._device)

    async def _record(self, events: list[Event]) -> None:
        while True:
            try:
                await self._outbox.accept(events)
            except OutboxFull:
                self._tally.problem("disk_full")
                # Only what is money waits: it was printed already. A card can be shown again.
                events = [each for each in events if isinstance(each, SaleCompleted | MemberJoined)]
                if not events:
                    return
                await asyncio.sleep(FULL_RETRY_S)
            except EventTooLarge:
                self._tally.problem("too_large")
                if len(events) > 1:
                    for each in events:
                        await self._record([each])
                    return
                sale = events[0]
                if not isinstance(sale, SaleCompleted) or not sale.lines:
                    return
                # What was taken and how it was paid is right without the last of a thousand lines.
                events = [msgspec.structs.replace(sale, lines=sale.lines[: len(sale.lines) // 2])]
            else:
                return
