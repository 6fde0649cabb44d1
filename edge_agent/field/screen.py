"""What `sniff` and `replay` show: plain lines, in colour on a terminal only, or JSON objects."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import typer

from edge_agent.field.guessing import Guess, equals, is_sure
from edge_agent.field.holders import holders_of
from edge_agent.field.listening import Seen
from edge_agent.field.machine import Machine
from edge_agent.field.port_list import FOR_THE_SETTINGS, HELD_BY
from edge_agent.field.side_by_side import as_object, rows
from edge_agent.field.suggested import Framing, device_yaml
from edge_agent.field.words import _, filled

FAILED, WRONG = 1, 2


class Screen:
    """Where it is shown: plain lines, or JSON objects; in colour on a terminal only."""

    def __init__(self, *, as_json: bool, lang: str) -> None:
        self.as_json, self.lang = as_json, lang

    def show(self, seen: Seen) -> None:
        if self.as_json:
            typer.echo(json.dumps(as_object(seen), ensure_ascii=False))
            return
        for dump, meaning, wrong in rows(seen):
            typer.echo(f"{dump} | {typer.style(meaning, fg='red') if wrong else meaning}".rstrip(" |"))

    def note(self, sentence: str, **args: object) -> None:
        """Something for the person beside the line; not part of the data, so on standard error."""
        typer.echo(typer.style(filled(sentence, args, self.lang), dim=True), err=True)

    def holders(self, device: str) -> None:
        """Who has the device open, and how to make them let go."""
        path = str(Path(device).resolve())
        for each in holders_of(Machine(), [path], own_pid=os.getpid()).by[path] if device else ():
            args = {"pid": each.pid, "program": each.program, "user": each.user, "mend": each.mend}
            self.complain(HELD_BY, **args)

    def complain(self, sentence: str, **args: object) -> None:
        typer.echo(filled(sentence, args, self.lang), err=True)

    def waiting(self, framing: Framing | None) -> None:
        if framing is None:
            self.note(_("Listening. Make the device say something: hold a card to it, print, walk through."))
        else:
            says = _("Listening at {framing}. Make the device say something: a card, a receipt, a visitor.")
            self.note(says, framing=framing)

    def judged(self, framing: Framing | None, size_bytes: int, found: Sequence[Guess]) -> None:
        if is_sure(found):
            return
        if not found:
            self.note(_("{size} bytes came, and no driver makes sense of them."), size=size_bytes)
        else:
            says = _("{size} bytes came; perhaps {driver}. Once more, to be sure.")
            self.note(says, size=size_bytes, driver=found[0].driver)

    def found(self, guesses: Sequence[Guess], port: str) -> None:
        guess, others = guesses[0], equals(guesses)
        yaml = device_yaml("device-1", port, guess.driver) if port else ""
        said = {
            "driver": guess.driver,
            "framing": str(guess.framing or ""),
            "good": guess.tally.good,
            "wrong": guess.tally.wrong,
        }
        if self.as_json:
            more = {"evidence": guess.evidence, "equals": others, "yaml": yaml}
            typer.echo(json.dumps({"guess": said | more}, ensure_ascii=False))
            return
        says = _("This is {driver} {framing}: {good} understood, {wrong} wrong.")
        typer.echo(filled(says, said, self.lang))
        if others:
            typer.echo(filled(_("As well: {drivers}."), {"drivers": ", ".join(others)}, self.lang))
        if yaml:
            typer.echo(filled(FOR_THE_SETTINGS, {}, self.lang))
            typer.echo(yaml)
