"""How a terminal that speaks Transbank's protocol behaves."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drivers.base import Options
from drivers.pos.conversations import Habits

OPERATION_MAX = 999_999  # an operation number has six digits


class TransbankOptions(Options):
    """What the till finds, and how long everybody waits."""

    currency: str = Field(
        default="CNY",
        pattern=r"^[A-Z]{3}$",
        description="Of all amounts (ISO 4217); the till counts its smallest unit: fen, or pesos for CLP.",
    )
    commerce: str = Field(
        default="000000000000", pattern=r"^\d{12}$", description="Code of the shop, which the till prints."
    )
    terminal: str = Field(
        default="TILLBEAM",
        pattern=r"^[A-Za-z0-9]{1,8}$",
        description="The terminal's name, which the till prints.",
    )
    card_type: Literal["CR", "DB"] = Field(
        default="CR", description="What our cards are told to be; many tills only reverse CR."
    )
    brand: str = Field(
        default="CE",
        pattern=r"^[A-Z]{2}$",
        description="Brand of our cards; CE is a closed loop's (cerrada).",
    )
    card_wait_s: int = Field(
        default=60, ge=1, le=180, description="So long the customer may look for the card."
    )
    pin_wait_s: int = Field(
        default=25,
        ge=1,
        le=60,
        description="So long for the PIN, up to three times. All waits together stay below the till's 150 s.",
    )
    repeat_s: int = Field(
        default=600,
        ge=0,
        le=86_400,
        description="The same ticket and amount within this time is the same sale, asked for again.",
    )
    gap_ms: int = Field(
        default=200,
        ge=20,
        le=5_000,
        description="Quiet between two messages of ours. With less than 150 the SDK for Node mixes them up;"
        " at 1200 baud it needs 1000.",
    )
    ack_ms: int = Field(
        default=10_000,
        ge=200,
        le=60_000,
        description="A reply not acknowledged within this time is said again, twice; then a sale is undone.",
    )

    def habits(self) -> Habits:
        return Habits(
            scheme="transbank",
            currency=self.currency,
            card_wait_ms=self.card_wait_s * 1000,
            pin_wait_ms=self.pin_wait_s * 1000,
            repeat_ms=self.repeat_s * 1000,
            count_most=OPERATION_MAX,
        )
