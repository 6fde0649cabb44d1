"""Lots: what a purse holds, by when and how it came in. Whoever posts says here whose lots it moved.

    await settle_lots(session, [Take(paid, purse, 300), GiveBack(refund, purse, 100, of=paid)], now_ms=…)

Taken are bonus before paid (unless the programme says otherwise), the nearest expiry first, then the oldest.
What a refund gives back goes into the lots it came from, the last taken first. Each transfer is settled
once, however often it is said. After every operation Σ left of a purse = available + held + in escrow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.errors import Conflict, NotFound
from central_server.ledger.cards.programmes import programmes
from central_server.ledger.models.lots import COUPON, EARNED, PAID, Lot, LotUse, Purse
from central_server.web.text import N_

AT_ONCE = 500  # purses or transfers in one IN (…)
GRACE_MS = 7 * 24 * 3_600_000  # what comes back to a lot that has expired meanwhile lives so long
USES_MAX = 200  # of a purse, looked at for a refund that names no payment
KIND_OF_PURSE = {"value": PAID, "points": EARNED, "coupon": COUPON}


# Made once: to make a statement anew takes as long as to ask it.
_PURSES: sa.BindParameter[Any] = sa.bindparam("purses", expanding=True)
_TRANSFERS: sa.BindParameter[Any] = sa.bindparam("transfers", expanding=True)
_LOCKED = (
    sa.select(Purse)
    .where(Purse.id.in_(_PURSES))
    .order_by(Purse.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)
_WITH_SOMETHING = (
    sa.select(Lot).where(Lot.purse.in_(_PURSES), Lot.left > 0).execution_options(populate_existing=True)
)
_USES = (
    sa.select(LotUse, Lot.kind, Lot.expires_ms)
    .join(Lot, Lot.id == LotUse.lot)
    .where(LotUse.transfer.in_(_TRANSFERS))
    .order_by(LotUse.place)
    .execution_options(populate_existing=True)
)
_ADDED = sa.select(Lot).where(Lot.transfer.in_(_TRANSFERS), Lot.pending == 0)


class Short(Conflict):
    """A purse holds less than was to be taken."""


@dataclass(frozen=True)
class Take:
    """`transfer` took `amount` from the purse: of lots of the kinds in `only`, or of that one `lot`."""

    transfer: bytes
    purse: str
    amount: int
    kind: str = "spend"
    only: tuple[str, ...] = ()
    lot: int | None = None


@dataclass(frozen=True)
class GiveBack:
    """`transfer` gave `amount` back that `of` had taken; None or unknown: the purse's last ones."""

    transfer: bytes
    purse: str
    amount: int
    of: bytes | None = None
    kind: str = "refund"


@dataclass(frozen=True)
class Add:
    """`transfer` brought `amount` into the purse: one new lot. With `from_ms` it is pending until then."""

    transfer: bytes
    purse: str
    amount: int
    kind: str  # paid, bonus, earned, coupon
    expires_ms: int | None = None
    about: str = ""
    from_ms: int = 0  # for `add_lots` only: the transfer is posted when the time has come


@dataclass(frozen=True)
class Move:
    """`transfer` moved `amount` to the purse `to`: its lots go over with their kinds, expiries and ages."""

    transfer: bytes
    purse: str
    to: str
    amount: int
    only: tuple[str, ...] = ()
    kind: str = "move"


Use = Take | GiveBack | Add | Move


class Part(NamedTuple):
    """So much of one lot."""

    lot: int
    kind: str
    amount: int
    expires_ms: int | None


async def settle_lots(session: AsyncSession, uses: Sequence[Use], *, now_ms: int) -> list[list[Part]]:
    """Do them in order; gives for each the parts of lots that it moved, also when it was known already.

    Call after posting, in the same transaction. Raises NotFound (no such purse) and Short.
    """
    if not uses:
        return []
    book = await _open(session, uses, now_ms)
    moved = []
    for use in uses:
        about = use.transfer, use.purse
        if about not in book.known:
            book.known[about] = await book.settle(use)
        moved.append(book.known[about])
    await session.flush()
    return moved


async def add_lots(session: AsyncSession, adds: Sequence[Add], *, now_ms: int) -> None:
    """Many new lots at once, each of a transfer of its own, just posted. Those known stay as they are."""
    columns = (
        "purse", "kind", "transfer", "place", "amount", "left", "pending", "expired", "from_ms", "expires_ms",
        "made_ms", "about",
    )  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for add in adds:
        there, pending = (0, add.amount) if add.from_ms else (add.amount, 0)
        times = add.from_ms, add.expires_ms, now_ms
        rows.append((add.purse, add.kind, add.transfer, 0, there, there, pending, 0, *times, add.about))
    await bulk_insert(session, Lot, rows, columns=columns, skip_known=True)


