"""A camera's worker: how it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from drivers.counter.camera import worker
from drivers.counter.camera.loop import Ended, Hangs
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.words import Setup, encode_line, told

LINES = encode_line(Setup(kind="sim", place="1")) + encode_line(told(CameraOptions()))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Has the worker hear that from its agent, who then goes."""
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "")
    monkeypatch.setenv("OPENCV_FFMPEG_LOGLEVEL", "")
    before, (reading, writing) = os.dup(0), os.pipe()
    os.dup2(reading, 0)

    def hears(lines: bytes) -> None:
        os.write(writing, lines)
        os.close(writing)

    yield hears
    os.dup2(before, 0)
    os.close(before)
    os.close(reading)


def fails(error: Exception) -> Any:
    def serve(*_: object) -> NoReturn:
        raise error

    return serve


@pytest.mark.parametrize(("error", "status"), [(Ended(), 0), (BrokenPipeError(), 0), (Hangs("60 s"), 2)])
def test_its_status_says_how_it_ended(
    heard: Any, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "serve", fails(error))
    heard(LINES)
    assert worker.main() == status


def test_what_nobody_foresaw_is_not_taken_for_an_agent_that_talks_nonsense(
    heard: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "serve", fails(ValueError("operands could not be broadcast together")))
    heard(LINES)
    with pytest.raises(ValueError, match="broadcast"):
        worker.main()


def test_an_agent_that_goes_before_it_has_said_what_to_look_at_is_no_trouble(heard: Any):
    heard(LINES[:-1])
    assert worker.main() == 0


def test_of_nonsense_only_its_kind_is_told(heard: Any, capfd: pytest.CaptureFixture[str]):
    heard(LINES.partition(b"\n")[0] + b'\n{"options": {"lines": "rtsp://anna:secret@host"}}\n')
    assert worker.main() == 1
    assert capfd.readouterr().err == "ValidationError\n"
