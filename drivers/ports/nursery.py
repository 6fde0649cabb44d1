"""The agent's end of the nursery (`drivers.counter.camera.nursery`): a process that forks cameras' workers.

It is started for the first worker and ended after the last. When it dies they die, too; the next worker that
somebody wants has another nursery started.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from typing import Literal, NamedTuple

from drivers.ports.base import READ_BYTES

PROGRAM = ("-P", "-m", "drivers.counter.camera.nursery")
ENVIRONMENT = {
    # One thread counts; and of a process with more of them a fork has only one.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "SILENT",  # it writes addresses with their passwords on stderr when it may
    "MALLOC_ARENA_MAX": "1",  # the camera's thread and the one that counts hardly ever meet
}
BIRTH_WAIT_S = 60.0  # a slow box takes ten to load OpenCV
LEAVE_S = 5.0  # for a killed process to be gone
LAST_WORDS_BYTES = 2048  # of the nursery's stderr


class NotBorn(Exception):
    """No worker came of it; why, as a part of a sentence."""


class Ended(NamedTuple):
    """How a process ended: its status as Popen has it, and the last line of its stderr."""

    whose: Literal["worker", "nursery"]
    status: int
    words: str = ""

    @property
    def told(self) -> str:
        """As a part of a sentence."""
        by_signal = self.status < 0
        how = f"was ended by {signal.Signals(-self.status).name}" if by_signal else f"ended ({self.status})"
        return f"its {self.whose} {how}" + (f": {self.words}" if self.words else "")


class Streams(NamedTuple):
    """Our end of a socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Worker:
    """A process that was forked for us: what it says is at `reader`, what it is told goes to `writer`."""

    def __init__(self, pid: int, line: Streams, tether: Streams, program: _Program, nursery: Nursery) -> None:
        self.pid = pid
        self.reader, self.writer = line
        self._tether, self._nursery = tether.writer, nursery
        self._ended = asyncio.create_task(program.ended(tether.reader), name=f"end of worker {pid}")

    async def ended(self) -> Ended:
        """How it ended, as soon as it has."""
        return await asyncio.shield(self._ended)

    async def kill(self) -> None:
        """To be called once, whatever became of it. It is gone then, or hangs in a driver."""
        try:
            self._tether.write_eof()
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self.ended()
        finally:
            self._ended.cancel()
            for writer in (self._tether, self.writer):
                writer.close()
            await self._nursery.left()


class Nursery:
    """Runs while it has workers; they may be of several asyncio tasks, of one loop."""

    def __init__(self) -> None:
        self._changing = asyncio.Lock()
        self._program: _Program | None = None
        self._workers = 0

    async def worker(self) -> Worker:
        """A new one, when the nursery has loaded. Raises NotBorn."""
        self._workers += 1
        try:
            return await self._born(await self._running())
        except OSError as error:
            await self.left()
            raise NotBorn(error.strerror or type(error).__name__) from error
        except BaseException:
            await self.left()
            raise

    async def left(self) -> None:
        """One of them has gone, or did not come."""
        self._workers -= 1
        async with self._changing:
            if not self._workers:
                await self._end()

    async def _running(self) -> _Program:
        async with self._changing:
            if self._program is not None and self._program.dead:
                await self._end()
            if self._program is None:
                self._program = await _start()
            return self._program

    async def _end(self) -> None:
        if self._program is not None:
            program, self._program = self._program, None
            await program.end()

    async def _born(self, program: _Program) -> Worker:
        line, tether = await program.ask()
        try:
            async with asyncio.timeout(BIRTH_WAIT_S):
                if pid := int(await _line(tether.reader) or 0):
                    return Worker(pid, line, tether, program, self)
                raise NotBorn((await program.ended(tether.reader)).told)
        except BaseException as error:
            for streams in (line, tether):
                streams.writer.close()
            if isinstance(error, TimeoutError):
                program.kill()
                raise NotBorn(f"its nursery says nothing for {BIRTH_WAIT_S:g} s") from None
            raise


class _Program:
    """A nursery that was started."""

    def __init__(self, process: asyncio.subprocess.Process, asks: socket.socket) -> None:
        self._process, self._asks = process, asks
        self._last_words = asyncio.create_task(_last_words(process), name="last words of the nursery")

    @property
    def dead(self) -> bool:
        return self._process.returncode is not None

    async def ask(self) -> tuple[Streams, Streams]:
        """For a worker: its line, and its tether. Raises OSError."""
        with ExitStack() as theirs, ExitStack() as undone:
            ends: list[int] = []
            ours: list[Streams] = []
            for _ in ("line", "tether"):
                mine, its = socket.socketpair()
                ends.append(theirs.enter_context(its).fileno())
                ours.append(Streams(*await asyncio.open_connection(sock=undone.enter_context(mine))))
                undone.callback(ours[-1].writer.close)
            socket.send_fds(self._asks, [b"!"], ends)
            undone.pop_all()
            return ours[0], ours[1]

    async def ended(self, tether: asyncio.StreamReader) -> Ended:
        """How the worker ended, or the nursery together with it."""
        if line := await _line(tether):
            status, _, words = line.partition(" ")
            return Ended("worker", int(status), words)
        await self._leave()
        return Ended("nursery", self._process.returncode or 0, await self._last_words)

    async def end(self) -> None:
        """Its stdin ends, and so does it."""
        self._asks.close()
        await self._leave()
        await self._last_words

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _leave(self) -> None:
        """It is about to end; it does."""
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()


async def _start() -> _Program:
    asks, its_stdin = socket.socketpair()
    asks.setblocking(False)
    with its_stdin:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *PROGRAM,
                stdin=its_stdin.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | ENVIRONMENT,
            )
        except BaseException:
            asks.close()
            raise
    return _Program(process, asks)


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """The last line of its stderr."""
    assert process.stderr is not None
    words = b""
    while chunk := await process.stderr.read(READ_BYTES):
        words = (words + chunk)[-LAST_WORDS_BYTES:]
    lines = words.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


async def _line(reader: asyncio.StreamReader) -> str:
    """The next; empty when there is none any more."""
    with suppress(ConnectionError):
        return (await reader.readline()).decode("utf-8", "replace").strip()
    return ""