async def sums(session: AsyncSession, purses: Iterable[str], kinds: Sequence[str] = ()) -> dict[str, int]:
    """Σ left by purse: all that is in it, leases included; of some kinds of lot only."""
    wanted = sorted(set(purses))
    found = dict.fromkeys(wanted, 0)
    for at in range(0, len(wanted), AT_ONCE):
        select = sa.select(Lot.purse, sa.func.sum(Lot.left)).where(Lot.purse.in_(wanted[at : at + AT_ONCE]))
        if kinds:
            select = select.where(Lot.kind.in_(kinds))
        found |= {purse: int(left) for purse, left in await session.execute(select.group_by(Lot.purse))}
    return found


async def lots_of(session: AsyncSession, purse: str, *, limit: int = AT_ONCE) -> list[Lot]:
    """The lots of a purse that hold something, did and expired, or will; the nearest expiry in front."""
    return list(
        await session.scalars(
            sa.select(Lot)
            .where(Lot.purse == purse, sa.or_(Lot.left > 0, Lot.pending > 0, Lot.expired > 0))
            .order_by(Lot.expires_ms.is_(None), Lot.expires_ms, Lot.made_ms, Lot.id)
            .limit(limit)
        )
    )


def in_order(lots: Iterable[Lot], *, bonus_first: bool) -> list[Lot]:
    """The lots in the order in which they are taken."""

    def place(lot: Lot) -> tuple[bool, bool, int, int, int]:
        return (
            (lot.kind == PAID) == bonus_first,
            lot.expires_ms is None,
            lot.expires_ms or 0,
            lot.made_ms,
            lot.id,
        )

    return sorted(lots, key=place)


