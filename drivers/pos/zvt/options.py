"""How a ZVT terminal behaves."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from drivers.base import Options
from drivers.pos.conversations import Habits
from drivers.pos.currency_numbers import NUMBERS, NumberedCurrency

RECEIPTS = 9999  # a receipt number has four digits, and 0000 is none


class ZvtOptions(Options):
    """What the till must find, and how long everybody waits."""

    transport: Literal["auto", "serial", "tcp"] = Field(
        default="auto", description="Framed with check sums, bare APDUs, or told by what arrives."
    )
    currency: NumberedCurrency = Field(
        default="CNY", description="Of all amounts, as ISO 4217 letters; a till that says another is refused."
    )
    till_currency: int = Field(
        default=0,
        ge=0,
        le=999,
        description="What the till says for it, where that is not its ISO 4217 number: 978 for some tills.",
    )
    terminal_id: str = Field(
        default="00000001", pattern=r"^\d{8}$", description="Eight digits, which the till shows and prints."
    )
    password: str = Field(
        default="",
        pattern=r"^(\d{6})?$",
        description="Six digits for every command that has a password; empty: any. It travels in clear.",
    )
    card_name: str = Field(
        default="GIFT CARD", max_length=40, description="What the till prints as the kind of card."
    )
    card_wait_s: int = Field(
        default=60, ge=5, le=170, description="So long the customer may look for a card."
    )
    pin_wait_s: int = Field(default=60, ge=5, le=170, description="So long the customer may type the PIN.")
    status_every_s: int = Field(
        default=10,
        ge=2,
        le=120,
        description="While the customer is waited for, the till is told so this often.",
    )
    goods_wait_s: int = Field(
        default=30,
        ge=5,
        le=240,
        description="A payment not acknowledged by then is given back, unless the till names a time.",
    )
    repeats_max: int = Field(
        default=60,
        ge=1,
        le=120,
        description="So often the till may ask for two more seconds, unless it names a number.",
    )
    partial: bool = Field(
        default=False, description="A payment may take less than was asked: only for tills that look."
    )
    points: bool = Field(default=False, description="Points may pay, where their programme lets them.")

    @field_validator("transport", mode="before")
    @classmethod
    def _bare(cls, transport: object) -> object:
        return (
            "tcp" if transport == "tcp-apdu" else transport
        )  # what recordings of bare APDUs are marked with

    def habits(self) -> Habits:
        """The same, for the engine of all terminals."""
        return Habits(
            scheme="zvt",
            currency=self.currency,
            card_wait_ms=self.card_wait_s * 1000,
            pin_wait_ms=self.pin_wait_s * 1000,
            partial=self.partial,
            points=self.points,
            count_most=RECEIPTS,
        )

    def currency_number(self) -> int:
        """156 for CNY, as the till is to say it."""
        return self.till_currency or NUMBERS[self.currency]
