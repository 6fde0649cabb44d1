"""What a technician may say about cameras that push their counts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drivers.base import Options


class IsapiOptions(Options):
    """The cameras that push to this port."""

    take: Literal["auto", "cumulative", "window"] = Field(
        default="auto",
        description="Which readings count: totals (`realTime`), windows (`timeRange`, `signalTrigger`), or "
        "`auto`: windows until the first total is seen, then totals alone.",
    )
    lines: dict[str, str] = Field(
        default={},
        max_length=64,
        description="Names of doorways by channel (`1`) or channel and region (`1/2`); else the camera says.",
    )
    path: str = Field(
        default="",
        max_length=200,
        description="Only pushes to this path are taken, others are told 404; empty takes all.",
    )
    first_counts: bool = Field(
        default=False, description="The first total counts; else it only says where a camera stands."
    )
    reset_counts: bool = Field(
        default=False,
        description="After midnight or a restart the first total counts; else it is a new base.",
    )
    jump_max: int = Field(
        default=1000, ge=1, le=1_000_000, description="More people than this in one step are not believed."
    )
