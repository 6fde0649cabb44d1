"""A shop whose cards pay: the edge's money on a real file, and a small head office that grants leases."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edge_agent.clocks import Calendar
from edge_agent.leasing import Habits, Leasing
from edge_agent.paying import Caps
from edge_agent.payments import Payments
from edge_agent.pins import Pins
from edge_agent.store.database import Database, open_database
from edge_agent.store.lines import Connect, connect_inline
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from edge_agent.store.vault import Vault
from sync.contract.events import Event, LeaseRecord
from sync.contract.ids import Lane
from sync.contract.leases import grant_seal, lease_id, lease_key
from sync.contract.message import Answered, Ask, Envelope, Words, decode_batch
from sync.contract.questions import PurseShown
from sync.contract.told import EVERYONE, LeaseTold, MemberTold, ProgrammeTold, Word

STORE, STORE_KEY = "hz-004", b"s" * 32
CARD, GIFT, PHONE = "c" * 32, "9" * 32, "f" * 32  # tokens
MEMBER = "M000000000001"
VALUE = ProgrammeTold(
    programme="value", kind="value", unit="CNY", zh="储值卡", en="Stored value", reload=True, top_max=50_000
)
POINTS = ProgrammeTold(programme="points", kind="points", unit="PTS", zh="积分", en="Points", pay_per_unit=5)
COUPON = ProgrammeTold(programme="coupon", kind="coupon", unit="CNY", zh="返券", en="Coupons")
WANG = MemberTold(
    member=MEMBER,
    name="王**",
    cards=(CARD,),
    phones=(PHONE,),
    purses=(
        PurseShown("P1", "CNY", "value", 30_000),
        PurseShown("P2", "PTS", "points", 400),
        PurseShown("P3", "CNY", "coupon", 2_000),
    ),
)


class MemoryAnchor:
    """The anchor's file in memory; `fails` is what its disk says."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.fails: OSError | None = None
        self.writes = 0

    def read(self) -> bytes | None:
        return self.content

    async def write(self, offset: int, data: bytes) -> None:
        if self.fails is not None:
            raise self.fails
        found = bytearray((self.content or b"").ljust(offset + len(data), b"\0"))
        found[offset : offset + len(data)] = data
        self.content = bytes(found)
        self.writes += 1


class Office:
    """Head office: what it grants to whom, and how it answers."""

    def __init__(self) -> None:
        self.numbers = {STORE: 0, EVERYONE: 0}
        self.grants: dict[
            str, list[tuple[str, str, str, int]]
        ] = {}  # by card: purse, unit, programme, amount
        self.refused = ""
        self.silent = False
        self.asks: list[Ask] = []
        self.told: list[LeaseTold] = []
        self.pin = ("", "")
        self.name = ""
        self.purses: tuple[PurseShown, ...] = ()

    def lease(
        self, ask: Ask, purse: str, unit: str, programme: str, amount: int, **changed: Any
    ) -> LeaseTold:
        name = lease_id(os.urandom(10))
        return sealed(
            LeaseTold(
                lease=name,
                epoch=ask.epoch,
                purse=purse,
                unit=unit,
                granted=amount,
                ttl_s=600,
                request=ask.request,
                seal="",
                card=ask.card,
                programme=programme,
                **changed,
            )
        )


def sealed(word: LeaseTold, *, recalled: bool | None = None) -> LeaseTold:
    """The word as the centre seals it for this store."""
    fields = {name: getattr(word, name) for name in word.__struct_fields__}
    if recalled is not None:
        fields["recalled"] = recalled
    fields["seal"] = grant_seal(
        lease_key(STORE_KEY),
        store=STORE,
        **{k: fields[k] for k in ("lease", "epoch", "purse", "unit", "granted", "recalled")},
    )
    return LeaseTold(**fields)


