"""Points and coupons earned by buying, and taken back when goods come back. Fed by the inbox.

    earn       bonus(programme) → available        a lot; pending ones are posted when their time has come
    take back  available → bonus(programme)        the receipt's own lot first; what was spent already is owed

All sales of a call are one set of transfers. Each receipt earns once per programme, whatever comes twice.
What is owed is taken from what is earned next; no purse is ever below zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import Calendar, believed, calendar_of, day_of_number
from central_server.db import bulk_insert
from central_server.errors import NotFound
from central_server.facts import Fact
from central_server.keys import Keys
from central_server.ledger.books.accounts import AccountName, available
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards.programmes import Programme, programmes
from central_server.ledger.models.lots import Earning, Lot, Purse
from central_server.ledger.purses.counting import Counted, When, counted, read, without, written
from central_server.ledger.purses.legs import Leg, available_in, lock_purses, posted
from central_server.ledger.purses.lots import AT_ONCE, KIND_OF_PURSE, Add, Take, add_lots
from central_server.ledger.purses.purses import holder_of, open_purses, purse_id, tell_purses
from central_server.ledger.purses.tiers import raise_tiers, tiers_of, undo_raises
from central_server.membership import service as membership
from central_server.stores import service as stores
from sync.contract.events import SaleCompleted

DAY_MS = 24 * 3_600_000
TEXT_MAX = 64  # characters of a receipt's number
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ELSEWHERE = "Asia/Shanghai"  # the zone of a store that was never entered
Sales = Sequence[Fact[SaleCompleted]]


@dataclass
class _Run:
    """One call: what it was given, and what it finds out."""

    store: str
    keys: Keys
    now_ms: int
    calendar: Calendar
    members: Mapping[str, str]
    tiers: dict[str, str] = field(default_factory=dict)

    def member_of(self, event: SaleCompleted) -> str:
        return self.members.get(event.member) or self.members.get(event.card, "")

    def at_ms(self, fact: Fact[SaleCompleted]) -> int:
        return believed(fact.stamp, self.now_ms)[0]

    def when(self, at_ms: int) -> When:
        day = self.calendar.place(at_ms)[0]
        return When(day, _weekday(day))


async def earned(session: AsyncSession, store: str, facts: Sales, now_ms: int, *, keys: Keys) -> None:
    """Give members what their receipts earn, and take back what returned goods had earned.

    A sale is its member's by the card shown or the member the till knew. A return is that of the sale it
    names, whoever shows which card; one that names none takes from whoever's card is shown. One that names a
    sale which earned nothing takes nothing.
    """
    wanted = [
        fact
        for fact in facts
        if fact.event.total_minor and (fact.event.member or fact.event.card or fact.event.refers_to)
    ]
    if not wanted:
        return
    earning = [each for each in (await programmes(session)).values() if each.rules.earn]
    if not earning:
        return
    cards = [fact.event.card for fact in wanted if fact.event.card]
    ids = [fact.event.member for fact in wanted if fact.event.member]
    members = await membership.members_of(session, cards, ids) if cards or ids else {}
    run = _Run(store, keys, now_ms, await _calendar(session, store), members)
    for programme in earning:
        mine = [fact for fact in wanted if fact.event.currency == programme.rules.currency]
        known = await _known(session, programme.id, [fact.key for fact in mine])
        mine = [fact for fact in mine if fact.key not in known]
        sales = [fact for fact in mine if fact.event.total_minor > 0 and run.member_of(fact.event)]
        if programme.stopped:
            sales = []  # but what goods earned before goes back with them
        await _earn(session, run, programme, sales)
        for fact in mine:
            if fact.event.total_minor < 0:
                await _take_back(session, run, programme, fact)


async def _earn(session: AsyncSession, run: _Run, programme: Programme, sales: Sales) -> None:
    if not sales:
        return
    rules, now_ms = programme.rules, run.now_ms
    buyers = {fact.key: run.member_of(fact.event) for fact in sales}
    members = sorted(set(buyers.values()))
    tiers = await tiers_of(session, programme.id, members) if rules.tiers else {}
    purses = await _purses(session, programme, members, now_ms)
    rows, legs, adds = [], [], []
    for fact in sales:
        member, at_ms = buyers[fact.key], run.at_ms(fact)
        tier, purse = tiers.get(member, ""), purses[member]
        what = counted(rules, fact.event, tier=tier, when=run.when(at_ms))
        about, id_ = f"{run.store}/{_plain(fact.event.receipt)}", earn_id(fact.key, programme.id)
        rows.append(_row(run, programme, fact, member, purse.id, tier, what, at_ms))
        from_ms = at_ms + rules.pending_days * DAY_MS if rules.pending_days else 0
        from_ms = from_ms if from_ms > now_ms else 0
        amount = what.earned
        if not from_ms:
            paid_off = min(amount, purse.owed)
            purse.owed -= paid_off
            amount -= paid_off
        if not amount:
            continue
        expires_ms = rules.expiry.after(at_ms) if rules.expiry else None
        adds.append(Add(id_, purse.id, amount, KIND_OF_PURSE[rules.kind], expires_ms, about, from_ms))
        if not from_ms:
            source = AccountName("bonus", programme.id, purse.unit)
            legs.append(Leg(id_, source, available(purse.id, purse.unit), amount, "earn", about))
    await posted(session, legs, [], now_ms)
    await add_lots(session, adds, now_ms=now_ms)
    await bulk_insert(session, Earning, rows)
    last_ms = max(now_ms, *(run.at_ms(fact) for fact in sales))  # a store's clock may be ahead of ours
    await raise_tiers(session, programme, members, keys=run.keys, now_ms=last_ms)
    await tell_purses(session, {add.purse for add in adds if not add.from_ms}, at_ms=now_ms)


async def _take_back(
    session: AsyncSession, run: _Run, programme: Programme, fact: Fact[SaleCompleted]
) -> None:
    """Goods came back."""
    rules, at_ms = programme.rules, run.at_ms(fact)
    sale = await _original(session, run, programme.id, fact, at_ms)
    if sale is None and fact.event.refers_to:
        return
    if sale is not None:
        member, tier = sale.member, sale.tier
        before = read(sale.counted)
        after = without(before, rules, fact.event, tier=tier, when=run.when(sale.at_ms))
        amount = max(sale.amount - sale.returned - after.earned, 0)
        spend = before.spend - after.spend
        sale.counted, sale.returned = written(after), sale.returned + amount
        purse = await session.get_one(Purse, sale.purse, populate_existing=True)
    else:
        member = run.member_of(fact.event)
        if not member:
            return
        tier = (await tiers_of(session, programme.id, [member])).get(member, "") if rules.tiers else ""
        whole = counted(rules, fact.event, tier=tier, when=run.when(at_ms))
        amount, spend = whole.earned, whole.spend
        purse = (await _purses(session, programme, [member], run.now_ms))[member]
    row = _row(
        run,
        programme,
        fact,
        member,
        purse.id,
        tier,
        Counted(()),
        at_ms,
        back=amount,
        spend_back=spend,
        refers_to=sale.sale if sale is not None else None,
    )
    await bulk_insert(session, Earning, [row])
    own = earn_id(sale.sale, programme.id) if sale is not None else b""
    await _take(session, programme, fact, purse, amount, own, run.now_ms)
    today = (await membership.members_of(session, [], [member])).get(member)
    if today and sale is not None:
        await undo_raises(session, programme, {today: sale.at_ms}, keys=run.keys, now_ms=run.now_ms)


async def _take(
    session: AsyncSession,
    programme: Programme,
    fact: Fact[SaleCompleted],
    purse: Purse,
    amount: int,
    own: bytes,
    now_ms: int,
) -> None:
    """Take `amount`: from the receipt's own lot, pending or not, then from the others; the rest is owed."""
    await lock_purses(session, purse.id)
    await session.refresh(purse)
    lot = await session.scalar(
        sa.select(Lot)
        .where(Lot.purse == purse.id, Lot.transfer == own)
        .execution_options(populate_existing=True)
    )
    if lot is not None:
        pending = min(lot.pending, amount)
        lot.pending -= pending
        amount -= pending
    free = await available_in(session, purse.id, purse.unit)
    mine, shop = available(purse.id, purse.unit), AccountName("bonus", programme.id, purse.unit)
    parts = [("own", min(amount, free, lot.left))] if lot is not None else []
    parts.append(("others", min(amount, free) - sum(part for _, part in parts)))
    legs, uses = [], []
    for which, part in parts:
        if part:
            id_ = posting_id("unearn", str(fact.key), programme.id, which)
            legs.append(Leg(id_, mine, shop, part, "unearn", f"{fact.id.store}/{_plain(fact.event.receipt)}"))
            only = lot.id if lot is not None and which == "own" else None
            uses.append(Take(id_, purse.id, part, "unearn", lot=only))
    purse.owed += amount - sum(part for _, part in parts)
    await session.flush()
    await posted(session, legs, uses, now_ms)