class _Book:
    """The lots of some purses, locked, and what has been done with them."""

    def __init__(self, session: AsyncSession, now_ms: int) -> None:
        self.session = session
        self.now_ms = now_ms
        self.purses: dict[str, Purse] = {}
        self.bonus_first: dict[str, bool] = {}
        self.lots: dict[str, list[Lot]] = defaultdict(list)
        self.uses: dict[bytes, list[LotUse]] = defaultdict(list)
        self.known: dict[tuple[bytes, str], list[Part]] = {}  # by transfer and purse

    async def settle(self, use: Use) -> list[Part]:
        purse = self._purse(use.purse)
        if isinstance(use, Add):
            return await self._add(
                use.transfer, purse, [Part(0, use.kind, use.amount, use.expires_ms)], use.about
            )
        if isinstance(use, GiveBack):
            return await self._give_back(use, purse)
        if isinstance(use, Take):
            return self._take(use, purse)
        to = self._purse(use.to)
        parts = self._take(Take(use.transfer, use.purse, use.amount, use.kind, use.only), purse)
        made = {lot.id: lot.made_ms for lot in self.lots[purse.id]}
        await self._add(use.transfer, to, parts, use.purse, made)
        return parts

    def _purse(self, id_: str) -> Purse:
        purse = self.purses.get(id_)
        if purse is None:
            raise NotFound(N_("there is no purse {purse}"), purse=id_)
        return purse

    async def _add(
        self,
        transfer: bytes,
        purse: Purse,
        parts: Sequence[Part],
        about: str,
        made: Mapping[int, int] | None = None,
    ) -> list[Part]:
        """One new lot for each part; `made`: when the lots were made that the parts come from."""
        lots = []
        for place, part in enumerate(parts):
            if part.amount:
                lot = Lot(purse=purse.id, kind=part.kind, transfer=transfer, place=place, amount=part.amount)
                lot.left, lot.pending, lot.expired, lot.from_ms = part.amount, 0, 0, 0
                lot.expires_ms, lot.made_ms, lot.about = (
                    part.expires_ms,
                    (made or {}).get(part.lot, self.now_ms),
                    about,
                )
                lots.append(lot)
        self.session.add_all(lots)
        await self.session.flush()  # gives them their numbers
        self.lots[purse.id] += lots
        return [Part(lot.id, lot.kind, lot.amount, lot.expires_ms) for lot in lots]

    def _take(self, use: Take, purse: Purse) -> list[Part]:
        lots = self.lots[purse.id]
        if use.lot is not None:
            lots = [lot for lot in lots if lot.id == use.lot]
        elif use.only:
            lots = [lot for lot in lots if lot.kind in use.only]
        parts, missing = [], use.amount
        for lot in in_order((lot for lot in lots if lot.left), bonus_first=self.bonus_first[purse.id]):
            if not missing:
                break
            amount = min(missing, lot.left)
            lot.left -= amount
            missing -= amount
            parts.append(Part(lot.id, lot.kind, amount, lot.expires_ms))
            self._write(use.transfer, lot, amount, use.kind)
        if missing:
            raise Short(N_("there is less of that in the purse"))
        return parts

    async def _give_back(self, use: GiveBack, purse: Purse) -> list[Part]:
        taken = [each for each in self.uses.get(use.of or b"", ()) if each.purse == purse.id]
        if not taken:
            taken = await self._last_uses(purse.id)
        back: dict[int, int] = {}
        missing = use.amount
        for each in reversed(taken):
            amount = min(missing, each.amount - each.returned)
            if amount > 0:
                each.returned += amount
                missing -= amount
                back[each.lot] = back.get(each.lot, 0) + amount
        parts = []
        for number, amount in back.items():
            lot = await self._lot(purse.id, number)
            lot.left += amount
            if lot.expires_ms is not None and lot.expires_ms < self.now_ms:
                lot.expires_ms = self.now_ms + GRACE_MS
            parts.append(Part(lot.id, lot.kind, amount, lot.expires_ms))
            self._write(use.transfer, lot, -amount, use.kind)
        if missing:  # nothing of this purse paid for it: it is the customer's own
            kind = KIND_OF_PURSE[purse.kind]
            parts += await self._add(use.transfer, purse, [Part(0, kind, missing, None)], "")
        return parts

    async def _last_uses(self, purse: str) -> list[LotUse]:
        """What the purse was spent on and not given back yet, oldest first."""
        await self.session.flush()
        found = await self.session.scalars(
            sa.select(LotUse)
            .where(LotUse.purse == purse, LotUse.kind == "spend", LotUse.amount > LotUse.returned)
            .order_by(LotUse.at_ms.desc(), LotUse.transfer, LotUse.place.desc())
            .limit(USES_MAX)
        )
        return list(found)[::-1]

    async def _lot(self, purse: str, number: int) -> Lot:
        for lot in self.lots[purse]:
            if lot.id == number:
                return lot
        found = await self.session.get_one(Lot, number, populate_existing=True)
        self.lots[purse].append(found)
        return found

    def _write(self, transfer: bytes, lot: Lot, amount: int, kind: str) -> None:
        use = LotUse(transfer=transfer, lot=lot.id, purse=lot.purse, amount=amount, kind=kind)
        use.place, use.returned, use.at_ms = len(self.uses[transfer]), 0, self.now_ms
        self.session.add(use)
        self.uses[transfer].append(use)


async def _open(session: AsyncSession, uses: Sequence[Use], now_ms: int) -> _Book:
    """Lock the purses, in the order of their ids so that two do not wait for each other, and read on."""
    await session.flush()
    book = _Book(session, now_ms)
    wanted = sorted({use.purse for use in uses} | {use.to for use in uses if isinstance(use, Move)})
    for at in range(0, len(wanted), AT_ONCE):
        some = wanted[at : at + AT_ONCE]
        book.purses |= {row.id: row for row in await session.scalars(_LOCKED, {"purses": some})}
        for lot in await session.scalars(_WITH_SOMETHING, {"purses": some}):
            book.lots[lot.purse].append(lot)
    rules = await programmes(session, {purse.programme for purse in book.purses.values()})
    for purse in book.purses.values():
        programme = rules.get(purse.programme)
        book.bonus_first[purse.id] = programme is None or programme.rules.bonus_first
    transfers = sorted(
        {use.transfer for use in uses} | {of for use in uses if (of := getattr(use, "of", None))}
    )
    for at in range(0, len(transfers), AT_ONCE):
        await _remember(session, book, transfers[at : at + AT_ONCE])
    return book


async def _remember(session: AsyncSession, book: _Book, transfers: Sequence[bytes]) -> None:
    """What some transfers have done already."""
    parts: dict[tuple[bytes, str], list[Part]] = defaultdict(list)
    for use, kind, expires_ms in await session.execute(_USES, {"transfers": transfers}):
        book.uses[use.transfer].append(use)
        parts[use.transfer, use.purse].append(Part(use.lot, kind, abs(use.amount), expires_ms))
    for lot in await session.scalars(_ADDED, {"transfers": transfers}):
        parts[lot.transfer, lot.purse].append(Part(lot.id, lot.kind, lot.amount, lot.expires_ms))
    book.known |= parts
