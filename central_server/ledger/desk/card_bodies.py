"""What is asked about cards, and what is answered, as JSON says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from central_server.ledger.cards.making import BATCH_MAX
from central_server.ledger.desk.doors import CENTRE, Body, Out, StoreId, Why, Word
from central_server.ledger.desk.value_bodies import BuyerIn, Tender
from sync.contract.money import MINOR_MAX

Batch = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[str, Field(min_length=4, max_length=80, description="a card's number or id")]
MemberRef = Annotated[
    str, Field(default="", pattern=r"^(M[0-9A-Z]{12})?$", description="a member; empty: the bearer's")
]


class CardOut(Out):
    """A card. Of its number the last four signs are kept."""

    id: str
    last4: str
    programme: str
    batch: str
    state: str
    member: str
    place: str
    made_ms: int
    activated_ms: int
    expires_ms: int | None
    changed_ms: int
    replaced_by: str


class CardsOut(BaseModel):
    items: list[CardOut]
    next: str | None = Field(description="give it as `after` for those that follow")


class MoveOut(Out):
    """What was done with a card, by whom, when and why."""

    move: str
    before: str
    after: str
    at_ms: int
    by: str
    why: str


class BatchIn(Body):
    batch: Batch
    programme: Word
    count: int = Field(strict=True, ge=1, le=BATCH_MAX)
    why: Why = ""


class MadeCardOut(Out):
    id: str
    number: str = Field(description="told this once; keep it out of every log")


class BatchMadeOut(BaseModel):
    batch: str
    programme: str
    cards: list[MadeCardOut]


class BatchOut(BaseModel):
    batch: str
    programme: str
    count: int
    made_ms: int
    by: str
    states: dict[str, int] = Field(description="how many of its cards are in which state")


class StockIn(Body):
    place: StoreId = CENTRE
    why: Why = ""


class StockedOut(BaseModel):
    cards: int


class SoldIn(Body):
    """Who buys, and how it is paid."""

    tender: Tender = "cash"
    store: StoreId = CENTRE
    buyer: BuyerIn | None = None
    why: Why = ""


class BatchSoldOut(BaseModel):
    cards: int
    paid: int


class IssueIn(Body):
    member: MemberRef = ""
    place: StoreId = CENTRE
    why: Why = ""


class ActivateIn(SoldIn):
    amount: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=MINOR_MAX,
        description="what is on it, 0: nothing; none: the face value, of which there must be one",
    )


class ActivatedOut(BaseModel):
    card: str
    purses: dict[str, str] = Field(description="by programme")
    balance: int


class ReasonIn(Body):
    why: Why


class ReplaceIn(Body):
    new: Number
    why: Why


class ReplacedOut(BaseModel):
    new: str
    purses: list[str]


class HandOverIn(Body):
    member: str = Field(pattern=r"^M[0-9A-Z]{12}$")
    why: Why


class MergeIn(Body):
    into: Number
    why: Why


class MergedOut(BaseModel):
    moved: dict[str, int]
    balance: dict[str, int]


class RefundCardIn(Body):
    tender: Literal["cash", "transfer"]
    payee: BuyerIn
    store: StoreId = CENTRE
    why: Why


class RefundedOut(BaseModel):
    paid_out: int
    fee: int
    bonus_gone: int


class RevivedOut(BaseModel):
    revived: int
    expires_ms: int | None


class PinIn(Body):
    pin: str = Field(min_length=4, max_length=12)


class UnlockPinIn(Body):
    pass


class PinSetOut(BaseModel):
    holder: str
