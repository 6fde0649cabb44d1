"""What a technician must say about a Modbus counter: there is no map that two makers share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from drivers.base import Options
from drivers.counter.modbus.frames import UNIT_MAX

Kind = Literal["holding", "input", "coil", "discrete"]
Name = Literal["in", "out", "state"]
READ_FUNCTION: dict[Kind, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
UNITS_MAX = 32  # a segment of RS-485 carries no more


class Channel(BaseModel):
    """Where one value stands in the device."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: int = Field(ge=0, le=65535)  # counted from 0: "40001" is holding 0
    kind: Kind = "holding"
    width: Literal[16, 32] = 16  # of registers
    words: Literal["high_first", "low_first"] = "high_first"
    bytes: Literal["high_first", "low_first"] = "high_first"
    scale: float = Field(default=1.0, gt=0, le=1000)  # people per count
    wrap: int = Field(default=0, ge=0, le=2**32)  # what comes after the largest value; 0: what the width says
    good_bits: int = Field(default=1, ge=0, le=2**32 - 1)  # of a state: all of these are 1 when all is well

    def __repr_args__(self) -> Iterable[tuple[str, object]]:
        """As short as it was written, for the manual."""
        return (
            (name, getattr(self, name)) for name in type(self).model_fields if name in self.model_fields_set
        )

    @property
    def size(self) -> int:
        """How many addresses it takes."""
        return 2 if self.width == 32 and self.kind in ("holding", "input") else 1

    @property
    def form(self) -> str:
        """``be32``, ``le16``: how it is called in what `decode` prints."""
        return f"{'be' if self.words == 'high_first' else 'le'}{16 * self.size}"

    def value(self, registers: list[int]) -> int:
        """The number that its registers or its coil hold."""
        words = registers if self.words == "high_first" else registers[::-1]
        if self.bytes == "low_first":
            words = [(word & 0xFF) << 8 | word >> 8 for word in words]
        return words[0] if len(words) == 1 else words[0] << 16 | words[1]

    def registers(self, value: int) -> list[int]:
        """The other way round."""
        if self.kind in ("coil", "discrete"):
            return [value & 1]
        words = [value >> 16 & 0xFFFF, value & 0xFFFF][2 - self.size :]
        if self.bytes == "low_first":
            words = [(word & 0xFF) << 8 | word >> 8 for word in words]
        return words if self.words == "high_first" else words[::-1]


SAMPLE_MAP: dict[Name, Channel] = {
    "in": Channel(address=0, width=32),
    "out": Channel(address=2, width=32),
    "state": Channel(address=4),
}


class ModbusOptions(Options):
    """The line, the units on it and their map."""

    framing: Literal["rtu", "tcp"] = Field(
        default="rtu", description="`rtu` on a serial line or behind a plain converter, `tcp` for Modbus TCP."
    )
    units: dict[int, str] = Field(
        default={1: ""},
        min_length=1,
        max_length=UNITS_MAX,
        description='The units to ask, each with the name of its doorway: `{17: "north", 18: "south"}`.',
    )
    map: dict[Name, Channel] = Field(
        default=SAMPLE_MAP,
        min_length=1,
        description="Where `in`, `out` and `state` stand; each has an `address` from 0 and may have `kind` "
        "(`holding`, `input`, `coil`, `discrete`), `width` (16, 32), `words` and `bytes` (`high_first`, "
        "`low_first`), `scale` (people per count), `wrap` (what comes after the largest value, 0 for all of "
        "the width) and, for `state`, `good_bits` (1 when all is well).",
    )
    poll_s: float = Field(
        default=1.0,
        ge=0,
        le=3600,
        description="Seconds between two rounds; 0 only listens to what another master asks.",
    )
    answer_ms: int = Field(
        default=500, ge=10, le=60_000, description="A unit that has not answered by then did not hear us."
    )
    retries: int = Field(default=2, ge=0, le=10, description="How often a question is repeated.")
    pause_ms: int = Field(
        default=5, ge=1, le=10_000, description="Silence before a question; slow units and radios need more."
    )
    silent_after: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="Rounds without a good answer after which a unit is told to be `blocked`.",
    )
    clear: Literal["never", "by_reading", "by_writing"] = Field(
        default="never",
        description="Whether the counts begin anew: never, because reading clears them, or because we write.",
    )
    clear_address: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="With `by_writing`: where `clear_value` goes; without it, 0 goes to `in` and `out`.",
    )
    clear_kind: Literal["coil", "holding"] = Field(
        default="coil", description="What stands at `clear_address`."
    )
    clear_value: int = Field(default=1, ge=0, le=65535, description="What clears.")
    first_counts: bool = Field(
        default=False,
        description="The first reading counts; else it only says where a unit stands.",
    )
    jump_max: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="More people than this between two readings are not believed.",
    )

    @field_validator("units")
    @classmethod
    def _units_exist(cls, units: dict[int, str]) -> dict[int, str]:
        if wrong := [unit for unit in units if not 0 <= unit <= 255]:
            raise ValueError(f"there is no unit {wrong[0]}; on a serial line they go from 1 to {UNIT_MAX}")
        if long := [line for line in units.values() if len(line) > 64]:
            raise ValueError(f"{long[0]!r} is longer than 64")
        return units