def earn_id(sale: int, programme: str) -> bytes:
    """The transfer by which that sale (a fact's key) earns in a programme."""
    return posting_id("earn", str(sale), programme)


def _row(
    run: _Run,
    programme: Programme,
    fact: Fact[SaleCompleted],
    member: str,
    purse: str,
    tier: str,
    what: Counted,
    at_ms: int,
    *,
    back: int = 0,
    spend_back: int = 0,
    refers_to: int | None = None,
) -> tuple[object, ...]:
    """What a receipt earned as a row, in the order of the table; a return gives `back`."""
    about = (fact.key, programme.id, run.store, _plain(fact.event.receipt), member, purse, at_ms, tier)
    amounts = (what.spend - spend_back, written(what), what.earned - back, 0, refers_to)
    return (*about, *amounts)


async def _original(
    session: AsyncSession, run: _Run, programme: str, fact: Fact[SaleCompleted], at_ms: int
) -> Earning | None:
    """The sale that a return names: the last of this store before it with that receipt number.

    Or of another store, if it is that of the member whose card is shown.
    """
    if not fact.event.refers_to:
        return None
    here, member = Earning.store == run.store, run.member_of(fact.event)
    found: Earning | None = await session.scalar(
        sa.select(Earning)
        .where(
            sa.or_(here, Earning.member == member) if member else here,
            Earning.receipt == _plain(fact.event.refers_to),
            Earning.programme == programme,
            Earning.at_ms <= at_ms,
            Earning.refers_to.is_(None),
            Earning.amount >= 0,
            Earning.sale != fact.key,
        )
        .order_by(here.desc(), Earning.at_ms.desc(), Earning.sale.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def _purses(
    session: AsyncSession, programme: Programme, members: Sequence[str], now_ms: int
) -> dict[str, Purse]:
    """The purse of each member in the programme, locked; made where they have none.

    Whoever was merged into them may have brought one: then that one counts.
    """
    families = await membership.families_of(session, members)
    owner = {holder_of(member=each): member for member, family in families.items() for each in family}
    has: dict[str, str] = {}
    for at in range(0, len(owner), AT_ONCE):
        some = sorted(owner)[at : at + AT_ONCE]
        rows = await session.execute(
            sa.select(Purse.holder, Purse.id)
            .where(Purse.holder.in_(some), Purse.programme == programme.id)
            .order_by(Purse.opened_ms.desc())
        )
        has |= {owner[holder]: id_ for holder, id_ in rows}
    fresh = [holder_of(member=member) for member in members if member not in has]
    await open_purses(session, [(holder, programme) for holder in fresh], at_ms=now_ms)
    wanted = {
        member: has.get(member) or purse_id(holder_of(member=member), programme.id) for member in members
    }
    ids = sorted(set(wanted.values()))
    found: dict[str, Purse] = {}
    for at in range(0, len(ids), AT_ONCE):
        purses = await session.scalars(
            sa.select(Purse)
            .where(Purse.id.in_(ids[at : at + AT_ONCE]))
            .order_by(Purse.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found |= {purse.id: purse for purse in purses}
    return {member: found[id_] for member, id_ in wanted.items()}


async def _known(session: AsyncSession, programme: str, keys: Sequence[int]) -> set[int]:
    known: set[int] = set()
    for at in range(0, len(keys), AT_ONCE):
        some = sa.select(Earning.sale).where(
            Earning.sale.in_(keys[at : at + AT_ONCE]), Earning.programme == programme
        )
        known |= set(await session.scalars(some))
    return known


async def _calendar(session: AsyncSession, store: str) -> Calendar:
    try:
        return calendar_of(await stores.timezone_of(session, store))
    except NotFound:
        return calendar_of(ELSEWHERE)


def _plain(text: str) -> str:
    """As the sale's own row has it: nothing that a database cannot take."""
    return _CONTROL.sub(" ", text[:TEXT_MAX])


def _weekday(day: int) -> int:
    at: date = day_of_number(day)
    return at.weekday()
