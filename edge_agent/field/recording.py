"""A recording as it is made, in the form that `replay:` plays, and read again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from drivers.errors import DriverError
from drivers.ports.files import LINE_BYTES_MAX, Recorded
from edge_agent.field.listening import Piece

RECORDING_MAX_BYTES = 64 * 1024 * 1024  # a busy till says about 1 MiB a day; then the recording ends


class NoRecording(DriverError):
    """A file is none, and the first line that shows it."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}: line {line} is not of a recording: {why}")


def new_recording(path: Path) -> BinaryIO:
    """A file that was not there, for its owner's eyes only: card numbers go into it. Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def close_recording(file: BinaryIO, path: Path) -> None:
    """Closes a new recording; one into which nothing came is not kept. Raises OSError."""
    file.close()
    if not path.stat().st_size:
        path.unlink()


class Recording:
    """Takes pieces until it has `max_bytes`; then it is `full`, ends with a whole line, and takes no more."""

    def __init__(self, file: BinaryIO, max_bytes: int = RECORDING_MAX_BYTES) -> None:
        self._file, self._left_bytes = file, max_bytes
        self.full = False

    def add(self, piece: Piece) -> None:
        """Written and flushed at once: who pulls the plug has all but the last piece. Raises OSError."""
        line = msgspec.json.encode(Recorded(piece.t_ms, piece.chunk.hex())) + b"\n"
        self.full = self.full or len(line) > self._left_bytes
        if not self.full:
            self._left_bytes -= len(line)
            self._file.write(line)
            self._file.flush()


def recorded(path: Path) -> Iterator[Piece]:
    """The pieces of a recording, one after the other. Raises NoRecording, OSError."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX), b""), 1):
            try:
                said = msgspec.json.decode(line, type=Recorded)
                yield Piece(said.t_ms, bytes.fromhex(said.hex))
            except (msgspec.DecodeError, ValueError) as error:
                raise NoRecording(path, number, str(error)) from None
