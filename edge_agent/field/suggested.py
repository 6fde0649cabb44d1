"""What to write into the settings for something that is plugged in: YAML that `config check` takes."""

from __future__ import annotations

from typing import NamedTuple

UNKNOWN_DRIVER = "CHANGE.ME"  # no driver is called that: `config check` asks for the real one at its line


class Framing(NamedTuple):
    """How a serial line is set."""

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1

    def __str__(self) -> str:
        return f"{self.baud} {self.bits}{self.parity}{self.stop}"

    @property
    def given(self) -> dict[str, str]:
        """As parameters of a port's URL; what is usual is left out."""
        usual = {"bits": "8", "parity": "N", "stop": "1"}
        every = {
            "baud": str(self.baud),
            "bits": str(self.bits),
            "parity": self.parity,
            "stop": str(self.stop),
        }
        return {key: value for key, value in every.items() if usual.get(key) != value}


def read_framing(text: str) -> tuple[int, str, int]:
    """``"7E1"`` as (bits, parity, stop bits). Raises ValueError."""
    if len(text) != 3 or text[0] not in "5678" or text[1].upper() not in "NEOMS" or text[2] not in "12":
        raise ValueError(text)
    return int(text[0]), text[1].upper(), int(text[2])


def serial_url(device: str, framing: Framing | None = None) -> str:
    """``serial:///dev/serial/by-id/…?baud=9600``."""
    given = "&".join(f"{key}={value}" for key, value in (framing or Framing()).given.items())
    return f"serial://{device}?{given}"


def device_yaml(name: str, port: str, driver: str = UNKNOWN_DRIVER, *, remark: str = "") -> str:
    """One entry of `devices`, to be pasted under that heading."""
    lines = [
        f"  - name: {name}",
        f"    driver: {driver}" + (f"  # {remark}" if remark else ""),
        f"    port: {port}",
    ]
    return "\n".join(lines)
