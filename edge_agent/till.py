"""What a till may ask, answered from this store's own disk, with the line up or down.

Numbers are in clear only here and in memory; what is looked up, stored and sent is their token. The page is
shown an answer at once: it promises nothing, so it need not wait for the disk. What is recorded
(`CardPresented`, `MemberJoined`) is on disk when `present` and `join` return; so is money when `ask` does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable
from typing import Literal, Protocol, overload
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.errors import OutboxFull
from edge_agent.holders import Holders
from edge_agent.identity import Identity
from edge_agent.joining import Joining
from edge_agent.shown import Claimed, Deed, News, Shown, ShownCard, Swipe, birthday_near
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from edge_agent.waits import Waits
from sync.contract.clock import Clock
from sync.contract.errors import BadId
from sync.contract.events import CardPresented, CardRefused
from sync.contract.questions import (
    Answer,
    Balance,
    BalanceAsked,
    CardShown,
    Declined,
    MemberKnown,
    MoneyAnswer,
    MoneyQuestion,
    NobodyKnown,
    Paid,
    Pay,
    Question,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)
from sync.contract.terminal import CardThere
from sync.contract.tokens import card_token, phone_token
from sync.contract.told import ProgrammeTold

RECENT_KEPT = 20  # swipes of one till, for a page that is opened later
TILLS_MAX = 200  # named by settings and by whoever opens a page; beyond, the longest unused is forgotten
WATCH_MAX = 16  # swipes that a slow page may be behind; then it misses the oldest
CARD_STAYS_MS = 10 * 60 * 1000  # a card shown this long before a receipt still belongs to it


class Payments(Protocol):
    """The rules of money (`edge_agent/payments.py`), as much of them as a till asks for."""

    async def pay(self, question: Pay) -> Paid | Declined: ...

    async def refund(self, question: Refund) -> Refunded | Declined: ...

    async def top_up(self, question: TopUp) -> ToppedUp | Declined: ...

    async def undo(self, question: Undo) -> Undone | Declined: ...

    async def balance(self, card: str = "", member: str = "") -> Balance | Declined: ...


class Till:
    """All tills of a store. Without an identity (not enrolled yet) nobody is known and nobody can join."""

    def __init__(
        self,
        *,
        identity: Identity | None,
        replica: Replica | None,
        outbox: Outbox,
        clock: Clock,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        country: str = "86",
        zone: ZoneInfo | None = None,
        payment_card: Callable[[str], bool] = lambda number: False,
        payments: Payments | None = None,
        presented: Callable[[str, str], None] = lambda card, member: None,
    ) -> None:
        """`now_ms` is the wall time as the store knows it; `payment_card` tells a bank card's number.

        `zone` is the store's; None: the box's.

        `presented` hears the token and the member of every card shown, when the pages have it: money may now
        be set aside for it. Without `payments` every question about money is declined.
        """
        self._identity, self._replica, self._outbox = identity, replica, outbox
        self._clock, self._now_ms, self._random_bytes = clock, now_ms, random_bytes
        self._country, self._payment_card = country, payment_card
        self._payments, self._presented = payments, presented
        self.zone = zone
        self.waits = Waits(self._tell)
        self.holders = Holders()
        self._shown: dict[str, ShownCard] = {}
        self._taken: dict[str, tuple[str, ShownCard]] = {}  # by till: the last `txn` that named no card
        self._recent: dict[str, deque[Swipe]] = {}
        self._watchers: defaultdict[str, set[asyncio.Queue[Shown]]] = defaultdict(set)
        self._joining = Joining(
            identity=identity,
            replica=replica,
            outbox=outbox,
            random_bytes=random_bytes,
            country=country,
            payment_card=payment_card,
        )

    # ── questions ───────────────────────────────────────────────────────────────────────────────────────

    async def answer(self, question: Question) -> Answer:
        """Who that is, as far as this store has been told. Leaves no trace."""
        try:
            token = self._token(question)
        except BadId:
            return NobodyKnown()
        return await self._look_up(token)

    async def present(self, till: str, question: Question, *, device: str = "") -> Answer:
        """A card or number was given at `till`: shown on its pages, recorded, kept for the next receipt.

        A disk without room loses the record, not the answer: the page was shown before.
        """
        answer, event = await self.show(till, question, device=device)
        if event is not None:
            with contextlib.suppress(OutboxFull):  # health says so; a card shown is no money
                await self._outbox.accept([event])
        return answer

    async def show(
        self, till: str, question: Question, *, device: str = ""
    ) -> tuple[Answer, CardPresented | None]:
        """Like `present`, but leaves it to the caller to record the event (None: nothing to record)."""
        answer, event = await self._see(till, question, device)
        if event is not None:
            self.waits.show(till, self._there(till, event.card, event.member))
        return answer, event

    async def _see(self, till: str, question: Question, device: str) -> tuple[Answer, CardPresented | None]:
        technology = question.technology if isinstance(question, CardShown) else "phone"
        try:
            token = self._token(question)
        except BadId:
            token = ""
        answer = await self._look_up(token)
        self._publish(till, technology, answer, token)
        if not token:
            return answer, None
        member = answer.member if isinstance(answer, MemberKnown) else ""
        self._stands(till, ShownCard(token, member, self._clock.mono_ms()))
        return answer, CardPresented(
            device=device, till=till, card=token, technology=technology, member=member
        )

    async def refuse(
        self, till: str, reason: Literal["payment_card", "misread", "track_mismatch"], *, device: str = ""
    ) -> None:
        """A card that cannot be read or must not be: the page says so, and nothing of its number is kept."""
        self.show_refused(till, reason)
        with contextlib.suppress(OutboxFull):
            await self._outbox.accept([CardRefused(device=device, till=till, reason=reason)])

    def show_refused(self, till: str, reason: str) -> None:
        """Puts a refused card on the till's pages, without recording it."""
        self._keep(Swipe(till=till, wall_ms=self._now_ms(), refused=reason))

    def claim(self, till: str, receipt: str = "") -> ShownCard | None:
        """The card that the receipt now printed at `till` belongs to; it belongs to no other after that.

        Its pages hear of it: to pay once more, the card must be shown again.
        """
        shown = self.shown(till)
        self._shown.pop(till, None)
        recent = self._recent.get(till)
        if recent and shown is not None and recent[0].card == shown.card:
            recent[0] = msgspec.structs.replace(recent[0], aside="receipt", receipt=receipt)
        self._tell(till, Claimed(till, receipt, shown.card if shown else ""))
        return shown

    # ── money ───────────────────────────────────────────────────────────────────────────────────────────

    @overload
    async def ask(self, question: MoneyQuestion) -> MoneyAnswer: ...

    @overload
    async def ask(self, question: BalanceAsked) -> Balance | Declined: ...

    @overload
    async def ask(self, question: MoneyQuestion | BalanceAsked) -> MoneyAnswer | Balance: ...

    async def ask(self, question: MoneyQuestion | BalanceAsked) -> MoneyAnswer | Balance:
        """What a page or a driver is told about money; what it changes is on disk when this returns.

        A payment, top-up or balance that names nobody is about the card last shown at its till; asked again
        under its number, about the same card as the first time.
        """
        payments = self._payments
        if payments is None:
            return Declined("not_enrolled")
        if isinstance(question, Pay | TopUp | BalanceAsked) and not question.card and not question.member:
            shown = self._meant(question)
            if shown is not None:
                question = msgspec.structs.replace(question, card=shown.card, member=shown.member)
        answer: MoneyAnswer
        match question:
            case BalanceAsked():
                if not question.card and not question.member:
                    return Declined("no_card")
                return await payments.balance(question.card, question.member)
            case Pay():
                answer = await payments.pay(question)
                question = msgspec.structs.replace(question, pin="")
            case Refund():
                answer = await payments.refund(question)
            case TopUp():
                answer = await payments.top_up(question)
            case Undo():
                answer = await payments.undo(question)
        if isinstance(answer, Declined):
            if isinstance(question, Pay | TopUp):
                self._taken.pop(question.till, None)  # nothing was changed: another card may be tried
            return answer
        if isinstance(question, Undo):
            shown = self._shown.get(question.till)
            if shown is not None and shown.paid == question.txn:
                self._shown[question.till] = shown._replace(paid="")
        if isinstance(question, Pay | TopUp):
            self.holders.paid(question.till, question.txn, self._name(question.till, question.card))
        self._tell(question.till, Deed(question.till, question, answer))
        return answer

    async def balance(self, card: str = "", member: str = "") -> Balance | Declined:
        """What is on the card of that token, or on the purses of that member."""
        if self._payments is None:
            return Declined("not_enrolled")
        found = await self._payments.balance(card, member)
        if card and not member and isinstance(found, Balance) and found.purses:
            self.holders.bears(card, found.name)
        return found

    def programme(self, name: str) -> ProgrammeTold | None:
        """The rules of a card programme, with its names; None when this store was not told of it."""
        return self._replica.programmes.get(name) if self._replica else None

    def shown(self, till: str) -> ShownCard | None:
        """The card that a payment at `till` would be taken from; None when it was shown too long ago."""
        shown = self._shown.get(till)
        if shown is None or self._clock.mono_ms() - shown.mono_ms > CARD_STAYS_MS:
            return None
        return shown

    def there(self, till: str) -> CardThere | None:
        """The same, for a payment terminal; None too when one has done with it what it was shown for."""
        shown = self.shown(till)
        return None if shown is None or shown.paid else self._there(till, shown.card, shown.member)

    def spent(self, till: str, txn: str, card: str) -> None:
        """A payment terminal has moved that card's money; its receipt may still claim it.

        The next goods want a card that is shown, so the pages set it aside. `Undo` makes it pay again.
        """
        shown = self.shown(till)
        if card and shown is not None and shown.card == card:
            self._shown[till] = shown._replace(paid=txn)
            self._tell(till, News(till))

    async def named(self, till: str, card: CardShown, *, device: str = "") -> CardThere | None:
        """A card that the till's own software has read, as if it was shown there: for that `device` alone.

        None: it has no number, or is a bank card, which is refused as at a reader.
        """
        if self._payment_card(card.number):
            await self.refuse(till, "payment_card", device=device)
            return None
        _, event = await self._see(till, card, device)
        if event is None:
            return None
        with contextlib.suppress(OutboxFull):
            await self._outbox.accept([event])
        return self._there(till, event.card, event.member)  # whatever stands there by now

    def _there(self, till: str, card: str, member: str) -> CardThere:
        return CardThere(card=card, member=member, name=self._name(till, card))

    def _meant(self, question: Pay | TopUp | BalanceAsked) -> ShownCard | None:
        """Whose card a question is about that names none."""
        if isinstance(question, BalanceAsked):
            return self.shown(question.till)
        txn, taken = self._taken.get(question.till, ("", None))
        if taken is None or txn != question.txn:
            taken = self.shown(question.till)
            if taken is not None:
                self._taken[question.till] = question.txn, taken
        return taken

    def _name(self, till: str, card: str) -> str:
        """The name on a card that was shown there; empty when nobody is known by it."""
        names = (each.name for each in self._recent.get(till, ()) if each.card == card and each.known)
        return next(names, self.holders.bearer(card) or "")

    def news(self, card: str) -> None:
        """More is known of that card's money: the pages where it stands show it anew."""
        for till, recent in self._recent.items():
            if recent and recent[0].card == card:
                self._tell(till, News(till))

    # ── joining ─────────────────────────────────────────────────────────────────────────────────────────

    async def join(
        self, till: str, *, name: str, phone: str = "", card: str = "", consent: bool = False
    ) -> MemberKnown:
        """Somebody joins: sealed to the centre and on disk when this returns, and known here at once.

        Raises JoinRefused.
        """
        answer, token = await self._joining.join(till, name=name, phone=phone, card=card, consent=consent)
        self._publish(till, "keyboard", answer, token)
        self._stands(till, ShownCard(token, answer.member, self._clock.mono_ms()))
        self.waits.show(till, self._there(till, token, answer.member))
        return answer

    # ── pages ───────────────────────────────────────────────────────────────────────────────────────────

    def recent(self, till: str) -> list[Swipe]:
        """The last swipes of a till, newest first."""
        return list(self._recent.get(till, ()))

    def on_page(self, till: str) -> Swipe | None:
        """What stands on the till's pages now; a card that no payment would be taken from is set aside."""
        swipe = next(iter(self._recent.get(till, ())), None)
        if swipe is None or not swipe.card or swipe.aside:
            return swipe
        shown = self.shown(till)
        aside = "long_ago" if shown is None else "paid" if shown.paid else ""
        return msgspec.structs.replace(swipe, aside=aside)

    async def watch(self, till: str) -> AsyncGenerator[Shown, None]:
        """What a till's pages show, as it happens; one who is slow misses the oldest."""
        queue: asyncio.Queue[Shown] = asyncio.Queue(WATCH_MAX)
        self._watchers[till].add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers[till].discard(queue)
            if not self._watchers[till]:
                del self._watchers[till]

    def _stands(self, till: str, shown: ShownCard) -> None:
        self._shown[till] = shown
        self._presented(shown.card, shown.member)

    def _publish(self, till: str, technology: str, answer: Answer, card: str) -> None:
        now = self._now_ms()
        near = isinstance(answer, MemberKnown) and birthday_near(answer.birthday, now, self.zone)
        self._keep(Swipe(till, now, card, technology, answer, birthday_near=near))

    def _keep(self, swipe: Swipe) -> None:
        recent = self._recent.pop(swipe.till, None) or deque(maxlen=RECENT_KEPT)
        recent.appendleft(swipe)
        self._recent[swipe.till] = recent  # last in the dict: the one most recently used
        while len(self._recent) > TILLS_MAX:
            forgotten = next(iter(self._recent))
            del self._recent[forgotten]
            self._shown.pop(forgotten, None)
            self._taken.pop(forgotten, None)
        self._tell(swipe.till, swipe)

    def _tell(self, till: str, shown: Shown) -> None:
        for queue in self._watchers.get(till, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(shown)

    def _token(self, question: Question) -> str:
        """Raises BadId; empty when the store is not enrolled."""
        if self._identity is None:
            return ""
        key = self._identity.token_key
        if isinstance(question, CardShown):
            return card_token(key, question.number)
        return phone_token(key, question.phone, self._country)

    async def _look_up(self, token: str) -> Answer:
        if self._replica is None or not token:
            return NobodyKnown()
        return await self._replica.look_up(token)
