"""The money at the tills of a store: the only place with its rules, asked by pages and by any driver.

    Pay, Refund, TopUp, Undo ──► one transaction of leases, journal and records, the anchor ──► the answer

The answer is given when the disk, and then the anchor, has it. The same question of the same till under the
same number (`txn`) has the answer of the first time. Card numbers come as tokens; a PIN is never kept.
An AnchorBroken out of here means that nobody knows whether the till was answered: ask again, or `Undo`.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar, get_args

import msgspec

from edge_agent import paying
from edge_agent.errors import Fenced, LeaseRefused, OutboxFull
from edge_agent.leasing import Leasing
from edge_agent.paying import UNDOING, Caps, Counter, PurseKnown, Share
from edge_agent.pins import Pins
from edge_agent.store.journal import Entry, Journal, PaymentShown
from edge_agent.store.leases import Leases
from edge_agent.store.lines import Sql, Work
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica, token_digest
from edge_agent.store.vault import Vault
from sync.contract.clock import Clock
from sync.contract.events import NAME_MAX, CardRefused
from sync.contract.leases import LEASE_RANDOM_BYTES, POINTS, lease_id
from sync.contract.money import MINOR_MAX
from sync.contract.questions import (
    TXN_MAX,
    Balance,
    Declined,
    NobodyKnown,
    Paid,
    Pay,
    PurseNow,
    PurseShown,
    Reason,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)
from sync.contract.told import ProgrammeTold

BLOCKED = "blocked"  # flag of a member
B = TypeVar("B", Paid, ToppedUp)
C = TypeVar("C")
_REASONS = frozenset(get_args(Reason))
_encoder = msgspec.json.Encoder()


class Who(NamedTuple):
    """Whose money it is, as far as this store knows."""

    card: str  # token; may be empty
    member: str  # may be empty
    name: str  # masked
    purses: tuple[PurseKnown, ...]


class Payments:
    """One per store."""

    def __init__(
        self,
        *,
        vault: Vault,
        leasing: Leasing,
        pins: Pins,
        replica: Replica,
        outbox: Outbox,
        clock: Clock,
        now_ms: Callable[[], int],
        boot: str,
        store_key: bytes,
        random_bytes: Callable[[int], bytes],
        online: Callable[[], bool],
        caps: Caps | None = None,
    ) -> None:
        """`now_ms` is the wall time as the store knows it; `online`: head office answers."""
        self._vault, self._leasing, self._pins = vault, leasing, pins
        self._replica, self._outbox, self._clock, self._now_ms = replica, outbox, clock, now_ms
        self._boot, self._key, self._random_bytes, self._online = boot, store_key, random_bytes, online
        self.caps = caps or Caps()

    # ── questions ───────────────────────────────────────────────────────────────────────────────────────

    async def pay(self, question: Pay) -> Paid | Declined:
        """Takes from the card's leases; when they are short, asks for more and waits a moment."""
        if wrong := self._wrong(question):
            return Declined(wrong)
        asked = self._asked(msgspec.structs.replace(question, pin=""))
        who = await self._who(question.card, question.member)
        plan = [] if isinstance(who, Declined) else await self._plan(question, who)
        why: Reason = "empty"
        pin_right = False
        if isinstance(who, Declined) or not self._will_do(question, who, plan):
            # The way that most take is as short as it can be: the transaction itself finds what is repeated.
            if (said := await self._repeated(question, asked, Paid)) is not None:
                return said
            if isinstance(who, Declined):
                return who
            why = await self._ask_for(question, who, plan)
            who = await self._again(who)
            plan = await self._plan(question, who)
            if (limit := paying.pin_limit(plan, self._programmes)) is not None:
                if (wrong := await self._check_pin(question, who)) is not None:
                    return Declined(wrong, limit)
                pin_right = True
        at = self._counter(asked, who)._replace(pin_right=pin_right)
        return await self.change(lambda sql, leases: paying.pay(sql, leases, question, at, why))

    async def refund(self, question: Refund) -> Refunded | Declined:
        """Gives back to the purses that paid, never more than they did."""
        if wrong := self._wrong(question):
            return Declined(wrong)
        who = None
        if not question.of_txn and not question.of_receipt and (question.card or question.member):
            found = await self._who(question.card, question.member)
            if isinstance(found, Declined):
                return found
            who = found
        at = self._counter(self._asked(question), who)
        return await self.change(lambda sql, leases: paying.refund(sql, leases, question, at))

    async def top_up(self, question: TopUp) -> ToppedUp | Declined:
        """Puts what the customer gave onto the card, with the line up or down."""
        if wrong := self._wrong(question):
            return Declined(wrong)
        asked = self._asked(question)
        if (again := await self._repeated(question, asked, ToppedUp)) is not None:
            return again
        who = await self._who(question.card, question.member)
        if isinstance(who, Declined):
            return who
        if not who.purses and who.card:
            said = await self._leasing.want(who.card, {}, partial(self._is_told, who.card))
            who = await self._again(who)
            if not who.purses:
                return Declined(_reason(said, "unknown"))
        purse = self._purse_for(question, who)
        if isinstance(purse, Declined):
            return purse
        at = self._counter(asked, who)
        return await self.change(lambda sql, leases: paying.top_up(sql, leases, question, at, purse))

    async def undo(self, question: Undo) -> Undone | Declined:
        """Takes a payment back that the till did not act on; one that comes later is refused.

        A top-up or a return is not taken back so: ask it again under its number, and act on the answer.
        """
        if wrong := self._wrong(question):
            return Declined(wrong)
        at = self._counter(self._asked(question), None)
        return await self.change(lambda sql, leases: paying.undo(sql, leases, question, at))

    async def balance(self, card: str = "", member: str = "") -> Balance | Declined:
        """What is on the card of that token, or on the purses of that member."""
        who = await self._who(card, member)
        if isinstance(who, Declined):
            return who
        digest, stand = self._digest(who.card), self._vault.stand()
        names = [each.purse for each in who.purses]

        def work(sql: Sql) -> list[PurseNow]:
            journal = Journal(sql)
            ready: dict[tuple[str, str, str], int] = {}
            for lease in Leases(sql, stand).usable(digest=digest, purses=names):
                key = (lease.purse, lease.unit, lease.programme)
                ready[key] = ready.get(key, 0) + lease.left
            told = {
                (each.purse, each.unit, each.programme): each.balance + journal.since(each.purse, each.since)
                for each in who.purses
            }
            return [
                PurseNow(
                    purse=key[0],
                    unit=key[1],
                    programme=key[2],
                    balance=told.get(key),
                    ready=ready.get(key, 0),
                )
                for key in dict.fromkeys([*told, *ready])
            ]

        purses = tuple(self._named(each) for each in await self._vault.ask(work))
        if not purses and not who.member:
            return Declined("unknown")
        limits = [
            told.pin_above
            for each in purses
            if (told := self._programmes.get(each.programme)) and told.pin_above is not None
        ]
        return Balance(
            purses=purses,
            name=who.name,
            pin_above_minor=min(limits, default=None),
            pin=self._pins.state(who.card),
        )

    async def payments_of(self, receipt: str) -> tuple[PaymentShown, ...]:
        """What cards paid of a receipt in this store, for the page that gives back."""
        return await self._vault.ask(lambda sql: Journal(sql).shown(receipt))

    async def read(self, work: Work[C]) -> C:
        """`work`, which only reads the money of this store. Raises sqlite3.Error."""
        return await self._vault.ask(work)

    # ── before the transaction ──────────────────────────────────────────────────────────────────────────

    def _wrong(self, question: Pay | Refund | TopUp | Undo) -> Reason | None:
        """Why the question cannot be one, or cannot be answered now."""
        words = [getattr(question, name, "") for name in ("till", "receipt", "cashier", "tender", "currency")]
        amount = 1 if isinstance(question, Undo) else question.amount_minor
        if (
            not question.till
            or not 0 < len(question.txn) <= TXN_MAX
            or question.txn.startswith(UNDOING)
            or any(len(word) > NAME_MAX for word in words)
            or not 0 < amount <= MINOR_MAX
        ):
            return "wrong"
        return "fenced" if self._vault.fenced else None

    async def _repeated(self, question: Pay | TopUp, asked: bytes, kind: type[B]) -> B | Declined | None:
        """The answer of the first time, when the till has used its number before."""
        if not await self._vault.ask(lambda sql: Journal(sql).find(question.till, question.txn) is not None):
            return None
        return await self.change(lambda sql, leases: paying.repeated(_known(sql, question), asked, kind))

    async def _who(self, card: str, member: str) -> Who | Declined:
        """Whose card it is; one that nobody knows here may still have leases, or head office may know it."""
        if not card and not member:
            return Declined("no_card")
        # Whose the card is says the replica, not who asks.
        known, told_at = await (self._replica.find(card) if card else self._replica.member(member))
        if isinstance(known, NobodyKnown) and known.reason != "unknown":
            return Declined(known.reason)
        told = self._leasing.told_of(card) if card else None
        name, purses, since = told or ("", (), 0)
        if isinstance(known, NobodyKnown):
            return Who(card, "", name, known_purses(purses, since)) if card else Declined("unknown")
        if BLOCKED in known.flags:
            return Declined("blocked")
        mine = known_purses(known.purses, told_at)
        names = {each.purse for each in mine}
        others = known_purses([each for each in purses if each.purse not in names], since)
        return Who(card, known.member, known.name, mine + others)

    async def _again(self, who: Who) -> Who:
        """The same, after head office has perhaps said more."""
        found = await self._who(who.card, who.member)
        return who if isinstance(found, Declined) else found

    async def _is_told(self, card: str) -> bool:
        return self._leasing.told_of(card) is not None

    async def _plan(self, question: Pay, who: Who) -> list[Share]:
        digest, stand = self._digest(who.card), self._vault.stand()
        purses = [each.purse for each in who.purses]
        found = await self._vault.ask(lambda sql: Leases(sql, stand).usable(digest=digest, purses=purses))
        return paying.shared(
            found, question.amount_minor, question.currency, self._programmes, points=question.points
        )

    def _will_do(self, question: Pay, who: Who, plan: Sequence[Share], *, knows_pin: bool = False) -> bool:
        """Whether these shares pay all of it and ask for no PIN (with `knows_pin`: none that is unknown)."""
        return sum(share.worth for share in plan) == question.amount_minor and (
            paying.pin_limit(plan, self._programmes) is None
            or (knows_pin and self._pins.state(who.card) != "unknown")
        )

    async def _ask_for(self, question: Pay, who: Who, plan: Sequence[Share]) -> Reason:
        """Asks head office, unless all that is wanted is a PIN; what to say when there is nothing at all."""

        async def enough() -> bool:
            return self._will_do(question, who, await self._plan(question, who), knows_pin=True)

        if self._will_do(question, who, plan, knows_pin=True):
            return "empty"
        short = question.amount_minor - sum(share.worth for share in plan)
        wants = {question.currency: short} if short > 0 else {}
        if short > 0 and question.points:
            rates = [told.pay_per_unit for told in self._programmes.values() if told.pay_per_unit > 0]
            wants |= {POINTS: short // min(rates)} if rates else {}
        said = await self._leasing.want(who.card, wants, enough)
        units = {each.unit for each in who.purses}
        if units and question.currency not in units and not (question.points and POINTS in units):
            return "currency"
        return _reason(said, "empty")

    async def _check_pin(self, question: Pay, who: Who) -> Reason | None:
        """Why it is not the card's PIN."""
        was = self._pins.state(who.card)
        said = await self._pins.check(who.card, question.pin)
        if said == "pin_wrong" or (said == "pin_locked" and was != "locked"):
            with contextlib.suppress(OutboxFull):  # health says so
                await self._outbox.accept([CardRefused(till=question.till, reason="pin", card=who.card)])
        return None if said == "right" else said

    def _purse_for(self, question: TopUp, who: Who) -> PurseKnown | Declined:
        purses = [each for each in who.purses if question.purse in ("", each.purse)]
        fitting = [each for each in purses if each.unit == question.currency]
        if not fitting:
            return Declined("currency" if purses else "unknown")
        for each in fitting:
            told = self._programmes.get(each.programme)
            if told is not None and told.reload:
                return each
        return Declined("no_reload")

    # ── the transaction ─────────────────────────────────────────────────────────────────────────────────

    async def change(self, work: Callable[[Sql, Leases], C | Declined]) -> C | Declined:
        """`work` on disk and anchored, or why it cannot be done now. Raises AnchorBroken, StoreBroken."""
        if self._vault.broken:
            await self._vault.hold()
            if self._vault.broken:
                return Declined("trouble")
        try:
            return await self._vault.change(work)
        except Fenced:
            return Declined("fenced")
        except OutboxFull:
            return Declined("disk_full")
        except LeaseRefused:  # its time was over in that very moment, or a clock jumped
            return Declined("trouble")

    def _counter(self, asked: bytes, who: Who | None) -> Counter:
        return Counter(
            asked=asked,
            who=self._digest(f"member:{who.member}" if who.member else who.card) if who else b"",
            digest=self._digest(who.card) if who else b"",
            purses=[each.purse for each in who.purses] if who else [],
            programmes=self._programmes,
            online=self._online(),
            caps=self.caps,
            boot=self._boot,
            mono_ms=self._clock.mono_ms(),
            wall_ms=self._now_ms(),
            new_lease=lambda: lease_id(self._random_bytes(LEASE_RANDOM_BYTES)),
        )

    @property
    def _programmes(self) -> dict[str, ProgrammeTold]:
        return self._replica.programmes

    def _named(self, purse: PurseNow) -> PurseNow:
        told = self._programmes.get(purse.programme)
        if told is None:
            return purse
        return msgspec.structs.replace(
            purse,
            kind=told.kind,
            zh=told.zh,
            en=told.en,
            reload=told.reload,
            top_max=min(self.caps.top, told.top_max) if told.reload else 0,
            pays_minor=purse.ready * told.pay_per_unit if told.unit == POINTS else 0,
        )

    def _digest(self, token: str) -> bytes:
        return token_digest(self._key, token) if token else b""

    def _asked(self, question: Pay | Refund | TopUp | Undo) -> bytes:
        """The question in 16 bytes, of which no disk can tell the card."""
        return hmac.digest(self._key, b"asked " + _encoder.encode(question), "sha256")[:16]


def known_purses(purses: Iterable[PurseShown], since: int) -> tuple[PurseKnown, ...]:
    """Purses as they were told when `since` was the journal's last entry."""
    return tuple(PurseKnown(each.purse, each.unit, each.programme, each.balance, since) for each in purses)


def _known(sql: Sql, question: Pay | TopUp) -> Entry:
    found = Journal(sql).find(question.till, question.txn)
    assert found is not None  # it was there a moment ago, and nothing removes what is new
    return found


def _reason(said: str, otherwise: Reason) -> Reason:
    """What head office said, in a word that tills know."""
    if said in ("offline", "late"):
        return "offline"
    return said if said in _REASONS else otherwise  # type: ignore[return-value]
