"""The settings of `pos.line_display`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from drivers.base import Options as BaseOptions
from drivers.pos.line_display.encoder import characters, pages
from sync.contract.errors import BadId
from sync.contract.money import exponent


class Options(BaseOptions):
    """What a technician may say about a customer display."""

    dialect: Literal["cd5220", "epson"] = Field(
        "cd5220",
        description="What the display understands: cd5220 or epson; what it is set to by its switches",
    )
    code_page: str = Field(
        "ascii",
        max_length=16,
        description="Its characters: ascii; gbk where it has Chinese; or cp437, cp850, cp858, cp1252 …",
    )
    language: Literal["auto", "zh", "en"] = Field(
        "auto", description="Words on it: zh, en; auto: Chinese where code_page has it"
    )
    idle_zh: str = Field(
        "欢迎光临",
        max_length=80,
        description="Between two customers, in Chinese; a new line begins the second",
    )
    idle_en: str = Field(
        "Welcome", max_length=80, description="Between two customers, in English; empty: the display is dark"
    )
    idle_s: int = Field(20, ge=2, le=600, description="Nothing about a customer stands longer than this")
    brightness: int = Field(0, ge=0, le=4, description="1 (dim) to 4 (bright); 0: as the display has it")
    first_hex: str = Field(
        "", max_length=64, description="Bytes before each screen, in hex, for displays that need some: 1C26"
    )
    currency: str = Field("CNY", description="Amounts in this currency are shown without its name")
    show: bool = Field(
        True, description="False: never write, only read what a till shows (a tap on the display's line)"
    )

    @field_validator("code_page")
    @classmethod
    def _is_page(cls, page: str) -> str:
        if page not in pages():
            raise ValueError(f"{page!r} is no code page of displays: {', '.join(pages())}")
        return page

    @field_validator("first_hex")
    @classmethod
    def _is_hex(cls, text: str) -> str:
        try:
            return bytes.fromhex(text).hex()
        except ValueError:
            raise ValueError(f"{text!r} is not written in hex, as 1C26 is") from None

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, currency: str) -> str:
        try:
            exponent(currency)
        except BadId as error:
            raise ValueError(str(error)) from error
        return currency

    @model_validator(mode="after")
    def _has_its_words(self) -> Self:
        if self.language == "zh" and not self._has_chinese():
            raise ValueError(f"code_page {self.code_page} has no Chinese characters: gbk has")
        return self

    @property
    def chinese(self) -> bool:
        """Whether the words are Chinese."""
        return self.language == "zh" or (self.language == "auto" and self._has_chinese())

    def _has_chinese(self) -> bool:
        return characters("积分余额", self.code_page)[1]
