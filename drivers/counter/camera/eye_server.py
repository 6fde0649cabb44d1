"""The worker's side of its Unix socket: questions in, answers out, and never a wait for anybody.

One thread counts, and serves this between two pictures. So nothing here blocks: an answer goes out as fast as
who asked takes it, one at a time.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from drivers.counter.camera.eye import (
    QUESTION_BYTES_MAX,
    Question,
    Refused,
    near,
    read_question,
    write_answer,
)

CALLERS_MAX = 8  # at once; the page of one technician needs one
IDLE_S = 30.0  # a caller who says, or takes, nothing for so long is hung up on
READ_BYTES = 16 * 1024

Answer = Callable[[Question], bytes]


class EyeServer:
    """Listens at `door`, which is made anew; its folder too, both for this user alone. Raises OSError."""

    def __init__(self, door: Path, selector: selectors.BaseSelector, answer: Answer) -> None:
        self._selector, self._answer = selector, answer
        self._callers: set[_Caller] = set()
        door.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        door.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.setblocking(False)
        before = os.umask(0o177)
        try:
            with near(door) as place:
                self._listening.bind(place)
        finally:
            os.umask(before)
        self._listening.listen(CALLERS_MAX)
        selector.register(self._listening, selectors.EVENT_READ, self._come)

    def tick(self, now_s: float) -> None:
        """Hangs up on who is idle."""
        for caller in list(self._callers):
            if caller.idle(now_s):
                self._hang_up(caller)

    def close(self) -> None:
        for caller in list(self._callers):
            self._hang_up(caller)
        # The door itself stays: by now it may be that of the worker that took our place.
        self._selector.unregister(self._listening)
        self._listening.close()

    def _come(self, now_s: float) -> None:
        with suppress(OSError):
            line, _ = self._listening.accept()
            line.setblocking(False)
            if len(self._callers) >= CALLERS_MAX:
                line.close()
                return
            caller = _Caller(line, now_s)
            self._callers.add(caller)
            self._selector.register(line, selectors.EVENT_READ, lambda at_s: self._go_on(caller, at_s))

    def _go_on(self, caller: _Caller, now_s: float) -> None:
        try:
            there = caller.go_on(self._answer, now_s)
        except OSError:
            there = False
        if not there:
            self._hang_up(caller)
            return
        # While an answer is going out no further question is read.
        event = selectors.EVENT_WRITE if caller.answering else selectors.EVENT_READ
        key = self._selector.get_key(caller.line)
        if key.events != event:
            self._selector.modify(caller.line, event, key.data)

    def _hang_up(self, caller: _Caller) -> None:
        self._callers.discard(caller)
        self._selector.unregister(caller.line)
        caller.line.close()


class _Caller:
    def __init__(self, line: socket.socket, now_s: float) -> None:
        self.line = line
        self._heard = bytearray()
        self._going_out = memoryview(b"")
        self._moved_s = now_s

    @property
    def answering(self) -> bool:
        return bool(self._going_out)

    def idle(self, now_s: float) -> bool:
        return now_s - self._moved_s > IDLE_S

    def go_on(self, answer: Answer, now_s: float) -> bool:
        """Takes or gives what goes without waiting; False: they are gone. Raises OSError."""
        self._moved_s = now_s
        with suppress(BlockingIOError):
            if not self.answering:
                heard = self.line.recv(READ_BYTES)
                if not heard:
                    return False
                self._heard += heard
                self._think(answer)
            while self.answering:
                self._going_out = self._going_out[self.line.send(self._going_out) :]
                if not self.answering:
                    self._think(answer)
        return True

    def _think(self, answer: Answer) -> None:
        line, end, rest = self._heard.partition(b"\n")
        if end:
            self._heard = rest
            self._going_out = memoryview(_answered(bytes(line), answer))
        elif len(self._heard) > QUESTION_BYTES_MAX:
            raise ConnectionError("a question without an end")


def _answered(line: bytes, answer: Answer) -> bytes:
    try:
        return answer(read_question(line))
    except ValueError as error:
        return write_answer(Refused(why=str(error)[:500]))
