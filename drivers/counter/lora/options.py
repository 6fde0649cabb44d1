"""What a technician may say about counters on LoRaWAN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drivers.base import Options


class LoraOptions(Options):
    """The counters behind one network server, or one line."""

    model: Literal["auto", "vs350", "vs133", "vs121", "imbuildings"] = Field(
        default="auto",
        description="Whose payloads these are; `auto` takes the model that understands all of a payload. A "
        "payload of a VS121 or VS133 with nothing but one period looks like a VS350's, and counts alike.",
    )
    take: Literal["auto", "totals", "periods"] = Field(
        default="auto",
        description="Which counts are people: running totals, those since the last report (`periods`), or "
        "`auto`: periods until a device's first total is seen, then its totals alone.",
    )
    lines: dict[str, str] = Field(
        default={},
        max_length=256,
        description="Names of doorways by device EUI (`24e124716d123456`), or by EUI and line "
        "(`24e124716d123456/2`); else the network server's name of the device.",
    )
    swap: bool = Field(default=False, description="In and out change places; IMBUILDINGS' A is in.")
    path: str = Field(
        default="",
        max_length=200,
        description="Only pushes to this path are taken, others are told 404; empty takes all.",
    )
    first_counts: bool = Field(
        default=False, description="A device's first total counts; else it only says where it stands."
    )
    jump_max: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="More people than this between two reports are not believed.",
    )
