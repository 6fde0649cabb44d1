"""pcscd with a reader that is not there (vsmartcard's vpcd), and a card to lay on it.

pcscd ──libifdvpcd──► port ◄── card          2 bytes of length, then a message; one byte of it is an order:
                                             00 off, 01 on, 02 reset, 04 what is your ATR; else an APDU
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from pathlib import Path

from demo.programs import free_port

READER = "Virtual PCD 00 00"  # the first of its two slots
LIBRARY = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET = Path("/run/pcscd/pcscd.comm")
WITHIN_S = 10


@dataclass
class LaidCard:
    """A card while it lies on the reader; `messages_max` of them, and it is snatched away."""

    port: int
    atr: bytes
    answers: dict[bytes, bytes]  # by APDU; any other is 6D00
    messages_max: int | None = None
    messages: list[bytes] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> LaidCard:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._lying = asyncio.create_task(self._lie())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lying.cancel()
        await asyncio.gather(self._lying, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _lie(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while self.messages_max is None or len(self.messages) < self.messages_max:
                size = int.from_bytes(await self._reader.readexactly(2), "big")
                message = await self._reader.readexactly(size)
                self.messages.append(message)
                answer = self._answer(message)
                if answer:
                    self._writer.write(len(answer).to_bytes(2, "big") + answer)
                    await self._writer.drain()
        self._writer.close()
        self.gone.set()

    def _answer(self, message: bytes) -> bytes:
        if len(message) == 1:
            return self.atr if message == b"\x04" else b""
        return self.answers.get(message, b"\x6d\x00")


class Pcscd:
    """The service, with a configuration of its own: one virtual reader on a free port."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = self._first_of_two_free()

    @staticmethod
    def _first_of_two_free() -> int:
        # One for each of vpcd's slots: it opens none when somebody has the second.
        while free_port((port := free_port()) + 1) != port + 1:
            continue
        return port

    @staticmethod
    def runs_already() -> bool:
        """Whether this machine has one: its socket has a fixed place, so there is one at a time."""
        with socket.socket(socket.AF_UNIX) as asking:
            return asking.connect_ex(str(SOCKET)) == 0

    async def start(self) -> None:
        """Returns when the reader waits for its card."""
        self._folder.mkdir(exist_ok=True)
        (self._folder / "vpcd").write_text(
            f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{self.port:X}\nLIBPATH {LIBRARY}\n'
            f"CHANNELID 0x{self.port:X}\n"
        )
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            "--foreground",
            "--critical",
            "--config",
            self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (self.runs_already() and self._listens()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await self.stop()  # the next test would take it for this machine's own
            raise

    async def stop(self, *, kill: bool = False) -> None:
        """Asked to go, or killed; may be called twice."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.kill() if kill else process.terminate()
        await process.wait()
        for left in (SOCKET, SOCKET.with_suffix(".pid")):
            left.unlink(missing_ok=True)

    def lay(self, uid: str, atr: bytes, *, messages_max: int | None = None) -> LaidCard:
        """A card with that UID, to be used as ``async with``."""
        return LaidCard(
            self.port, atr, {bytes.fromhex("FFCA000000"): bytes.fromhex(uid) + b"\x90\x00"}, messages_max
        )

    def _listens(self) -> bool:
        # Not by connecting: that would be a card.
        return f":{self.port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()
