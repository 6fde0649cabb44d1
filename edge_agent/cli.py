"""`tillbeam-edge`: run a store's agent, enrol it, look at its settings, drivers and state.

Exit status: 0 all is well, 1 it went wrong and one line says why, 2 a wrong command or an unreadable file.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

try:
    from config.text import catalogue, language_of
    from edge_agent.field.commands import key_values, register
except ImportError as error:
    from edge_agent.strangers import whose

    raise SystemExit(whose(error)) from error

if TYPE_CHECKING:
    from config.edge import EdgeSettings
    from config.load import Loaded

DEFAULT_CONFIG = Path("/etc/tillbeam/edge.yaml")
STATUS_TIMEOUT_S = 5.0
_FAILED, _WRONG = 1, 2
_CHUNK_BYTES = 64 * 1024

_ = catalogue(Path(__file__).parent, language_of(os.environ)).gettext

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=_("The agent in a store: tills, card readers, people counters."),
)
_OPTION = typer.Option([], "--option", "-o", help=_("A driver's option, as key=value."))
_CONFIG = typer.Option(DEFAULT_CONFIG, "--config", "-c", help=_("The settings file."))


@app.command(help=_("Run the agent until it is told to stop."))
def run(
    config: Path = _CONFIG,
    new_epoch: bool = typer.Option(
        False,
        "--new-epoch",
        help=_("This disk was put back from an image: nothing that it set aside for cards is spent again."),
    ),
) -> None:
    from edge_agent.errors import EdgeError

    loaded = _load(config)
    _set_up_log(loaded.settings)
    try:
        asyncio.run(_run(config, loaded, restored=new_epoch))
    except (EdgeError, ValueError, OSError) as error:
        _fail(str(error))


@app.command(help=_("Make this box a store of the chain, with the one-time code that head office gives."))
def enrol(
    code: str = typer.Option(..., "--code", help=_("The one-time code.")),
    centre: str = typer.Option("", "--centre", help=_("Head office's web address; else the settings'.")),
    insecure: bool = typer.Option(
        False,
        "--insecure",
        help=_("Take the keys over http:// too, where everybody on the way can read them."),
    ),
    config: Path = _CONFIG,
) -> None:
    from urllib.parse import urlsplit

    from config.parts import on_this_machine
    from edge_agent.app import edge_version
    from edge_agent.errors import IdentityError
    from edge_agent.identity import FILE_NAME, check_writable, write_identity
    from edge_agent.identity import enrol as ask_centre

    settings = _load(config).settings
    url = centre or settings.centre.url
    if not url:
        _fail(_("Where is head office? Give --centre https://…"))
    reached = urlsplit(str(url))
    if reached.scheme == "http" and not on_this_machine(reached.hostname or "") and not insecure:
        _fail(
            _(
                "Not enrolled: over {url} the store's keys would travel in clear. "
                "Use https://…, or --insecure if nobody else is on that line."
            ).format(url=url)
        )
    path = settings.state_dir / FILE_NAME
    try:
        check_writable(path)  # a code is good for once only
        identity = ask_centre(str(url), code, edge_version(), ca_file=settings.centre.ca)
        write_identity(path, identity)
    except (IdentityError, OSError) as error:
        _fail(_("Not enrolled: {why}").format(why=error))
    typer.echo(_("This box is now store {store}. Restart the agent.").format(store=identity.store))


@app.command(help=_("Drivers there are, and what they are for."))
def drivers(as_json: bool = typer.Option(False, "--json", help=_("One JSON object a line."))) -> None:
    from drivers.registry import driver, names

    lang = language_of(os.environ)
    for name in names():
        title = driver(name).title
        if as_json:
            typer.echo(json.dumps({"name": name, "title": title}, ensure_ascii=False))
        else:
            typer.echo(f"{name:28} {title.get(lang) or title['en']}")


@app.command(help=_("Turn a recorded stream into what a driver makes of it."))
def decode(
    name: str = typer.Argument(metavar="DRIVER", help=_("As in `tillbeam-edge drivers`.")),
    file: str = typer.Argument(help=_("The recording; - is standard input.")),
    option: list[str] = _OPTION,
    as_json: bool = typer.Option(False, "--json", help=_("One JSON object a line.")),
) -> None:
    from drivers.decode import decode_stream
    from drivers.errors import DriverError
    from drivers.registry import driver
    from edge_agent.field.words import is_wrong_command, reason

    try:
        stream = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115  closed below
    except OSError as error:
        _fail(reason(error, language_of(os.environ)), _WRONG)
    try:
        kind = driver(name)
        with stream:
            given = key_values(option, language_of(os.environ))
            any_found = False
            for found in decode_stream(kind, given, iter(lambda: stream.read(_CHUNK_BYTES), b"")):
                any_found = True
                typer.echo(json.dumps(found, ensure_ascii=False) if as_json else _plain(found))
        if not any_found:  # not among the data, which may go to a program
            typer.echo(_("{driver} finds nothing in it.").format(driver=name), err=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has seen enough
    except (DriverError, OSError) as error:
        _fail(reason(error, language_of(os.environ)), _WRONG if is_wrong_command(error) else _FAILED)


@app.command(help=_("How the agent on this box is, asked from the agent itself."))
def status(config: Path = _CONFIG, as_json: bool = typer.Option(False, "--json")) -> None:
    import urllib.error
    import urllib.request

    from edge_agent.field.words import reason

    web = _load(config).settings.web
    host = "127.0.0.1" if web.host in ("0.0.0.0", "::") else web.host
    try:
        with urllib.request.urlopen(
            f"http://{host}:{web.port}/edge/status", timeout=STATUS_TIMEOUT_S
        ) as answer:
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)  # without urllib's brackets
        _fail(
            _("The agent does not answer on {host}:{port}: {why}").format(
                host=host,
                port=web.port,
                why=reason(why, language_of(os.environ)) if isinstance(why, Exception) else why,
            )
        )
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo(f"{found['store']}  {found['version']}  {found['link']}  {found['link_error']}")
    typer.echo(_("unsent {n}, oldest {s} s").format(n=found["unsent"], s=found["oldest_s"]))
    for device in found["devices"]:
        typer.echo(
            f"{device['name']:20} {device['state']:9} {device['events_total']:8} {device['last_problem']}"
        )
    for alarm in found["alarms"]:
        typer.echo(f"! {alarm['name']} {alarm['detail']}")


register(app, DEFAULT_CONFIG)


def _plain(found: dict[str, Any]) -> str:
    rest = {key: value for key, value in found.items() if key not in ("at_byte", "type")}
    return f"{found['at_byte']:8}  {found['type']:20} {json.dumps(rest, ensure_ascii=False)}"


def _mount_settings() -> None:
    from config.cli import settings_app
    from config.edge import EdgeSettings

    app.add_typer(settings_app(EdgeSettings, DEFAULT_CONFIG, environ=os.environ), name="config")


def main() -> None:
    """The console script."""
    if "config" in sys.argv[1:2] or "--help" in sys.argv[1:2] or len(sys.argv) == 1:
        _mount_settings()  # brings rich, which a serving agent does without
    app()


def _load(path: Path) -> Loaded[EdgeSettings]:
    from config.edge import EdgeSettings
    from config.load import load
    from config.mistakes import BadSettings

    try:
        return load(path, EdgeSettings, language_of(os.environ), environ=os.environ)
    except BadSettings as error:
        _fail(str(error))


async def _run(path: Path, loaded: Loaded[EdgeSettings], *, restored: bool) -> None:
    from edge_agent.app import Edge
    from edge_agent.reloading import SettingsFile, Taken
    from edge_agent.serving import serve

    def tell(taken: Taken) -> None:
        if taken.refused:
            typer.echo(taken.refused, err=True)
        if taken.needs_restart:
            typer.echo(_("needs a restart: {parts}").format(parts=", ".join(taken.needs_restart)), err=True)

    edge = Edge(loaded.settings, restored=restored)
    file = SettingsFile(edge, path, loaded, environ=os.environ, lang=language_of(os.environ), tell=tell)
    await serve(edge, os.environ, file)


def _set_up_log(settings: EdgeSettings) -> None:
    import logging

    from edge_agent.logs import set_up

    set_up(settings.log.level, settings.log.format)
    # aiosqlite writes two lines for each statement.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)


def _fail(why: str, status: int = _FAILED) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(status)


if __name__ == "__main__":
    main()
