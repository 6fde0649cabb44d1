"""Balances as JSON: purses, their lots, what changed them; and the one question that a kiosk may ask.

Whoever guesses card numbers learns nothing (threat T7): every wrong number, wrong PIN, missing PIN and dead
card has the same answer in the same time, tries are counted by asker and address, and the pause doubles.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import CentreError, Invalid, NotFound, TooMany
from central_server.ledger.desk import purse_views
from central_server.ledger.desk.doors import Asker, Out, ValueReader, lease_settings_of
from central_server.ledger.desk.paying import PIN_TRIES, Means, pin_is_right, purse_meant
from central_server.ledger.desk.purse_views import TRANSFERS_MAX, PurseView
from central_server.ledger.purses import lots
from central_server.ledger.purses.purses import holder_of, purses_of_member
from central_server.staff import service as staff
from central_server.web.deps import ReadDb, database_of, keys_of, now_ms
from central_server.web.text import N_

router = APIRouter(tags=["purses"])
PurseId = Annotated[str, Path(pattern=r"^P[A-Z2-7]{16}$", description="P and sixteen letters or digits")]
ASKER_TRIES: Final = 20  # wrong questions of one asker before the pauses begin
ADDRESS_TRIES: Final = 20


class PurseOut(Out):
    """A purse. `balance` is available + held + in_stores; amounts in minor units of `unit`, or points."""

    id: str
    holder: str = Field(description="member:… or card:…")
    programme: str
    kind: str
    unit: str
    stopped: bool
    balance: int
    available: int
    held: int
    in_stores: int
    owed: int


class LotOut(Out):
    """What came in at once."""

    id: int
    kind: str
    amount: int
    left: int
    pending: int
    expired: int
    from_ms: int
    expires_ms: int | None
    made_ms: int
    about: str


class ChangeOut(Out):
    """A transfer as it changed the purse."""

    at_ms: int
    kind: str
    about: str
    amount: int
    other: str
    transfer: str


class QuestionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    card: str = Field(min_length=4, max_length=80)
    pin: str = Field(min_length=4, max_length=12)


class BalanceOut(BaseModel):
    programme: str
    unit: str
    balance: int


@router.get("/purses")
async def list_purses(
    _viewer: ValueReader,
    db: ReadDb,
    member: Annotated[str, Query(max_length=32)] = "",
    card: Annotated[str, Query(max_length=32, description="a card's id")] = "",
) -> list[PurseOut]:
    """The purses of a member with those of their cards, or of one card."""
    if bool(member) == bool(card):
        raise Invalid({"member": N_("give a member or a card")})
    if member:
        found = await purse_views.views(db, await purses_of_member(db, member))
    else:
        found = await purse_views.views_of(db, [holder_of(card=card)])
    return [purse_out(each) for each in found]


@router.get("/purses/{purse}")
async def get_purse(_viewer: ValueReader, db: ReadDb, purse: PurseId) -> PurseOut:
    """One purse."""
    return purse_out(await purse_views.view_of(db, purse))


@router.get("/purses/{purse}/lots")
async def get_lots(_viewer: ValueReader, db: ReadDb, purse: PurseId) -> list[LotOut]:
    """Its lots, those to be spent first in front."""
    await purse_views.view_of(db, purse)
    return [LotOut.model_validate(each) for each in await lots.lots_of(db, purse)]


@router.get("/purses/{purse}/changes")
async def get_changes(
    _viewer: ValueReader,
    db: ReadDb,
    purse: PurseId,
    limit: Annotated[int, Query(ge=1, le=TRANSFERS_MAX)] = 50,
) -> list[ChangeOut]:
    """What changed it, the newest first; a statement as evidence has all of them."""
    view = await purse_views.view_of(db, purse)
    return [ChangeOut.model_validate(each) for each in await purse_views.changes_of(db, view, limit=limit)]


@router.post("/balance")
async def ask_balance(request: Request, viewer: Asker, question: QuestionIn) -> list[BalanceOut]:
    """What is on a card, for whoever has its number and PIN: kiosk, telephone, web. 404 tells no more."""
    database, keys, at_ms = database_of(request), keys_of(request), now_ms(request)
    address = request.client.host if request.client else "unknown"
    asker = f"balance:user:{viewer.user_id}"
    number = keys.blind("balance", question.card).hex()  # also of a number that no card has: it waits alike
    tries = {
        asker: ASKER_TRIES,
        f"balance:ip:{address}": ADDRESS_TRIES,
        f"balance:card:{number}": PIN_TRIES,
    }

    async def counted(session: AsyncSession) -> float:
        return await staff.attempt(session, tries, now_ms=at_ms)

    staff.slow_down(await database.run(counted))
    means: Means | None = None
    async with database.reading() as session:
        try:
            means = await purse_meant(session, purse="", card=question.card, unit="", keys=keys, now_ms=at_ms)
        except CentreError:
            means = None
    try:
        wrong_max = lease_settings_of(request).pin_wrong_max
        right = await pin_is_right(
            database, means, question.pin, keys=keys, now_ms=at_ms, wrong_max=wrong_max
        )
    except (
        TooMany
    ):  # somebody has guessed this card's PIN elsewhere; who asks here shall not learn that it is one
        right = False
    if not right or means is None:
        raise NotFound(N_("there is no such card, or this is not its PIN"))

    async def forgiven(session: AsyncSession) -> None:
        for key in tries:
            await staff.forgive(session, key, now_ms=at_ms)

    await database.run(forgiven)
    async with database.reading() as session:
        holders = [holder_of(card=means.card)]
        found = await purse_views.views_of(session, holders)
        if means.member:
            known = {each.id for each in found}
            mine = await purse_views.views(session, await purses_of_member(session, means.member))
            found += [each for each in mine if each.id not in known]
    return [BalanceOut(programme=each.programme, unit=each.unit, balance=each.total) for each in found]


def purse_out(view: PurseView) -> PurseOut:
    """A purse as JSON says it."""
    return PurseOut(
        id=view.id,
        holder=view.holder,
        programme=view.programme,
        kind=view.kind,
        unit=view.unit,
        stopped=view.stopped,
        balance=view.total,
        available=view.available,
        held=view.held,
        in_stores=view.escrow,
        owed=view.owed,
    )
