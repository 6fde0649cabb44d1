"""What a camera's worker says, as facts: rows, samples, states, and a worker that is another one."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from drivers.base import Heard, Holding, Lasting, Note
from drivers.counter.camera import DRIVER
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.protocol import SAMPLE_AGAIN_MS, SILENT_MS, CameraDecoder
from drivers.counter.camera.words import Crossed, Left, Said, State, encode_line, read_told
from drivers.decode import options_of
from drivers.errors import BadOptions, PortGone
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.events import DWELL_MAX_MS, CameraState, Occupancy, Passed, Visited


class Worker:
    """A decoder, its clock, and what came of its lines."""

    def __init__(self, **options: Any) -> None:
        self.decoder = CameraDecoder(CameraOptions(**options))
        self.decoder.wake(0)
        self.now_ms = 0
        self.facts: list[Any] = []

    def say(self, *said: Said) -> Worker:
        return self._take(self.decoder.feed(b"".join(map(encode_line, said)), self.now_ms))

    def crossed(self, way: Any, line: str = "door") -> Worker:
        return self.say(Said(self.now_ms, crossed=Crossed(line, way)))

    def state(self, state: State) -> Worker:
        return self.say(Said(self.now_ms, state=state))

    def there(self, **people: int) -> Worker:
        return self.say(Said(self.now_ms, occupancy=people))

    def wait(self, s: float, talking: bool = True) -> Worker:
        """So much time, in which it says a line every few seconds when it talks."""
        until_ms = self.now_ms + round(s * 1000)
        while self.now_ms < until_ms:
            wake_ms = self.decoder.wake_at_ms if self.decoder.wake_at_ms is not None else until_ms
            self.now_ms = min(until_ms, max(wake_ms, self.now_ms + 1), self.now_ms + 5000)
            if talking:
                self.say(Said(self.now_ms))
            self._take(self.decoder.wake(self.now_ms))
        return self

    def _take(self, heard: list[Heard]) -> Worker:
        self.facts += [each.what for each in heard if not isinstance(each.what, Note)]
        return self


def test_crossings_of_a_minute_are_one_row_for_each_line():
    worker = Worker().crossed("in").crossed("in").wait(30).crossed("out").crossed("in", "back door")
    assert worker.facts == []
    worker.wait(30)
    assert worker.facts == [Passed(inward=2, outward=1, line="door"), Passed(inward=1, line="back door")]
    assert worker.wait(600).facts[2:] == []


def test_without_rows_each_crossing_is_told_at_once():
    assert Worker(row_s=0).crossed("out").facts == [Passed(outward=1, line="door")]


def test_a_visit_is_told_when_it_ended():
    worker = Worker().say(Said(61_400, visited=Left("shoes", 42_000)))
    assert worker.facts == [Visited(zone="shoes", dwell_ms=42_000)]


def test_who_was_there_for_longer_than_a_day_is_no_visitor():
    worker = Worker().say(Said(0, visited=Left("shoes", DWELL_MAX_MS)))
    worker.say(Said(1, visited=Left("shoes", DWELL_MAX_MS + 1)), Said(2, visited=Left("shoes", 2**40)))
    assert worker.facts == [Visited(zone="shoes", dwell_ms=DWELL_MAX_MS)]


def test_how_many_are_in_a_zone_is_sampled_when_it_changed():
    worker = Worker().there(shoes=0, till=1).there(shoes=7, till=1).wait(20).there(shoes=2, till=1)
    assert worker.facts == [Occupancy(zone="shoes", people=0), Occupancy(zone="till", people=1)]
    assert worker.wait(40).facts[2:] == [Occupancy(zone="shoes", people=2)]
    assert worker.wait(300).facts[3:] == []


def test_a_sample_is_told_again_after_a_quarter_of_an_hour():
    worker = Worker().there(shoes=3)
    worker.wait(SAMPLE_AGAIN_MS / 1000 - 61)
    assert worker.facts == [Occupancy(zone="shoes", people=3)]
    assert worker.wait(122).facts == [Occupancy(zone="shoes", people=3)] * 2


@pytest.mark.parametrize("occupancy_s", [5, 60, 600, 899, 900])
def test_no_more_than_a_quarter_of_an_hour_is_between_two_samples(occupancy_s: int):
    worker = Worker(occupancy_s=occupancy_s).there(shoes=3)
    for quarters in range(1, 9):
        worker.wait(SAMPLE_AGAIN_MS / 1000 + (0.1 if quarters == 1 else 0))
        assert len(worker.facts) in (quarters, quarters + 1)
    assert len(worker.facts) == 9


def test_a_zone_that_is_no_longer_said_is_no_longer_asked_about():
    worker = Worker().there(shoes=3, till=1).wait(120).there(till=1).wait(2000)
    assert [fact.zone for fact in worker.facts] == ["shoes", "till", "till", "till"]
    assert worker.decoder.wake_at_ms is not None
    assert worker.decoder.wake_at_ms > worker.now_ms + 1000


def test_who_says_nothing_for_long_is_not_asked_how_many_there_are():
    worker = Worker().there(shoes=3).wait(55)
    worker.there(shoes=4)
    assert worker.wait(SILENT_MS / 1000 + 120, talking=False).facts == [
        Occupancy(zone="shoes", people=3),
        Occupancy(zone="shoes", people=4),
    ]
    assert worker.decoder.wake_at_ms is None


@pytest.mark.parametrize("state", ["down", "dark", "covered", "frozen", "moved", "flooded", "resting"])
def test_a_blind_camera_does_not_know_how_many_there_are(state: State):
    worker = Worker().state("up").there(shoes=3).state(state)
    assert worker.wait(2000).facts == [
        CameraState(state="up"),
        Occupancy(zone="shoes", people=3),
        CameraState(state=state),
    ]
    assert worker.there(shoes=3).facts[3:] == [Occupancy(zone="shoes", people=3)]


def test_a_state_is_told_once_and_after_what_was_counted_before_it():
    worker = Worker().state("up").state("up").crossed("in").state("covered").state("clear")
    assert worker.facts == [
        CameraState(state="up"),
        Passed(inward=1, line="door"),
        CameraState(state="covered"),
        CameraState(state="clear"),
    ]


def test_it_tells_its_worker_what_to_look_at_and_the_next_one_again():
    options = CameraOptions.model_validate(
        {"lines": {"门": {"a": [0.1, 0.5], "b": [0.9, 0.5], "in": "down"}}, "hours": "08:00-22:00"}
    )
    decoder = CameraDecoder(options)
    first = decoder.replies()
    assert read_told(first) == options
    assert decoder.replies() == b""
    assert isinstance(decoder, Lasting)
    decoder.reopened(0)
    assert decoder.replies() == first


def test_half_a_line_of_a_worker_that_ended_spoils_nothing_of_the_next():
    worker = Worker(row_s=0)
    worker.decoder.feed(b'{"t_ms":1,"crossed":{"line":"door","wa', 0)
    worker.decoder.reopened(0)
    assert worker.crossed("in").facts == [Passed(inward=1, line="door")]


def test_what_was_being_added_up_is_handed_over_when_the_worker_ends():
    decoder = CameraDecoder(CameraOptions())
    assert isinstance(decoder, Holding)
    heard = asyncio.run(_pumped(decoder, [encode_line(Said(1, crossed=Crossed("door", "in")))]))
    assert heard == [Passed(inward=1, line="door")]


def test_what_was_being_added_up_is_handed_over_when_the_device_is_put_away():
    heard = asyncio.run(_pumped(CameraDecoder(CameraOptions()), [], put_away=True))
    assert heard == [Passed(inward=1, line="door")]


async def _pumped(decoder: CameraDecoder, chunks: list[bytes], put_away: bool = False) -> list[Any]:
    class Ending:
        name = "ending"

        async def read(self) -> bytes:
            if chunks:
                return chunks.pop(0)
            if put_away:
                await asyncio.Event().wait()
            raise PortGone("it ended")

        async def write(self, chunk: bytes) -> None: ...

        async def close(self) -> None: ...

    facts: list[Any] = []
    listening = asyncio.Event()

    async def hear(heard: list[Heard]) -> None:
        facts.extend(each.what for each in heard if not isinstance(each.what, Note))
        listening.set()

    if put_away:
        chunks.append(encode_line(Said(1, crossed=Crossed("door", "in"))))
    pumping = asyncio.create_task(pump(decoder, Ending(), SystemClock(), hear))
    if put_away:
        await asyncio.wait_for(listening.wait(), 5)
        pumping.cancel()
    with contextlib.suppress(PortGone, asyncio.CancelledError):
        await pumping
    return facts


def test_names_without_end_are_not_kept():
    worker = Worker()
    for number in range(1000):
        worker.crossed("in", f"line {number}")
    assert len(worker.wait(60).facts) == 16
    worker.there(**{f"zone{number}": 1 for number in range(64)})
    assert sum(isinstance(fact, Occupancy) for fact in worker.facts) == 32


@pytest.mark.parametrize("hours", ["8:00-22:00", "08:00-25:00", "08:00", "24:00-08:00", "08:00-22:00,"])
def test_hours_that_are_none_are_refused(hours: str):
    with pytest.raises(BadOptions, match="hours"):
        options_of(DRIVER, {"hours": hours})


@pytest.mark.parametrize("hours", ["", "08:00-22:00", "00:00-24:00", "08:00-12:00,14:00-01:30"])
def test_hours_are_taken_as_people_write_them(hours: str):
    assert msgspec.to_builtins(options_of(DRIVER, {"hours": hours}).model_dump()["hours"]) == hours
