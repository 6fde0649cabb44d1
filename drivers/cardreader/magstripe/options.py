"""What every reader of stripes must know, however it tells them."""

from __future__ import annotations

from pydantic import Field

from drivers.base import Options


class StripeOptions(Options):
    """Which cards are ours, and when a swipe is over."""

    prefixes: list[str] = Field(
        default=["6287"],
        max_length=100,
        description="What the numbers of our own cards begin with, where they look like bank cards.",
    )
    idle_ms: int = Field(
        default=200, ge=20, le=5000, description="A swipe without a line end is over after this silence."
    )
    till: str = Field(default="", max_length=64, description="The till that the reader stands at.")
