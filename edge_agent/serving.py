"""The agent as a service: its pages, its signals, and what systemd is told.

SIGTERM and SIGINT end it gracefully; SIGHUP has it read its settings again. The watchdog is fed only while
every core part is running, so a live zombie is restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from config.write_back import WriteBack
from edge_agent.app import Edge
from edge_agent.errors import StoreInUse
from edge_agent.health import NotifyFailed, notify
from edge_agent.listening import EYES
from edge_agent.reloading import SettingsFile
from edge_agent.wedge import wedge_decoder

if TYPE_CHECKING:
    from edge_agent.web.cameras import Cameras

log = logging.getLogger(__name__)

PAGES_STOP_S = 1  # for what a page asked in the last moment
LOCK_NAME = "lock"
_BACKLOG = 64


class Pages(Protocol):
    """A web server at work."""

    async def stop(self) -> None: ...


class Systemd:
    """What the service manager wants to know, from its environment ($NOTIFY_SOCKET, $WATCHDOG_USEC)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET")
        microseconds = environ.get("WATCHDOG_USEC", "")
        self._watchdog_s = int(microseconds) / 1e6 if microseconds.isdigit() else None

    def tell(self, state: str) -> None:
        try:
            notify(state, self._address)
        except NotifyFailed as error:
            log.warning("systemd cannot be told %s: %s", state, error)

    async def feed_watchdog(self, alive: Callable[[], bool]) -> None:
        """Until cancelled, or until the agent is no longer alive."""
        while self._watchdog_s and alive():
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)


async def serve(
    edge: Edge,
    environ: Mapping[str, str],
    file: SettingsFile,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Runs the agent until a signal ends it. SIGHUP has `file` read again.

    Raises EdgeError when it cannot start, OSError when the state folder cannot be written, and whatever ended
    a core part.
    """
    with only_one(edge.settings.state_dir):
        await _serve(edge, Systemd(environ), file, ready)


@contextlib.contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Holds the state folder: two agents would number their events alike. Raises StoreInUse, OSError.

    The lock is the kernel's: it goes with the process, however that ends.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / LOCK_NAME).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreInUse(f"{state_dir}: another agent is running with this state folder") from None
        yield


async def _serve(edge: Edge, systemd: Systemd, file: SettingsFile, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    await edge.start()
    reloads: set[asyncio.Task[None]] = set()

    async def reread() -> None:
        systemd.tell("RELOADING=1")
        try:
            await file.reload()
        finally:
            systemd.tell("READY=1")

    def hang_up() -> None:
        task = loop.create_task(reread())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    feeding: asyncio.Task[None] | None = None
    pages: Pages | None = None
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, edge.ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, hang_up)
        pages = await open_pages(edge, file)
        systemd.tell("READY=1")
        ready()
        feeding = loop.create_task(systemd.feed_watchdog(lambda: edge.alive))
        await edge.run()
    finally:
        systemd.tell("STOPPING=1")
        if feeding:
            feeding.cancel()
        if pages:
            await pages.stop()
        await edge.stop()


async def open_pages(edge: Edge, file: SettingsFile) -> Pages | None:
    """The pages for cashier and technician; None when the port is taken: all else goes on."""
    settings = edge.settings.web
    try:
        sock = _listening(settings.host, settings.port)
    except OSError as error:
        log.error("no pages: %s:%s: %s", settings.host, settings.port, error.strerror or error)
        await edge.alarms.set(
            "pages_closed", True, f"{settings.host}:{settings.port}: {error.strerror}"[:200]
        )
        return None
    # Imported only now: devices are heard and the outbox writes before the pages have been read in.
    from edge_agent.web.app import build

    hosts = ("localhost", "127.0.0.1", "::1", settings.host, *settings.names)
    app = build(
        till=edge.till,
        status=edge.status,
        metrics=edge.metrics if edge.settings.health.metrics else None,
        wedge=lambda: wedge_decoder(edge.settings),
        lang=edge.settings.language,
        token=secrets.token_urlsafe(16),
        hosts=hosts,
        currency=edge.settings.currency,
        history=edge.history,
        shifts=edge.shifts,
        cameras=_cameras(edge, file),
    )
    return _start(app, sock)


def _cameras(edge: Edge, file: SettingsFile) -> Cameras:
    from edge_agent.web.cameras import Cameras

    pin = edge.settings.web.technician_pin
    return Cameras(
        devices=lambda: edge.settings.devices,
        writer=WriteBack(file.path, environ=file.environ),
        reload=file.reload,
        eyes=edge.settings.state_dir / EYES,
        pin=pin.get_secret_value() if pin else "",
        mono_s=lambda: edge.world.clock.mono_ms() / 1000,
    )


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _start(app: Any, sock: socket.socket) -> Pages:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # the signals are the agent's

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http="h11",
        ws="none",
        loop="none",
        timeout_graceful_shutdown=PAGES_STOP_S,
        server_header=False,
    )
    server = Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))

    class Running:
        async def stop(self) -> None:
            app.state.ending.set()
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            sock.close()

    return Running()
