"""One device's way into the store: what its decoder made out becomes answers on a page and events on disk.

The till page is shown a card before it is recorded: the answer promises nothing, and a cashier waits for a
screen, not for a disk. Everything one chunk of bytes brought is recorded in one `accept`, in its order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from drivers.base import Heard, Note, Told
from edge_agent.errors import EventTooLarge, OutboxFull
from edge_agent.store.outbox import Outbox
from edge_agent.tally import Tally
from edge_agent.till import Till
from sync.contract.events import CardRefused, DeviceState, Event, MemberJoined, SaleCompleted
from sync.contract.fitting import fitted
from sync.contract.questions import BalanceAsked, CardShown, Pay, PhoneGiven, Refund, TopUp, Undo

log = logging.getLogger(__name__)

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
        currency: str = "CNY",
    ) -> None:
        """`answer` tells the decoder what the till says; `currency` is that of amounts that come without."""
        self._currency = currency
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
                asked = what if what.till else msgspec.structs.replace(what, till=self._till_name)
                self._answer(await self._till.ask(asked))
            else:
                events.append(fitted(self._ours(what)))
        if events:
            self._tally.heard(len(events))
            await self._record(events)

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
