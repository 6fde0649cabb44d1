"""The parent's side: start the broker's process, know when it is ready, and end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import sysconfig
from pathlib import Path

import msgspec

from central_server.broker.settings import Answer, BrokerSettings, Failed, Orders
from central_server.errors import Misconfigured
from central_server.web.text import N_
from sync.contract.topics import CENTRE_LOGIN

START_MAX_S = 15.0  # a slow card takes five; then something is wrong
STOP_MAX_S = 5.0
TAKEN_TRIES, TAKEN_WAIT_S = 6, 0.5


class PortTaken(Misconfigured):
    """Another program listens where our broker should."""


class RunningBroker:
    """The broker's process. `url`, `login`, `secret`: for the centre's own dialler; stores dial `port`."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, port: int, secret: str) -> None:
        self._process = process
        self.url = url
        self.port = port
        self.login = CENTRE_LOGIN
        self.secret = secret

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        """Waits for the process to end, by itself or by `stop`; its exit status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ends the process, at the latest after `STOP_MAX_S`; may be called twice."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_MAX_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def start_broker(settings: BrokerSettings) -> RunningBroker:
    """Start the broker and wait until it takes connections.

    A port that is taken is tried `TAKEN_TRIES` times: the broker of a centre that was killed a moment ago may
    not be gone yet. Raises PortTaken, or Misconfigured when it does not start for another reason.
    """
    for _ in range(TAKEN_TRIES - 1):
        with contextlib.suppress(PortTaken):
            return await _start(settings)
        await asyncio.sleep(TAKEN_WAIT_S)
    return await _start(settings)


async def _start(settings: BrokerSettings) -> RunningBroker:
    secret = secrets.token_urlsafe(32)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "central_server.broker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": _with_our_packages(os.environ.get("PYTHONPATH", ""))},
    )
    try:
        answer = await _answer(process, Orders(settings, secret))
        if isinstance(answer, Failed):
            if answer.port_taken:
                raise PortTaken(
                    N_("the broker cannot listen on {host}:{port}: another program does"),
                    host=settings.host,
                    port=settings.port,
                )
            raise Misconfigured(N_("the broker does not start: {why}"), why=answer.why)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    host = "127.0.0.1" if settings.tls or settings.host in ("", "0.0.0.0", "::") else settings.host
    return RunningBroker(process, f"mqtt://{host}:{answer.inside_port}", answer.port, secret)


def _with_our_packages(path: str) -> str:
    """`-P` keeps the working directory out of the way; the packages may still stand in a source tree."""
    ours = str(Path(__file__).resolve().parents[2])
    if ours == sysconfig.get_path("purelib"):
        return path  # installed: found without, and must not come before the standard library
    return os.pathsep.join([ours, path] if path else [ours])


async def _answer(process: asyncio.subprocess.Process, orders: Orders) -> Answer:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(orders) + b"\n")
    try:
        async with asyncio.timeout(START_MAX_S):
            await process.stdin.drain()
            line = await process.stdout.readline()
        if not line:
            raise Misconfigured(N_("the broker does not start: {why}"), why="its process has ended")
        return msgspec.json.decode(line, type=Answer)
    except (TimeoutError, ConnectionError, msgspec.DecodeError) as error:
        raise Misconfigured(N_("the broker does not start: {why}"), why=error or "no answer") from error
