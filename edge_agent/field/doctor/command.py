"""`tillbeam-edge doctor`: the checks in their order, shown as they come."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from edge_agent.field.doctor.box import look_around
from edge_agent.field.doctor.broker import broker
from edge_agent.field.doctor.clocks import clock, time_zone
from edge_agent.field.doctor.devices import devices
from edge_agent.field.doctor.disk import CHECK_MAX_S, database, disk, outbox
from edge_agent.field.doctor.examine import Check, Examined, examine
from edge_agent.field.doctor.findings import WORST, Finding, without_systemd
from edge_agent.field.doctor.installed import packages
from edge_agent.field.doctor.network import certificates, names
from edge_agent.field.doctor.service import agent, service
from edge_agent.field.doctor.settings import enrolled, settings
from edge_agent.field.words import _, filled, padded

CHECKS = (
    Check("packages", _("program"), packages),
    Check("settings", _("settings"), settings),
    Check("service", _("service"), service, 15),
    Check("agent", _("agent"), agent),
    Check("devices", _("devices"), devices, 30),
    Check("clock", _("clock"), clock),
    Check("timezone", _("time zone"), time_zone),
    Check("disk", _("disk"), disk),
    Check("database", _("database"), database, CHECK_MAX_S + 10),
    Check("outbox", _("outbox"), outbox, 15),
    Check("enrolled", _("enrolment"), enrolled),
    Check("dns", _("names"), names, 15),
    Check("certificates", _("certificates"), certificates, 20),
    Check("broker", _("broker"), broker, 60),
)
WRONG = 2
_SYSTEMD = "/run/systemd/system"  # there when the machine was started by systemd: sd_booted(3)
_WIDTH = 14  # of a check's title
_COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


def examine_box(path: Path, only: Sequence[str], *, as_json: bool, lang: str) -> int:
    """The exit status: 0 all is well, 1 something should be seen to, 2 something does not work."""
    wanted = {_named(name, lang) for name in only}
    unknown = wanted - {check.name for check in CHECKS}
    if unknown:
        says = _("no check is called {name}; there are {known}")
        known = ", ".join(check.name for check in CHECKS)
        typer.echo(filled(says, {"name": ", ".join(sorted(unknown)), "known": known}, lang), err=True)
        return WRONG
    box = look_around(path, os.environ, lang)
    worst, hung = 0, False
    systemd = box.machine.at(_SYSTEMD).exists()
    for examined in examine(box, [check for check in CHECKS if not only or check.name in wanted]):
        if not systemd:
            here = [replace(each, mend=without_systemd(each.mend)) for each in examined.findings]
            examined.findings[:] = here
        _show(examined, as_json=as_json, lang=lang)
        worst = max([worst, *(WORST.index(finding.state) for finding in examined.findings)])
        hung = hung or examined.hung
    if not as_json:
        typer.echo(filled(_SUMMARY[worst], {}, lang))
    if hung:  # its thread may wait for a dead disk or server for minutes, and Python would wait for it
        sys.stdout.flush()
        os._exit(worst)
    return worst


def _named(given: str, lang: str) -> str:
    """The check's name for what stands before its findings; anything else as it is."""
    wanted = given.strip().casefold()
    for check in CHECKS:
        if wanted in (check.title.casefold(), filled(check.title, {}, lang).casefold()):
            return check.name
    return wanted


_SUMMARY = (
    _("All is well."),
    _("It works; see to the lines with warn."),
    _("Something does not work: see the lines with BAD, the first one first."),
)
_STATES = {"ok": _("ok"), "warn": _("warn"), "bad": _("BAD")}


def _show(examined: Examined, *, as_json: bool, lang: str) -> None:
    for finding in examined.findings:
        if as_json:
            typer.echo(json.dumps(_object(examined, finding, lang), ensure_ascii=False))
            continue
        state = typer.style(padded(filled(_STATES[finding.state], {}, lang), 5), fg=_COLOURS[finding.state])
        title = padded(filled(examined.check.title, {}, lang), _WIDTH)
        typer.echo(f"{state} {title} {filled(finding.says, finding.args, lang)}")
        if finding.mend:
            typer.echo(f"{' ' * (6 + _WIDTH)} -> {finding.mend}")


def _object(examined: Examined, finding: Finding, lang: str) -> dict[str, object]:
    return {
        "check": examined.check.name,
        "state": finding.state,
        "says": filled(finding.says, finding.args, lang),
        "mend": finding.mend,
        "took_ms": examined.took_ms,
    }
