"""What a check found: how bad it is, a sentence, and the command that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "warn", "bad"]
WORST: tuple[State, ...] = ("ok", "warn", "bad")  # by exit status: 0, 1, 2


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    state: State
    says: str  # an English sentence with {names}, translated when it is shown
    args: Mapping[str, object] = field(default_factory=dict)
    mend: str = ""  # a command as it is typed


def ok(says: str, **args: object) -> Finding:
    """All is well."""
    return Finding("ok", says, args)


def warn(says: str, mend: str = "", **args: object) -> Finding:
    """It works, but somebody should see to it."""
    return Finding("warn", says, args, mend)


def bad(says: str, mend: str = "", **args: object) -> Finding:
    """It does not work."""
    return Finding("bad", says, args, mend)


def without_systemd(mend: str) -> str:
    """The commands that are there on a machine that has no systemd; the agent is then started by hand."""
    kept: list[str] = []
    for part in mend.split("; "):
        words = part.split()
        if not {"systemctl", "journalctl"} & set(words[:2]):
            kept.append(part)
        elif {"restart", "start", "enable"} & set(words) and "tillbeam-edge" in words:
            kept.append("tillbeam-edge run")
    return "; ".join(kept)
