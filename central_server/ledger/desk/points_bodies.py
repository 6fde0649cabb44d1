"""What is asked about points, catalogue and coupons, and what is answered, as JSON says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from central_server.ledger.desk.doors import CENTRE, Amount, Body, Out, StoreId, Why
from central_server.ledger.purses.catalogue import COUNT_MAX, STOCK_MAX
from central_server.ledger.purses.coupons import MEMBERS_MAX
from sync.contract.money import MINOR_MAX

MemberId = Annotated[str, Field(pattern=r"^M[0-9A-Z]{12}$")]
PurseRef = Annotated[str, Field(max_length=32)]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class EarnIn(Body):
    """Points given by hand: what buying earns comes by itself."""

    member: MemberId
    programme: str = Field(max_length=32)
    amount: Amount
    store: StoreId = CENTRE
    why: Why


class EarnedOut(BaseModel):
    purse: str
    earned: int
    balance: int


class BurnIn(Body):
    purse: PurseRef
    amount: Amount
    store: StoreId = CENTRE
    why: Why = ""


class AdjustIn(Body):
    purse: PurseRef
    amount: int = Field(strict=True, ge=-MINOR_MAX, le=MINOR_MAX, description="more; below zero: less")
    why: Why


class ExchangeIn(Body):
    purse: PurseRef
    to: PurseRef
    points: Amount


class ExchangedOut(BaseModel):
    value: int
    balance: int
    other_balance: int


class ItemIn(BaseModel):
    """Something that points can be had for."""

    programme: str = Field(max_length=32)
    zh: Name
    en: Name
    points: Amount
    stock: int = Field(ge=0, le=STOCK_MAX)
    each_max: int = Field(default=0, ge=0, le=COUNT_MAX, description="of one purse, ever; 0: no limit")
    stopped: bool = False

    model_config = {"extra": "forbid"}


class ItemOut(Out):
    id: str
    programme: str
    zh: str
    en: str
    points: int
    stock: int
    each_max: int
    stopped: bool


class RedeemIn(Body):
    purse: PurseRef
    item: Name
    count: int = Field(default=1, strict=True, ge=1, le=COUNT_MAX)


class RedeemedOut(BaseModel):
    redemption: str = Field(description="names it when it comes back")
    points: int
    balance: int
    stock: int


class RedemptionOut(Out):
    request: str
    item: str
    count: int
    points: int
    at_ms: int
    by: str
    taken_back_ms: int


class TakeBackIn(Body):
    redemption: str = Field(max_length=80)


class TakenBackOut(BaseModel):
    points: int
    balance: int


class CouponsIn(Body):
    programme: str = Field(max_length=32)
    members: list[MemberId] = Field(min_length=1, max_length=MEMBERS_MAX)
    amount: Amount
    expires_ms: int | None = Field(default=None, ge=0, le=2**53)
    why: Why = ""


class CouponsOut(BaseModel):
    coupons: int
    amount: int


class CouponOut(Out):
    lot: int
    state: str = Field(description="pending, open, used or expired")
    issued: int
    left: int
    used: int
    expired: int
    pending: int
    made_ms: int
    from_ms: int
    expires_ms: int | None
    about: str
