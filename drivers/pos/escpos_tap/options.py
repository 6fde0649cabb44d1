"""The settings of `pos.escpos_tap`."""

from __future__ import annotations

from pydantic import Field, field_validator

from drivers.base import Options as BaseOptions
from drivers.errors import DriverError
from drivers.pos import codepages
from drivers.pos.escpos_tap import profiles
from drivers.pos.escpos_tap.grammar import Grammar
from sync.contract.errors import BadId
from sync.contract.money import exponent


class Options(BaseOptions):
    """What a technician may say about a till whose printer line is tapped."""

    till: str = Field(
        "", max_length=32, description="Name of the till in reports; empty: what the receipt says"
    )
    currency: str = Field("CNY", description="Currency of the amounts, as ISO 4217 writes it")
    encoding: str = Field(
        "auto",
        max_length=32,
        description="auto: the printer's code pages, GBK and UTF-8 recognised; or the one to use: gbk …",
    )
    profile: str = Field(
        "default",
        max_length=512,
        description="Layout of the receipts: a profile's name, or the path of a YAML file",
    )
    idle_cut_ms: int = Field(
        1500,
        ge=100,
        le=600_000,
        description="A receipt that no cut ends is over when the line is silent for so long",
    )

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, currency: str) -> str:
        try:
            exponent(currency)
        except BadId as error:
            raise ValueError(str(error)) from error
        return currency

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, encoding: str) -> str:
        if encoding != "auto" and not codepages.known(encoding):
            raise ValueError(f"{encoding!r} is no code page: auto, gbk, cp437 …")
        return encoding

    @field_validator("profile")
    @classmethod
    def _is_profile(cls, profile: str) -> str:
        try:
            Grammar(profiles.load(profile), digits=2)
        except DriverError as error:
            raise ValueError(str(error)) from error
        return profile
