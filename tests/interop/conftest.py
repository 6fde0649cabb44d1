"""Other people's programs as the other side: where they come from, and lines to them.

A peer that is missing is a test skipped with the command that installs it. `./run test` installs npm's
packages into var/npm, from the lock file, and Debian's (`debian_for_tests`); pip's are in the dev extra.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sync.clock import SystemClock
from tests.edge_agent.terminal_box import TerminalBox, open_box
from tests.interop.peers import Peer
from tests.interop.wire import Wire

ROOT = Path(__file__).parents[2]
NPM = Path(__file__).parent / "npm"


@asynccontextmanager
async def running(*works: Awaitable[Any]) -> AsyncIterator[list[asyncio.Future[Any]]]:
    """The coroutines as tasks for as long as the block lasts."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(scope="session")
def needs() -> Callable[[str, str], Path]:
    """`needs("socat", "socat")`: the program of a Debian package, or the test is skipped."""

    def find(package: str, program: str) -> Path:
        found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        if found is None:
            pytest.skip(f"{program} is missing: sudo apt-get install {package}")
        return Path(found)

    return find


@pytest.fixture(scope="session")
def npm(needs: Callable[[str, str], Path]) -> dict[str, str]:
    """The environment in which node finds the packages of tests/interop/npm."""
    needs("nodejs", "node")
    needs("npm", "npm")
    digest = hashlib.sha256((NPM / "package-lock.json").read_bytes()).hexdigest()[:12]
    place = ROOT / "var" / "npm" / digest
    if not (place / "done").exists():
        pytest.skip("the packages of tests/interop/npm are not set up: ./run test does it")
    return {"NODE_PATH": str(place / "node_modules")}


@pytest.fixture
async def start_peer(tmp_path: Path) -> AsyncIterator[Any]:
    """`await start_peer([sys.executable, script])`: a Peer that ends with the test."""
    started: list[Peer] = []

    async def start(command: Sequence[str | Path], env: dict[str, str] | None = None) -> Peer:
        peer = await Peer.start(command, tmp_path / f"peer-{len(started)}", env)
        started.append(peer)
        return peer

    yield start
    for peer in started:
        await peer.stop()


@pytest.fixture
def open_till_box(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[TerminalBox]]:
    """`async with open_till_box("name") as box`: a box by this machine's clock; its card may spend 100.00."""

    @asynccontextmanager
    async def open_(name: str = "box", amount: int = 10_000) -> AsyncIterator[TerminalBox]:
        async with open_box(tmp_path / f"{name}.db", SystemClock(), running) as box:
            await box.grant(amount)
            yield box

    return open_


@pytest.fixture
async def make_wire(tmp_path: Path) -> AsyncIterator[Callable[[], Wire]]:
    """`make_wire()`: a serial line with scissors, mended."""
    made: list[Wire] = []

    def make() -> Wire:
        folder = tmp_path / f"wire-{len(made)}"
        folder.mkdir()
        made.append(Wire(folder))
        made[-1].mend()
        return made[-1]

    yield make
    for wire in made:
        wire.cut()
