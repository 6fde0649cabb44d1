"""What a store may say about its nexo terminal."""

from __future__ import annotations

from pydantic import Field, SecretStr

from drivers.base import Options
from drivers.pos.conversations import Habits
from drivers.pos.nexo.secured import Key

REPEAT_MS = 48 * 3600 * 1000  # a ServiceID is unique within 48 hours, says the protocol


class NexoOptions(Options):
    """A terminal's manners, and the key that it shares with its till."""

    currency: str = Field(
        default="CNY", pattern=r"^[A-Z]{3}$", description="Of its payments; another one is declined."
    )
    passphrase: SecretStr | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Of the shared key, best by !secret. With it, what is not secured is refused.",
    )
    key_identifier: str = Field(
        default="", max_length=100, description="Name of the shared key; empty: whichever the till names."
    )
    key_version: int | None = Field(
        default=None, ge=0, description="Version of the shared key; empty: whichever the till names."
    )
    card_wait_s: int = Field(
        default=60, ge=5, le=170, description="So long a customer may look for the card."
    )
    pin_wait_s: int = Field(default=60, ge=5, le=60, description="So long for each try of the PIN.")
    partial: bool = Field(
        default=False, description="A payment may take less than was asked; its result is then Partial."
    )
    points: bool = Field(default=False, description="Points may pay, where their programme lets them.")

    def habits(self) -> Habits:
        """The same, as the engine of payment terminals has it."""
        return Habits(
            scheme="nexo",
            currency=self.currency,
            card_wait_ms=self.card_wait_s * 1000,
            pin_wait_ms=self.pin_wait_s * 1000,
            repeat_ms=REPEAT_MS,
            partial=self.partial,
            points=self.points,
            unique=True,
        )

    def key(self) -> Key | None:
        """The shared key; None: messages are plain."""
        if self.passphrase is None:
            return None
        return Key(self.passphrase.get_secret_value(), self.key_identifier, self.key_version)
