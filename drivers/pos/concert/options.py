"""How a terminal that speaks the Concert protocol behaves."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drivers.base import Options
from drivers.pos.conversations import Habits
from drivers.pos.currency_numbers import NumberedCurrency


class ConcertOptions(Options):
    """What the till finds, and how long everybody waits."""

    currency: NumberedCurrency = Field(
        default="CNY", description="Of all amounts (ISO 4217 letters); a till that says another is refused."
    )
    credit: Literal["refund", "top_up", "refuse"] = Field(
        default="refund",
        description="What type 1 (credit) is: give back what the card paid, or put cash onto it.",
    )
    card_wait_s: int = Field(
        default=60, ge=1, le=180, description="So long the customer may look for the card."
    )
    pin_wait_s: int = Field(
        default=20,
        ge=1,
        le=60,
        description="So long for the PIN, up to three times. Many tills wait 120 s for everything.",
    )
    call_ms: int = Field(
        default=10_000,
        ge=200,
        le=60_000,
        description="A till that does not take the answer within this time is called again, twice; then a"
        " payment is undone.",
    )

    def habits(self) -> Habits:
        return Habits(
            scheme="concert",
            currency=self.currency,
            card_wait_ms=self.card_wait_s * 1000,
            pin_wait_ms=self.pin_wait_s * 1000,
        )
