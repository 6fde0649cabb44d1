"""What is asked about money, and what is answered, as JSON says it. Amounts are minor units or points."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from central_server.ledger.cards.buyers import TEXT_MAX, Buyer
from central_server.ledger.desk.doors import CENTRE, Amount, Body, StoreId, Why, Word
from sync.contract.money import MINOR_MAX

Tender = Literal["cash", "card", "mobile", "transfer"]
Text = Annotated[str, Field(max_length=TEXT_MAX)]
TransferId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="of a payment, 32 hex digits")]


class BuyerIn(BaseModel):
    """Who bought, or is paid; kept closed as long as the law wants it."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["person", "unit"] = "person"
    name: Text = ""
    paper: Text = ""
    number: Text = ""
    phone: Text = ""
    account: Text = ""

    def buyer(self) -> Buyer:
        return Buyer(**self.model_dump())


class Meant(Body):
    """Which purse: by its id, or by a card and the unit."""

    purse: str = Field(default="", max_length=32, description="the purse's id; or")
    card: str = Field(default="", max_length=80, description="a card's number or id, and")
    unit: str = Field(default="", max_length=3, description="the unit; empty: value before points")


class Sale(BaseModel):
    """Where and with what it happened."""

    store: StoreId = CENTRE
    till: Word = ""
    receipt: Word = ""


class LoadIn(Sale, Meant):
    amount: Amount
    tender: Tender
    buyer: BuyerIn | None = None
    why: Why = ""


class SpendIn(Sale, Meant):
    amount: Amount
    pin: str = Field(default="", max_length=12)
    partial: bool = Field(
        default=False, description="take what there is when it is less; the rest is paid otherwise"
    )


class HoldIn(Sale, Meant):
    amount: Amount
    pin: str = Field(default="", max_length=12)
    for_s: int = Field(
        default=900, ge=1, le=31 * 86_400, description="seconds until it is given back by itself"
    )


class CaptureIn(Sale, Body):
    amount: Amount


class RefundIn(Sale, Body):
    purse: str = Field(max_length=32)
    of: TransferId
    amount: Amount
    why: Why = ""


class CashOutIn(Sale, Meant):
    amount: Amount
    tender: Literal["cash", "transfer"]
    payee: BuyerIn
    why: Why = ""


class CorrectIn(Body):
    purse: str = Field(max_length=32)
    amount: int = Field(strict=True, ge=-MINOR_MAX, le=MINOR_MAX, description="more; below zero: less")
    kind: Literal["", "paid", "bonus", "earned", "coupon"] = ""
    why: Why


class MoveIn(Body):
    purse: str = Field(max_length=32)
    to: str = Field(max_length=32)
    amount: Amount
    why: Why = ""


class LoadedOut(BaseModel):
    purse: str
    unit: str
    paid: int
    bonus: int
    balance: int = Field(description="what is in the purse now, what stores hold of it included")


class PaidOut(BaseModel):
    transfer: str = Field(description="names the payment when some of it is given back")
    purse: str
    unit: str
    amount: int
    balance: int


class HeldOut(BaseModel):
    hold: str
    purse: str
    unit: str
    amount: int
    expires_ms: int


class VoidedOut(BaseModel):
    hold: str
    state: str


class CashedOut(BaseModel):
    purse: str
    unit: str
    paid_out: int
    fee: int
    balance: int


class MovedOut(BaseModel):
    balance: int
    other_balance: int
