"""The technician's commands of `tillbeam-edge`: ports, sniff, replay, simulate, doctor.

Each speaks the terminal's language or that of --lang, and in plain lines; colours are for a terminal only.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from config.text import catalogue, language_of, nearest_language
from edge_agent.field.words import _ as N_
from edge_agent.field.words import filled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FAILED, WRONG = 1, 2
AUTO = "auto"

_ = catalogue(Path(__file__).parents[1], language_of(os.environ)).gettext

_LANG = typer.Option("", "--lang", help=_("zh_CN or en; default: the terminal's."))
_JSON = typer.Option(False, "--json", help=_("One JSON object a line."))
_OPTION = typer.Option([], "--option", "-o", help=_("A driver's option, as key=value."))
_RECORD = typer.Option(None, "--record", help=_("Write a recording to this file."))
_RECORDING = typer.Argument(help=_("What `tillbeam-edge sniff --record` wrote."))
_ONLY = typer.Option([], "--only", help=_("Only this check; may be given again."))
_VIDEO = typer.Option(..., "--video", help=_("The film."))
_LINE = typer.Option([], "--line", help=_("x1,y1,x2,y2 or name=x1,y1,x2,y2; may be given again."))
_INWARD = typer.Option(
    ["down"], "--in", help=_("Where in the picture somebody goes who comes in: up, down, left, right.")
)
_ZONE = typer.Option([], "--zone", help=_("name=x,y;x,y;x,y; may be given again."))
_PERSON = typer.Option(
    [], "--person", help=_("x,y,width,height of a box around one person; once, or near and far.")
)
_ANCHOR = typer.Option("", "--anchor", help=_("centroid or foot: what of a person crosses."))
_WARMUP = typer.Option(0, "--warmup-frames", min=0, help=_("Frames that do not count."))
_SET = typer.Option([], "--set", help=_("A driver's option, as key=value."))


def register(app: typer.Typer, default_config: Path) -> None:
    """Adds the commands to the program's."""
    config = typer.Option(default_config, "--config", "-c", help=_("The settings file."))

    @app.command(help=_("Everything a device can be plugged into: names that stay, rights, who holds it."))
    def ports(config: Path = config, as_json: bool = _JSON, lang: str = _LANG) -> None:
        from edge_agent.field.doctor.box import ports_in_use
        from edge_agent.field.machine import Machine, ourselves
        from edge_agent.field.port_list import as_json as as_object
        from edge_agent.field.port_list import lines, plugs

        speak, machine = _language(lang), Machine()
        used = ports_in_use(config, machine, os.environ)
        found = plugs(machine, ourselves())
        for plug in found:
            used_by = used.get(getattr(plug, "device", ""), "")
            if as_json:
                typer.echo(json.dumps(as_object(plug, used_by), ensure_ascii=False))
            else:
                typer.echo("\n".join(lines(plug, used_by, speak)))
        if not found and not as_json:
            typer.echo(filled(N_("Nothing is plugged in that we know of."), {}, speak))

    @app.command(help=_("Listen in on a port: bytes beside their meaning; finds out speed and driver."))
    def sniff(
        port: str = typer.Argument(help=_("A device file, or a port as in the settings.")),
        name: str = typer.Option(AUTO, "--driver", help=_("As in `tillbeam-edge drivers`; auto: found out.")),
        option: list[str] = _OPTION,
        baud: int = typer.Option(0, "--baud", min=0, help=_("The line's speed; 0: found out.")),
        framing: str = typer.Option("8N1", "--framing", help=_("Bits, parity, stop bits, with --baud.")),
        seconds: float = typer.Option(0, "--seconds", min=0, help=_("How long; 0: until interrupted.")),
        record: Path | None = _RECORD,
        speak: bool = typer.Option(
            False, "--speak", help=_("Say to the device what the driver says; for those that must be asked.")
        ),
        as_json: bool = _JSON,
        lang: str = _LANG,
    ) -> None:
        from edge_agent.field.sniff_command import Sniffing, sniff_port

        wish = Sniffing(
            port=port,
            driver="" if name == AUTO else name,
            options=key_values(option, _language(lang)),
            baud=baud,
            framing=framing,
            seconds=seconds,
            record=record,
            speaks=speak,
            as_json=as_json,
            lang=_language(lang),
        )
        _ended(lambda: sniff_port(wish))

    @app.command(
        help=_("Play a recording: through a driver at once, or onto a pseudo-terminal in its own time.")
    )
    def replay(
        file: Path = _RECORDING,
        name: str = typer.Option(AUTO, "--driver", help=_("As in `tillbeam-edge drivers`; auto: found out.")),
        option: list[str] = _OPTION,
        speed: float = typer.Option(
            1.0, "--speed", min=0.01, max=100_000, help=_("On a port: 2 is twice as fast.")
        ),
        port: str = typer.Option("", "--port", help=_("pty:/run/tillbeam/reader, the link to be made.")),
        as_json: bool = _JSON,
        lang: str = _LANG,
    ) -> None:
        from edge_agent.field.replay_command import replay_file

        language = _language(lang)
        wanted = "" if name == AUTO else name
        _ended(
            lambda: replay_file(
                file, wanted, key_values(option, language), speed, port, as_json=as_json, lang=language
            )
        )

    @app.command(help=_("Let a driver's simulator speak on a pseudo-terminal or TCP, as the device would."))
    def simulate(
        name: str = typer.Argument(metavar="DRIVER", help=_("As in `tillbeam-edge drivers`.")),
        port: str = typer.Option(
            ..., "--port", help=_("pty:/path/of/a/link, tcp-listen://0.0.0.0:4001 or tcp://host:4001.")
        ),
        seed: int = typer.Option(1, "--seed", help=_("The same seed says the same.")),
        speed: float = typer.Option(
            1.0, "--speed", min=0.01, max=100_000, help=_("On a port: 2 is twice as fast.")
        ),
        option: list[str] = _OPTION,
        lang: str = _LANG,
    ) -> None:
        from edge_agent.field.simulate_command import simulate_device

        language = _language(lang)
        given = key_values(option, language)
        _ended(lambda: simulate_device(name, port, seed, given, speed, lang=language))

    @app.command(help=_("Count people in a film as a camera would; places are fractions of the picture."))
    def count(
        video: Path = _VIDEO,
        line: list[str] = _LINE,
        inward: list[str] = _INWARD,
        zone: list[str] = _ZONE,
        person: list[str] = _PERSON,
        anchor: str = _ANCHOR,
        warmup_frames: int = _WARMUP,
        options: list[str] = _SET,
        as_json: bool = _JSON,
        lang: str = _LANG,
    ) -> None:
        from edge_agent.field.count_command import Counting
        from edge_agent.field.count_command import count as count_in

        language = _language(lang)
        given = key_values(options, language)
        wish = Counting(video, line, inward, zone, person, anchor, warmup_frames, given)
        _ended(lambda: count_in(wish, as_json=as_json, lang=language))

    @app.command(help=_("Examine this box: what is wrong, and the command that mends it."))
    def doctor(
        config: Path = config,
        only: list[str] = _ONLY,
        as_json: bool = _JSON,
        lang: str = _LANG,
    ) -> None:
        try:
            from edge_agent.field.doctor.command import examine_box
        except ImportError as error:
            from edge_agent.strangers import whose

            _fail(whose(error), WRONG)
        _ended(lambda: examine_box(config, only, as_json=as_json, lang=_language(lang)))


def _language(lang: str) -> str:
    return nearest_language(lang) if lang else language_of(os.environ)


def key_values(given: list[str], lang: str) -> Mapping[str, str]:
    """``["baud=9600"]`` as a mapping; ends the program when one is written otherwise."""
    options = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            _fail(filled(N_("An option is written key=value, not {given}"), {"given": each}, lang), WRONG)
        options[key.strip()] = value
    return options


def _ended(work: Callable[[], int]) -> None:
    try:
        status = work()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if status:
        raise typer.Exit(status)


def _fail(why: str, status: int = FAILED) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(status)
