"""What is done with a purse at the centre besides paying: loaded, paid out, corrected, moved.

    load       cash(store) or bank(store) → available, bonus(programme) → available        paid lot, bonus lot
    cash out   available → refunded(store)                                  paid lots only: bonus never
    correct    adjusted(programme) or bonus(programme) ⇄ available        with the second person's approval
    move       available → available of another purse                       lots go over as they are

Each is done once per `request` (`operations`).
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Conflict, Invalid, Refused
from central_server.keys import Keys
from central_server.ledger.books.accounts import ADJUSTED, AccountName, available, taken_by
from central_server.ledger.books.posting import posting_id
from central_server.ledger.cards.buyers import Buyer, keep_buyer
from central_server.ledger.cards.law import law_of
from central_server.ledger.models.lots import BONUS, COUPON, EARNED, PAID
from central_server.ledger.purses.legs import (
    CENTRE,
    Leg,
    Place,
    check_known,
    check_room,
    lock_purses,
    locked,
    needs_second,
    positive,
    posted,
)
from central_server.ledger.purses.lots import Add, Move, Take, Use, sums
from central_server.ledger.purses.operations import Done, once
from central_server.web.text import N_
from sync.contract.money import MINOR_MAX


async def load(
    session: AsyncSession,
    *,
    request: str,
    purse: str,
    amount: int,
    tender: str,
    by: str,
    now_ms: int,
    keys: Keys,
    store: str = CENTRE,
    buyer: Buyer | None = None,
    approval: str = "",
    first: bool = False,
) -> Done:
    """Put money on a purse, with the bonus that the programme gives; ``{paid, bonus, balance}``.

    `approval` names the second person's, which a load above `load_max` needs; `first` is that of a new card.
    Raises Invalid, Conflict (not reloadable, over a limit, stopped), Refused (needs a second person).
    """

    async def work() -> Done:
        place = await locked(session, purse)
        rules = place.programme.rules
        needs_second(amount, rules.load_max, approval)
        await check_load(session, place, amount, tender=tender, buyer=buyer, first=first)
        bonus = rules.bonus_of(amount)
        if buyer is not None:
            await keep_buyer(
                session, request, buyer, amount, place.unit, tender, keys=keys, by=by, at_ms=now_ms
            )
        into = available(purse, place.unit)
        cash = AccountName(taken_by(tender), store, place.unit)
        legs = [Leg(posting_id("load", request), cash, into, amount, "load", request)]
        uses: list[Use] = [Add(legs[0].id, purse, amount, PAID, None, request)]
        if bonus:
            leg, add = bonus_leg(place, legs[0].id, bonus, now_ms)
            legs.append(leg)
            uses.append(add)
        await posted(session, legs, uses, now_ms)
        return {"paid": amount, "bonus": bonus, "balance": (await sums(session, [purse]))[purse]}

    body = {"purse": purse, "amount": positive(amount), "store": store, "tender": tender}
    return await once(session, request, "load", body, work, by=by, now_ms=now_ms)


async def check_load(
    session: AsyncSession,
    place: Place,
    amount: int,
    *,
    tender: str,
    buyer: Buyer | None = None,
    first: bool = False,
) -> None:
    """Whether rules and law let so much be loaded; a second person changes nothing about that.

    Raises Conflict (not reloadable, over a limit) and Invalid (a name or a transfer is needed).
    """
    rules = place.programme.rules
    if rules.kind != "value" or not (rules.reload or first):
        raise Conflict(N_("this purse cannot be loaded"))
    law_of(place.unit).check_purchase(
        amount,
        registered=place.registered,
        buyer=buyer.kind if buyer else "person",
        named=place.registered or (buyer is not None and buyer.is_named),
        tender=tender,
    )
    await check_room(session, place, amount, rules.bonus_of(amount))


async def cash_out(
    session: AsyncSession,
    *,
    request: str,
    purse: str,
    amount: int,
    tender: str,
    payee: Buyer,
    by: str,
    now_ms: int,
    keys: Keys,
    store: str = CENTRE,
    approval: str = "",
    approve_above: int = 0,
) -> Done:
    """Pay money back to whoever paid it in, less the programme's fee; ``{paid_out, fee, balance}``.

    Never of the bonus. `payee` is kept, as the law wants it, and more than ¥100 goes to a bank account
    of the same name. Raises Invalid, Conflict (not refundable, or less paid money than that), Refused.
    """

    async def work() -> Done:
        place = await locked(session, purse)
        await check_known(session)
        refunds, law = place.programme.rules.refunds, law_of(place.unit)
        if place.programme.rules.kind != "value" or not refunds.allowed:
            raise Conflict(N_("nothing is paid out of this purse"))
        if law.keep_years and not payee.is_named:
            raise Invalid({"payee": N_("whoever is paid needs a name and papers")})
        needs_second(amount, approve_above, approval)
        fee = min(refunds.fee, amount)
        law.check_pay_out(amount - fee, tender=tender)
        if tender == "cash" and refunds.cash_max is not None and amount - fee > refunds.cash_max:
            raise Invalid({"tender": N_("so much is not paid out in cash: it goes to the bank account")})
        await keep_buyer(session, request, payee, -amount, place.unit, tender, keys=keys, by=by, at_ms=now_ms)
        out, unit = available(purse, place.unit), place.unit
        kinds = [("payout", "refunded", amount - fee), ("fee", "captured", fee)]
        legs = [
            Leg(posting_id(kind, request), out, AccountName(to, store, unit), part, kind, request)
            for kind, to, part in kinds
            if part
        ]
        uses = [Take(leg.id, purse, leg.amount, leg.kind, (PAID,)) for leg in legs]
        await posted(session, legs, uses, now_ms)
        return {"paid_out": amount - fee, "fee": fee, "balance": (await sums(session, [purse]))[purse]}

    body = {"purse": purse, "amount": positive(amount), "store": store, "tender": tender}
    return await once(session, request, "cash_out", body, work, by=by, now_ms=now_ms)


async def correct(
    session: AsyncSession,
    *,
    request: str,
    purse: str,
    amount: int,
    approval: str,
    why: str,
    by: str,
    now_ms: int,
    kind: str = "",
) -> Done:
    """Put right what went wrong: `amount` more, or less when below zero; ``{balance}``.

    `kind` of lot: paid, bonus, earned or coupon; as the purse's own where not given. `approval` is the second
    person's. Raises Refused without one, Invalid without a reason, Conflict when so much is not there.
    """

    async def work() -> Done:
        place = await locked(session, purse)
        rules = place.programme.rules
        own = {"value": PAID, "points": EARNED, "coupon": COUPON}[rules.kind]
        lot = kind or own
        if lot not in ({PAID, BONUS} if rules.kind == "value" else {own}):
            raise Invalid({"kind": N_("a purse of this programme has no such lots")})
        other = (
            AccountName(ADJUSTED, place.programme.id, place.unit)
            if lot == PAID
            else AccountName("bonus", place.programme.id, place.unit)
        )
        mine, id_ = available(purse, place.unit), posting_id("correction", request)
        if amount > 0:
            expiry = rules.bonus_expiry if lot == BONUS else rules.expiry if lot != PAID else None
            until = expiry.after(now_ms) if expiry else None
            leg = Leg(id_, other, mine, amount, "correction", approval)
            await posted(session, [leg], [Add(id_, purse, amount, lot, until, why)], now_ms)
        else:
            leg = Leg(id_, mine, other, -amount, "correction", approval)
            await posted(session, [leg], [Take(id_, purse, -amount, "correction", (lot,))], now_ms)
        return {"balance": (await sums(session, [purse]))[purse]}

    if not approval:
        raise Refused(N_("this needs a second person"))
    if not why.strip() or not amount or abs(amount) > MINOR_MAX:
        raise Invalid({"why": N_("a correction needs a reason and an amount")})
    body = {"purse": purse, "amount": amount, "approval": approval, "why": why, "kind": kind}
    return await once(session, request, "correct", body, work, by=by, now_ms=now_ms)


async def move_value(
    session: AsyncSession, *, request: str, purse: str, to: str, amount: int, by: str, now_ms: int
) -> Done:
    """Move value to another purse of the same programme, its lots as they are; ``{balance, other_balance}``.

    Raises Conflict (another programme, a limit, less available than that).
    """

    async def work() -> Done:
        await move_between(
            session, posting_id("move", request), purse, to, amount, about=request, now_ms=now_ms
        )
        left = await sums(session, [purse, to])
        return {"balance": left[purse], "other_balance": left[to]}

    body = {"purse": purse, "to": to, "amount": positive(amount)}
    return await once(session, request, "move", body, work, by=by, now_ms=now_ms)


async def move_between(
    session: AsyncSession, id_: bytes, purse: str, to: str, amount: int, *, about: str, now_ms: int
) -> None:
    """`move_value` without its request: for a merge of cards. Raises as it does."""
    if purse == to:
        raise Conflict(N_("that is the same purse"))
    await lock_purses(session, purse, to)
    source, target = await locked(session, purse), await locked(session, to)
    await check_known(session)
    if source.programme.id != target.programme.id:
        raise Conflict(N_("value moves only within one programme"))
    parts = (await sums(session, [purse], (PAID,)))[purse]
    await check_room(session, target, min(parts, amount), max(amount - parts, 0))
    leg = Leg(id_, available(purse, source.unit), available(to, target.unit), amount, "move", about)
    await posted(session, [leg], [Move(id_, purse, to, amount)], now_ms)


def bonus_leg(place: Place, transfer: bytes, bonus: int, now_ms: int) -> tuple[Leg, Add]:
    """充值送: what a load or a top-up by that transfer gives besides, and its lot."""
    expiry = place.programme.rules.bonus_expiry
    leg = Leg(
        posting_id("bonus of", transfer.hex()),
        AccountName("bonus", place.programme.id, place.unit),
        available(place.id, place.unit),
        bonus,
        "bonus",
        transfer.hex(),
    )
    return leg, Add(leg.id, place.id, bonus, BONUS, expiry.after(now_ms) if expiry else None, leg.about)
