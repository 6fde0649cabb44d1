"""The centre as a running program: uvicorn around `app.build_app`, signals, reload."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from central_server import migrations
from central_server.app import Centre, build_app, use_settings
from central_server.db import with_driver
from central_server.errors import Misconfigured
from central_server.keys import KEYS_FILE, CannotDecrypt
from central_server.logs import set_up_logs
from central_server.membership import service as membership
from central_server.web.text import N_
from config.central import CentralSettings
from config.load import Loaded
from config.reload import Kept, reload
from config.text import language_of

GC_EVERY = 50_000  # objects; a batch makes thousands that live for milliseconds, and none of them in a ring
GRACE_S = 10

log = logging.getLogger(__name__)


async def run_server(path: Path, loaded: Loaded[CentralSettings], environ: Mapping[str, str]) -> None:
    """Serve until a signal. Raises Misconfigured, or whatever a part of the centre failed with."""
    settings = loaded.settings
    set_up_logs(settings.log)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    await _migrate(settings.database_url())
    centre = Centre(settings)
    await _check_keys(centre)
    app = build_app(settings, centre=centre)
    server = _server(app, settings)
    sock = _listening(settings.web.host, settings.web.port)
    loop = asyncio.get_running_loop()

    def read_again() -> None:
        nonlocal loaded
        match reload(path, CentralSettings, loaded, language_of(environ), environ=environ):
            case Kept(why=why):
                log.error("the settings stay as they were: %s", why)
            case good:
                loaded = good.loaded
                use_settings(app, loaded.settings)
                set_up_logs(loaded.settings.log)
                log.info("new settings: %s", ", ".join(good.changed) or "nothing changed")
                if good.needs_restart:
                    log.warning("these need a restart: %s", ", ".join(good.needs_restart))

    loop.add_signal_handler(signal.SIGHUP, read_again)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_EVERY, 20, 50)
    try:
        await centre.start()  # before the web, so that what is wrong is said in one line
    except BaseException:
        await centre.stop()
        sock.close()
        raise
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    watching = asyncio.create_task(_watch(centre, server))
    try:
        await serving
    finally:
        watching.cancel()
        await centre.stop()
        sock.close()
        loop.remove_signal_handler(signal.SIGHUP)
    (failed,) = await asyncio.gather(watching, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed
    if not server.started:
        raise Misconfigured(N_("the server did not start; the log says why"))


def _listening(host: str, port: int) -> socket.socket:
    """Bound before anything begins, so that a taken port is said in one line. Raises Misconfigured."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        why = error.strerror or str(error)
        raise Misconfigured(
            N_("the web cannot listen on {host}:{port}: {why}"), host=host, port=port, why=why
        ) from error
    sock.set_inheritable(False)
    return sock


async def _watch(centre: Centre, server: uvicorn.Server) -> None:
    """A centre that lost a part ends, and whoever started it starts it again: no half-living server."""
    while not server.started:
        await asyncio.sleep(0.1)
    try:
        await centre.failed()
    finally:
        server.should_exit = True


async def _migrate(url: str) -> None:
    if with_driver(url).get_backend_name() == "sqlite":
        await migrations.upgrade(url)  # one file, one process: nobody else can be in the middle of it
    elif not await migrations.is_current(url):
        raise Misconfigured(N_("the database is not up to date: tillbeam-central migrate"))


async def _check_keys(centre: Centre) -> None:
    """Without its keys a database would fill with what the right ones cannot open. Raises Misconfigured."""
    try:
        async with centre.database.reading() as session:
            await membership.check_keys(session, keys=centre.keys)
    except CannotDecrypt as error:
        await centre.stop()
        path = centre.settings.state_dir / KEYS_FILE
        raise Misconfigured(
            N_("{path} does not open the names in this database: put back the one that belongs to it"),
            path=path,
        ) from error


class _Server(uvicorn.Server):
    """uvicorn that ends with status 0 when it is told to end; its own raises the signal once more."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _server(app: FastAPI, settings: CentralSettings) -> _Server:
    config = uvicorn.Config(
        app,
        host=settings.web.host,
        port=settings.web.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.web.trusted_proxies),
        forwarded_allow_ips=settings.web.trusted_proxies,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="on",
    )
    return _Server(config)


def openapi_schema() -> dict[str, Any]:
    """The API's schema, the same on every machine."""
    with tempfile.TemporaryDirectory() as folder:
        return build_app(CentralSettings(state_dir=Path(folder))).openapi()
