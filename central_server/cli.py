"""`tillbeam-central`: run the centre, and what is done to it from a terminal.

Exit status: 0 done, 1 refused or failed (one line on standard error says why), 2 the command is wrong.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError

from central_server import migrations
from central_server.db import Database
from central_server.errors import CentreError, Invalid, Misconfigured
from central_server.keys import Keys
from central_server.web.text import N_
from config.central import CentralSettings
from config.cli import settings_app
from config.load import load
from config.mistakes import BadSettings
from config.text import catalogue, language_of
from sync.clock import SystemClock

DEFAULT_SETTINGS = Path("/etc/tillbeam/central.yaml")
_ = catalogue(Path(__file__).parent, language_of(os.environ)).gettext
ConfigFile = Annotated[Path, typer.Option("--config", help=_("The settings file."))]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=_("Head office's server."),
)
admin = typer.Typer(no_args_is_help=True, help=_("Administrators."))
aside_app = typer.Typer(no_args_is_help=True, help=_("Events that could not be applied."))
store = typer.Typer(no_args_is_help=True, help=_("Stores and their enrolment."))
keys_app = typer.Typer(no_args_is_help=True, help=_("The keys of personal fields."))
ledger_app = typer.Typer(no_args_is_help=True, help=_("Money and points."))
user = typer.Typer(no_args_is_help=True, help=_("Users."))
app.add_typer(admin, name="admin")
app.add_typer(user, name="user")
app.add_typer(aside_app, name="aside")
app.add_typer(store, name="store")
app.add_typer(keys_app, name="keys")
app.add_typer(ledger_app, name="ledger")
app.add_typer(settings_app(CentralSettings, DEFAULT_SETTINGS, environ=os.environ), name="config")

log = logging.getLogger(__name__)


def main() -> None:
    """The console script."""
    try:
        app()
    except (CentreError, DBAPIError, OSError) as error:
        typer.echo(f"tillbeam-central: {_in_words(error)}", err=True)
        sys.exit(1)


@app.command(
    help=_("Run the centre until it is told to stop (SIGINT, SIGTERM); SIGHUP reads the settings again.")
)
def serve(config: ConfigFile = DEFAULT_SETTINGS) -> None:
    from central_server.serving import run_server

    loaded = _loaded(config)
    asyncio.run(run_server(config, loaded, os.environ))


@app.command(help=_("Bring the database up to date."))
def migrate(
    config: ConfigFile = DEFAULT_SETTINGS,
    revision: Annotated[
        str, typer.Option(help=_("For developers: write a new step with this message."))
    ] = "",
) -> None:
    settings = _settings(config)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    url = settings.database_url()
    asyncio.run(migrations.revision(url, revision) if revision else migrations.upgrade(url))


@app.command(help=_("Print the API's OpenAPI schema."))
def openapi() -> None:
    from central_server.serving import openapi_schema

    typer.echo(json.dumps(openapi_schema(), ensure_ascii=False, indent=1, sort_keys=True))


@admin.command(
    "create",
    help=_(
        "Create the first administrator. The password is asked for, or is the first line of standard input."
    ),
)
def admin_create(
    login: str, config: ConfigFile = DEFAULT_SETTINGS, name: Annotated[str, typer.Option()] = ""
) -> None:
    from central_server.staff.passwords import Passwords
    from central_server.staff.service import create_first_admin

    password, lang = _password(), _settings(config).language

    async def work(database: Database) -> None:
        now_ms = SystemClock().wall_ms()
        await create_first_admin(
            database, Passwords(), login, name or login, password, now_ms=now_ms, lang=lang
        )

    _with_database(config, work)


@user.command(
    "create",
    help=_(
        "Create a user whose login nobody has had in hand: what they ask and what you allow are two people's."
        " The password is asked for, or is the first line of standard input; they change it at sign-in."
    ),
)
def user_create(
    login: str,
    roles: Annotated[list[str], typer.Option("--role", help=_("Once for each role."))],
    config: ConfigFile = DEFAULT_SETTINGS,
    name: Annotated[str, typer.Option()] = "",
    stores: Annotated[
        list[str] | None, typer.Option("--store", help=_("Only this store; once for each. Default: all."))
    ] = None,
) -> None:
    from central_server.staff.passwords import Passwords
    from central_server.staff.service import NewUser, create_user

    password, lang = _password(), _settings(config).language
    new = NewUser(login, name or login, roles, stores or None, lang=lang)

    async def work(database: Database) -> None:
        await create_user(database, Passwords(), new, password, now_ms=SystemClock().wall_ms())

    _with_database(config, work)


@store.command("add", help=_("Add a store and print its id."))
def store_add(
    name: str,
    config: ConfigFile = DEFAULT_SETTINGS,
    store_id: Annotated[
        str, typer.Option("--id", help=_("a-z, 0-9 and '-'; default: made of the name."))
    ] = "",
) -> None:
    from central_server.staff.service import COMMAND
    from central_server.stores import service as stores

    settings = _settings(config)
    id_ = store_id or re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32]
    new = stores.NewStore(id_, name, timezone=settings.timezone, currency=settings.currency)

    async def work(database: Database) -> None:
        async with database.transaction() as session:
            await stores.add_store(session, COMMAND, new, now_ms=SystemClock().wall_ms())
        typer.echo(new.id)

    _with_database(config, work)


@store.command("code", help=_("Print a one-time code with which an edge enrols for the store."))
def store_code(store_id: str, config: ConfigFile = DEFAULT_SETTINGS) -> None:
    from central_server.staff.service import COMMAND
    from central_server.stores import service as stores

    keys = Keys.open(_settings(config).state_dir)

    async def work(database: Database) -> None:
        async with database.transaction() as session:
            now_ms = SystemClock().wall_ms()
            code = await stores.new_code(session, keys, COMMAND, store_id, now_ms=now_ms)
        typer.echo(code)

    _with_database(config, work)


@aside_app.command("list", help=_("What waits, one event a line: number, place, kind, why."))
def aside_list(config: ConfigFile = DEFAULT_SETTINGS) -> None:
    from central_server.uplink import aside

    async def work(database: Database) -> None:
        async with database.reading() as session:
            for each in await aside.waiting(session):
                typer.echo(f"{each.id}\t{each.event}\t{each.type or '?'}\t{each.why}")

    _with_database(config, work)


@aside_app.command("show", help=_("One event, with all that is known of it, as JSON."))
def aside_show(number: int, config: ConfigFile = DEFAULT_SETTINGS) -> None:
    from central_server.uplink import aside

    async def work(database: Database) -> None:
        async with database.reading() as session:
            each = await aside.one(session, number)
        said = each._asdict() | {"event": str(each.event)}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=1))

    _with_database(config, work)


@aside_app.command("replay", help=_("Hand an event, or all that wait, to their modules again."))
def aside_replay(
    number: Annotated[int, typer.Argument(help=_("0: all."))] = 0, config: ConfigFile = DEFAULT_SETTINGS
) -> None:
    from central_server.staff.service import COMMAND
    from central_server.uplink import aside
    from central_server.uplink.handlers import handlers

    settings = _settings(config)
    table = handlers(Keys.open(settings.state_dir), settings.country)

    async def work(database: Database) -> None:
        now_ms = SystemClock().wall_ms()
        if number:
            async with database.transaction() as session:
                done = int(await aside.replay(session, table, number, by=COMMAND, now_ms=now_ms))
                failed = 1 - done
        else:
            done, failed = await aside.replay_all(database, table, by=COMMAND, now_ms=now_ms)
        typer.echo(_("replayed {done}, failed again {failed}").format(done=done, failed=failed))
        if failed:
            raise typer.Exit(1)

    _with_database(config, work)


@aside_app.command("discard", help=_("Decide that an event shall have no effect."))
def aside_discard(
    number: int,
    reason: Annotated[str, typer.Option(help=_("Why it may be discarded; kept in the audit trail."))],
    config: ConfigFile = DEFAULT_SETTINGS,
) -> None:
    from central_server.staff.service import COMMAND
    from central_server.uplink import aside

    async def work(database: Database) -> None:
        async with database.transaction() as session:
            now_ms = SystemClock().wall_ms()
            await aside.discard(session, number, reason=reason, by=COMMAND, now_ms=now_ms)

    _with_database(config, work)


@ledger_app.command(
    "verify",
    help=_(
        "Work out every balance, lot and hash anew and name the first thing that is wrong. Prints where the"
        " chains end: kept elsewhere, these lines show later that nothing before them was altered."
    ),
)
def ledger_verify(
    config: ConfigFile = DEFAULT_SETTINGS,
    kept: Annotated[
        list[str] | None, typer.Option(help=_("A line that was printed earlier; may be given again."))
    ] = None,
) -> None:
    from central_server.ledger.books.verify import read_head, verify, written_head

    ends = [read_head(each) for each in kept or ()]

    async def work(database: Database) -> None:
        found = await verify(database, ends)
        if found.wrong is not None:
            typer.echo(_(found.wrong.msgid).format(**found.wrong.values), err=True)
            raise typer.Exit(1)
        for head in found.heads:
            typer.echo(written_head(head))
        right = _("right: {accounts} accounts, {transfers} transfers in {batches} batches, {purses} purses")
        typer.echo(
            right.format(
                accounts=found.accounts, transfers=found.transfers, batches=found.batches, purses=found.purses
            )
        )

    _with_database(config, work)


@ledger_app.command(
    "stop",
    help=_(
        "Grant no store anything of any card, until `ledger resume`. Right after a database was put back on"
        " another machine, before the server starts."
    ),
)
def ledger_stop(config: ConfigFile = DEFAULT_SETTINGS) -> None:
    from central_server.ledger.leases import stopping
    from central_server.staff.service import COMMAND

    async def work(database: Database) -> None:
        async with database.transaction() as session:
            await stopping.order_stop(session, COMMAND, SystemClock().wall_ms())
        typer.echo(_("Nothing is granted to any store from now on. Stores may still spend what they hold."))

    _with_database(config, work)


@ledger_app.command(
    "resume",
    help=_(
        "Let stores be granted things again, once each has told all that it did before the stop. Else prints"
        " the stores that have not."
    ),
)
def ledger_resume(
    config: ConfigFile = DEFAULT_SETTINGS,
    anyway: Annotated[
        bool, typer.Option(help=_("Though some have not: what they were granted may be spent twice."))
    ] = False,
) -> None:
    from central_server.ledger.leases import stopping
    from central_server.staff.service import COMMAND

    async def work(database: Database) -> None:
        async with database.reading() as session:
            silent = await stopping.silent_stores(session)
        for store in silent:
            typer.echo(store)
        async with database.transaction() as session:
            await stopping.resume(session, COMMAND, anyway=anyway, now_ms=SystemClock().wall_ms())
        typer.echo(_("Stores are granted things again."))

    _with_database(config, work)


@keys_app.command(
    "rotate",
    help=_(
        "Add a key. After a restart the server closes with it, and by and by what older keys have closed."
    ),
)
def keys_rotate(config: ConfigFile = DEFAULT_SETTINGS) -> None:
    state_dir = _settings(config).state_dir

    async def work() -> None:
        Keys.open(state_dir).rotated(state_dir)
        typer.echo(_("A key was added. Restart every centre process now, and back up the keys file."))

    asyncio.run(work())


def _loaded(config: Path) -> Any:
    try:
        return load(config, CentralSettings, language_of(os.environ), environ=os.environ)
    except BadSettings as bad:
        typer.echo(str(bad), err=True)
        raise typer.Exit(1) from None


def _settings(config: Path) -> CentralSettings:
    settings: CentralSettings = _loaded(config).settings
    return settings


def _with_database(config: Path, work: Callable[[Database], Awaitable[None]]) -> None:
    url = _settings(config).database_url()

    async def within() -> None:
        if not await migrations.is_current(url):
            raise Misconfigured(N_("the database is not up to date: tillbeam-central migrate"))
        database = Database(url)
        try:
            await work(database)
        finally:
            await database.close()

    asyncio.run(within())


def _in_words(error: CentreError | DBAPIError | OSError) -> str:
    """The error in the terminal's language, on one line."""
    if isinstance(error, DBAPIError):
        return " ".join(str(error.orig).split())
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, Invalid):
        return "; ".join(f"{field}: {_(why)}" for field, why in error.fields.items())
    return _(error.msgid).format(**error.values) if error.values else _(error.msgid)


def _password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt(_("Password"), hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\n")
