"""What pages send: one JSON object a request, of exactly these fields, each with its limit."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request

from sync.contract.errors import BadId
from sync.contract.money import parse_minor

T = TypeVar("T")

TILL_MAX = 32
AMOUNT_MAX_MINOR = 100_000_000  # more is a card number that was typed into the amount
AMOUNT_MAX_CHARS = 12

Till = Annotated[str, msgspec.Meta(min_length=1, max_length=TILL_MAX)]
Txn = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{8,48}\Z")]  # made by the page, once for each attempt
Receipt = Annotated[str, msgspec.Meta(max_length=48)]
Cashier = Annotated[str, msgspec.Meta(max_length=32)]
Amount = Annotated[str, msgspec.Meta(max_length=AMOUNT_MAX_CHARS)]  # "12.50", as somebody typed it
Pin = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4,12})?\Z")]
Shown = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What every question about money has."""

    till: Till
    txn: Txn
    amount: Amount
    receipt: Receipt = ""
    cashier: Cashier = ""


class CardAsked(Asked, forbid_unknown_fields=True, kw_only=True):
    """… about the card that the page shows: the one shown `at` that moment."""

    at: Shown


class PayAsked(CardAsked, forbid_unknown_fields=True, kw_only=True):
    """A payment from that card."""

    points: bool = False
    pin: Pin = ""

    def __repr__(self) -> str:
        return f"PayAsked({self.till!r}, {self.txn!r})"  # never the PIN


class TopAsked(CardAsked, forbid_unknown_fields=True, kw_only=True):
    """Cash onto that card."""

    purse: Annotated[str, msgspec.Meta(max_length=64)] = ""


class RefundAsked(Asked, forbid_unknown_fields=True, kw_only=True):
    """Back to the cards that paid `of_txn` at `of_till`."""

    of_txn: Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
    of_till: Till


class PinAsked(msgspec.Struct, forbid_unknown_fields=True):
    """What was typed for the wait of that number at the till; empty: nothing will come."""

    till: Till
    number: Annotated[int, msgspec.Meta(ge=1)]
    pin: Pin = ""

    def __repr__(self) -> str:
        return f"PinAsked({self.till!r})"  # never the PIN


class ToldAsked(msgspec.Struct, forbid_unknown_fields=True):
    """What came of an attempt whose answer the page never saw."""

    till: Till
    txn: Txn


class CloseAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The till's shift ends. `counted`: the cash in the drawer less the float, empty when nobody counted."""

    till: Till
    number: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    cashier: Cashier = ""
    counted: Amount = ""


async def body(request: Request, shape: type[T]) -> T | None:
    """The request's body as `shape`; None when it is anything else."""
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except msgspec.DecodeError:
        return None


def till_of(request: Request) -> str:
    """The till that a page is of: `?till=`, 1 when it says none."""
    return request.query_params.get("till", "1")[:TILL_MAX] or "1"


def amount_minor(typed: str, currency: str, *, least: int = 1) -> int | None:
    """Minor units of what somebody typed; None when it is no amount, or below `least`.

    It may be above `AMOUNT_MAX_MINOR`: whoever asks says so.
    """
    try:
        minor = parse_minor(typed.replace(",", ".").replace("。", "."), currency)
    except BadId:
        return None
    return minor if minor >= least else None
