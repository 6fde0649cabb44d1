"""Somebody else's program in a process of its own: told what to do, and telling what came of it, in JSON.

Libraries of payment terminals block, print and wait for minutes; a small program beside the test (`*.py`,
`*.js`) plays the till with one of them: a line {"do": "sale", …} comes in, a line goes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ANSWER_S = 20.0  # longer than anything that the tests have a peer wait for


class PeerFailed(AssertionError):
    """The program ended, or said nothing for long; with what it wrote to stderr."""


class Peer:
    """One running program. `ask` waits for its answer; `tell` does not, and `answer` gives it later."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Path) -> None:
        self._process, self._errors = process, errors

    @classmethod
    async def start(
        cls, command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
    ) -> Peer:
        """`folder` takes what it writes to stderr; `env` is added to the environment."""
        folder.mkdir(parents=True, exist_ok=True)
        errors = folder / "stderr.txt"
        with errors.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env=os.environ | dict(env or {}),
            )
        return cls(process, errors)

    async def ask(self, do: str, **named: Any) -> Any:
        """What came of it. Raises PeerFailed."""
        await self.tell(do, **named)
        return await self.answer()

    async def tell(self, do: str, **named: Any) -> None:
        """Has it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do} | named).encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # it has ended: `answer` says why
            await self._process.stdin.drain()

    async def answer(self) -> Any:
        """What it says next. Raises PeerFailed."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(ANSWER_S):
                while line := await self._process.stdout.readline():
                    with contextlib.suppress(json.JSONDecodeError):
                        return json.loads(line)  # other lines are what its library prints
        except TimeoutError:
            raise PeerFailed(f"said nothing for {ANSWER_S:g} s: {self._stderr()}") from None
        raise PeerFailed(f"ended: {self._stderr()}")

    async def stop(self) -> None:
        """Ends it, whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()

    def _stderr(self) -> str:
        return self._errors.read_text("utf-8", errors="replace")[-2000:]