class Shop:
    """The edge's money and whoever stands around it."""

    db: Database
    outbox: Outbox
    replica: Replica
    vault: Vault
    leasing: Leasing
    pins: Pins
    payments: Payments

    def __init__(self, clock: Any, anchor: MemoryAnchor, office: Office) -> None:
        self.clock, self.anchor, self.office = clock, anchor, office
        self.online = True
        self.alarms: list[tuple[str, bool, str]] = []
        self.news: list[str] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def tell(self, *words: Word, feed: str = STORE) -> None:
        """Words come down the line."""
        after = self.office.numbers[feed]
        self.office.numbers[feed] += len(words)
        numbered: Any = [(after + n, word) for n, word in enumerate(words, start=1)]
        assert await self.replica.apply(Words(feed, after, numbered))

    async def grant(self, card: str, purse: str, unit: str, programme: str, amount: int) -> LeaseTold:
        """A lease, asked for by a card that is presented now."""
        self.office.grants[card] = [(purse, unit, programme, amount)]
        self.leasing.presented(card)
        await self.settle()
        self.office.grants.pop(card)
        return self.office.told[-1]

    async def settle(self) -> None:
        """What head office has been asked, it has answered."""
        while self._serving:
            await asyncio.gather(*self._serving)

    async def alarm(self, name: str, raised: bool, detail: str = "") -> None:
        if raised:
            self.alarms.append((name, raised, detail))

    async def records(self) -> list[LeaseRecord]:
        """All records there are, in their order."""
        return [each for each in await self.said() if isinstance(each, LeaseRecord)]

    async def said(self) -> list[Event]:
        events: list[Event] = []
        after = 0
        while ready := await self.outbox.oldest({Lane.TILL: after}):
            events += [e.event for e in decode_batch(ready.payload).events if isinstance(e, Envelope)]
            after = ready.last
        return events

    async def left(self) -> int:
        """What all leases on this disk still hold."""
        return int(
            await self.db.read(
                lambda sql: sql.execute(
                    "SELECT coalesce(sum(granted + topped + refunded - spent - released), 0) FROM lease"
                ).fetchone()[0]
            )
        )

    def wake(self) -> None:
        task = asyncio.ensure_future(self._serve())
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self) -> None:
        await asyncio.sleep(0)
        while ask := self.leasing.next_ask():
            self.office.asks.append(ask)
            if self.office.silent:
                continue
            granted = [] if self.office.refused else self.office.grants.get(ask.card, [])
            words = [self.office.lease(ask, *each) for each in granted]
            self.office.told += words
            await self.leasing.answered(
                Answered(
                    request=ask.request,
                    refused=self.office.refused or ("" if words else "empty"),
                    leases=tuple(word.lease for word in words),
                    name=self.office.name,
                    purses=self.office.purses,
                    pin_salt=self.office.pin[0],
                    pin_check=self.office.pin[1],
                )
            )
            if words:
                await self.tell(*words)


async def quick_hash(pin: str, salt: bytes) -> bytes:
    """In place of scrypt, which takes 30 ms."""
    return salt + pin.encode()


@asynccontextmanager
async def open_shop(
    path: Path,
    clock: Any,
    running: Callable[..., Any],
    *,
    anchor: MemoryAnchor | None = None,
    office: Office | None = None,
    boot: str = "0000beef",
    caps: Caps | None = None,
    habits: Habits | None = None,
    connect: Connect = connect_inline,
    hello: bool = True,
    told: bool = True,
    serve: Callable[[Shop], Awaitable[None]] | None = None,
) -> AsyncIterator[Shop]:
    """The shop on its file. `hello`: greeted by a centre that has all of it; `told`: it knows Wang."""
    shop = Shop(clock, anchor or MemoryAnchor(), office or Office())
    shop.db = db = await open_database(path, connect, os.urandom, 64)
    try:
        calendar = await Calendar.open(db, clock, boot, lambda: False)
        shop.outbox = outbox = await Outbox.open(db, clock, calendar)
        shop.replica = await Replica.open(db, STORE, STORE_KEY)
        shop.office.numbers[STORE] = max(shop.office.numbers[STORE], shop.replica.own)
        shop.vault = await Vault.open(
            db, outbox, shop.anchor, clock, boot=boot, store=STORE, store_key=STORE_KEY
        )
        if hello:
            await outbox.greeted({lane: outbox.last(lane) for lane in Lane})
        shop.pins = Pins(clock.mono_ms, quick_hash)
        shop.leasing = Leasing(
            vault=shop.vault,
            pins=shop.pins,
            clock=clock,
            store_key=STORE_KEY,
            random_bytes=os.urandom,
            online=lambda: shop.online,
            wake=shop.wake,
            alarm=shop.alarm,
            habits=habits or Habits(ask_wait_s=3.0),
            news=shop.news.append,
        )
        shop.replica.take_leases = shop.leasing.take
        shop.payments = Payments(
            vault=shop.vault,
            leasing=shop.leasing,
            pins=shop.pins,
            replica=shop.replica,
            outbox=outbox,
            clock=clock,
            now_ms=clock.wall_ms,
            boot=boot,
            store_key=STORE_KEY,
            random_bytes=os.urandom,
            online=lambda: shop.online,
            caps=caps,
        )
        async with running(outbox.run()):
            if told and shop.replica.own == 0:
                await shop.tell(VALUE, POINTS, COUPON, WANG)
            yield shop
            await shop.settle()
    finally:
        await db.close()
