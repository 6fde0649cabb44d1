"""Runs the checks side by side: each in a thread of its own that nobody waits for longer than its limit.

A check that breaks is a finding like any other: the box in front of the technician is broken in a way that
nobody foresaw, and the other checks are what tells which.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from edge_agent.field.doctor.box import Box
from edge_agent.field.doctor.findings import Finding, bad, warn
from edge_agent.field.words import _


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    name: str  # as in --only and JSON
    title: str  # English, translated when shown
    look: Callable[[Box], Iterable[Finding]]
    limit_s: float = 10.0


@dataclass
class Examined:
    """A check and what came of it."""

    check: Check
    findings: list[Finding] = field(default_factory=list)
    took_ms: int = 0
    hung: bool = False  # its thread is still at it


def examine(box: Box, checks: Sequence[Check]) -> Iterator[Examined]:
    """The checks in their order, each as soon as it and those before it are done or past their limits."""
    began_s = time.monotonic()
    running = [(check, *_begin(box, check)) for check in checks]
    for check, thread, found in running:
        thread.join(max(0.0, began_s + check.limit_s - time.monotonic()))
        done = Examined(check, list(found.findings), found.took_ms, thread.is_alive())
        if done.hung:
            done.findings.append(warn(_("no answer after {s} s; given up"), s=f"{check.limit_s:g}"))
        yield done


def _begin(box: Box, check: Check) -> tuple[threading.Thread, Examined]:
    found = Examined(check)

    def look() -> None:
        began_s = time.monotonic()
        try:
            found.findings.extend(check.look(box))  # one by one: what a hanging check has found is kept
        except Exception as error:  # noqa: BLE001  one check must not touch another
            found.findings.append(bad(_("this check broke: {why}"), why=f"{type(error).__name__}: {error}"))
        found.took_ms = round((time.monotonic() - began_s) * 1000)

    thread = threading.Thread(target=look, name=f"doctor {check.name}", daemon=True)
    thread.start()
    return thread, found
