"""What the doctor's tests share: a clock that stands still, commands that answer, findings as read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from edge_agent.field.doctor.box import Said
from edge_agent.field.doctor.findings import Finding
from edge_agent.field.machine import Who
from edge_agent.field.words import filled
from edge_agent.identity import Identity

# Planted files belong to whoever runs the tests: she must be nobody who might, and a first user has 1000.
ADA = Who("ada", 54_321, frozenset({54_321}))
BOOT = "0000beef"
COMMAND = str(Path(sys.executable).with_name("tillbeam-edge"))
STORE = Identity(
    store="hz-004",
    mqtt_url="mqtt://127.0.0.1:1",
    login="hz-004",
    password="p",
    token_key=bytes(32),
    store_key=bytes(32),
    centre_public_key=bytes(32),
)


class Fixed:
    """A clock that stands still."""

    def __init__(self, wall_ms: int = 1_700_000_000_000, mono_ms: int = 1_000) -> None:
        self.wall, self.mono = wall_ms, mono_ms

    def wall_ms(self) -> int:
        return self.wall

    def mono_ms(self) -> int:
        return self.mono


def no_command(words: Sequence[str]) -> Said:
    return Said(127, "")


def answering(**answers: str) -> Callable[[Sequence[str]], Said]:
    """Commands by their first word."""
    return lambda words: Said(0, answers[words[0]]) if words[0] in answers else Said(127, "")


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """(state, sentence) of each; whatever is not ok has a command, and sentences fit in both languages."""
    found = []
    for each in findings:
        assert filled(each.says, each.args, "zh_CN")
        found.append((each.state, filled(each.says, each.args, "en")))
    return found


def the_one(findings: Iterable[Finding]) -> Finding:
    (only,) = findings
    return only
