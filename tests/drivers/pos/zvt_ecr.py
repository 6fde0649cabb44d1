"""A till that speaks ZVT, written from PA00P015 and PA00P016 alone: its framing is not the driver's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drivers.errors import PortGone
from drivers.ports.base import Port
from drivers.pos.zvt import messages

ACK, NAK = b"\x06", b"\x15"
GOOD, NO_GOODS, WAIT = b"\x80\x00\x00", b"\x84\x66\x00", b"\x84\x9c\x00"
LIMIT_S = 5.0  # far below the terminal's own times: what takes longer is a mistake
END = {0x060F, 0x061E}


class NoAnswer(AssertionError):
    """The terminal said nothing, or its line is gone."""


@dataclass
class Result:
    """One command, as a till sees it."""

    answer: bytes = b""  # 80 00 00, or why not
    intermediates: list[int] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)
    said_good: bool = False  # to a payment that was approved: the goods go out

    @property
    def approved(self) -> bool:
        return bool(self.statuses) and self.statuses[-1]["result_code"] == 0 and self.ended == "completion"

    @property
    def ended(self) -> str:
        return str(self.end.get("command", ""))


def crc(raw: bytes) -> int:
    """CRC-16/KERMIT, bit by bit."""
    value = 0
    for byte in raw + b"\x03":
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value


class Ecr:
    """One till on a line. Raises NoAnswer where a till would give up."""

    def __init__(self, port: Port, *, serial: bool) -> None:
        self._port, self._serial = port, serial
        self._buffer = bytearray()
        self.on_status: Callable[[dict[str, Any]], bytes] = lambda status: GOOD

    async def close(self) -> None:
        await self._port.close()

    async def command(self, raw: bytes, *, ends: bool = True) -> Result:
        """Says it, and does what a till does until the terminal has ended it; `ends`: with 06 0F or 06 1E."""
        result = Result()
        await self.begin(raw, result)
        if result.answer == GOOD and ends:
            while not result.end:
                await self.follow(result)
        return result

    async def begin(self, raw: bytes, result: Result) -> None:
        """Only says it, and takes the answer."""
        await self.say(raw)
        result.answer = await self.hear()

    async def follow(self, result: Result) -> None:
        """Takes the next of the terminal's messages and answers it."""
        raw = await self.hear()
        message = messages.read(raw)
        answer = GOOD
        if message.control == 0x04FF:
            result.intermediates.append(message.fields["status"])
        elif message.control == 0x040F:
            result.statuses.append(message.fields)
            answer = self.on_status(message.fields)
            result.said_good |= answer == GOOD and message.fields["result_code"] == 0
        elif message.control in END:
            result.end = message.fields
        await self.say(answer)

    async def say(self, raw: bytes) -> None:
        """One message; on a serial line until its ACK has come."""
        if not self._serial:
            await self._write(raw)
            return
        await self._write(
            b"\x10\x02" + raw.replace(b"\x10", b"\x10\x10") + b"\x10\x03" + crc(raw).to_bytes(2, "little")
        )
        got = await self._take(1)
        if got != ACK:
            raise NoAnswer(f"{got.hex()} instead of an ACK")

    async def hear(self) -> bytes:
        """The next message of the terminal, acknowledged."""
        if not self._serial:
            head = await self._take(3)
            if head[2] == 0xFF:
                head += await self._take(2)
                return head + await self._take(int.from_bytes(head[3:5], "little"))
            return head + await self._take(head[2])
        assert await self._take(2) == b"\x10\x02"
        raw = bytearray()
        while True:
            byte = await self._take(1)
            if byte == b"\x10":
                byte = await self._take(1)
                if byte == b"\x03":
                    break
                assert byte == b"\x10", "DLE without sense"
            raw += byte
        assert int.from_bytes(await self._take(2), "little") == crc(bytes(raw))
        await self._write(ACK)
        return bytes(raw)

    async def _write(self, chunk: bytes) -> None:
        try:
            await self._port.write(chunk)
        except PortGone as error:
            raise NoAnswer(str(error)) from error

    async def _take(self, count: int) -> bytes:
        try:
            async with asyncio.timeout(LIMIT_S):
                while len(self._buffer) < count:
                    self._buffer += await self._port.read()
        except (TimeoutError, PortGone) as error:
            raise NoAnswer(str(error)) from error
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
