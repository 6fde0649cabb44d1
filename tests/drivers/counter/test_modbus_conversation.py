"""Master and unit on one line, with the answers cut, late, damaged, in pieces, echoed or lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Heard, Note
from drivers.counter.modbus import DRIVER
from drivers.counter.modbus.frames import Frame, RtuFrames, crc16, rtu_frame
from drivers.counter.modbus.options import Channel
from drivers.counter.modbus.pdu import exception, reading
from drivers.counter.modbus.slave import Slave
from drivers.decode import options_of
from drivers.errors import BadOptions
from sync.contract.events import DeviceState, Passed

IN_ONLY = {"in": {"address": 0}}
Spoil = Callable[[bytes], bytes | None]


class Line:
    """A master and its units; what the units say may be spoilt on its way."""

    def __init__(self, **options: Any) -> None:
        checked = options_of(DRIVER, options)
        self.options: Any = checked
        self.slave, self.master = Slave(self.options), DRIVER.decoder(checked)
        self.now_ms = 0
        self.heard: list[Any] = []
        self.asked: list[bytes] = []
        self.spoil: Spoil = bytes

    def run(self, rounds: int = 1) -> Line:
        """Until the master has begun so many rounds and ended them."""
        until_ms = self.now_ms + round(rounds * self.options.poll_s * 1000)
        while self.master.wake_at_ms is not None and self.master.wake_at_ms < until_ms:
            self.now_ms = max(self.now_ms, self.master.wake_at_ms)
            self._take(self.master.wake(self.now_ms))
            while question := self.master.replies():
                self.asked.append(question)
                if answer := self.spoil(self.slave.feed(question)):
                    self.say(answer)
        self.now_ms = until_ms
        return self

    def say(self, chunk: bytes) -> None:
        self._take(self.master.feed(chunk, self.now_ms))

    def _take(self, heard: list[Heard]) -> None:
        self.heard += [each.what for each in heard]

    @property
    def passed(self) -> tuple[int, int]:
        events = [each for each in self.heard if isinstance(each, Passed)]
        return sum(each.inward for each in events), sum(each.outward for each in events)

    @property
    def states(self) -> list[str]:
        return [each.state for each in self.heard if isinstance(each, DeviceState)]

    @property
    def problems(self) -> list[str]:
        return [each.problem for each in self.heard if isinstance(each, Note) and each.problem]


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_what_goes_up_between_two_readings_are_people(framing: str) -> None:
    line = Line(framing=framing, units={17: "north", 18: "south"})
    line.slave.walk(17, inward=1000)
    line.run()
    assert line.passed == (0, 0)
    line.slave.walk(17, inward=2, outward=1)
    line.slave.walk(18, inward=3)
    line.run()
    assert line.passed == (5, 1)
    assert [each.line for each in line.heard if isinstance(each, Passed)] == ["north", "south"]
    assert line.problems == []


def test_the_first_reading_counts_when_it_is_told_to() -> None:
    line = Line(first_counts=True)
    line.slave.walk(1, inward=7)
    assert line.run().passed == (7, 0)


def test_what_a_unit_had_counted_before_we_came_is_cleared_and_counts_only_when_told_to() -> None:
    for first_counts in (False, True):
        line = Line(clear="by_reading", map=IN_ONLY, first_counts=first_counts)
        line.slave.walk(1, inward=7)
        line.run()
        line.slave.walk(1, inward=2)
        assert line.run().passed == (9 if first_counts else 2, 0)


@pytest.mark.parametrize(
    "channel",
    [
        {"width": 32, "words": "low_first"},
        {"width": 32, "bytes": "low_first"},
        {"width": 32, "words": "low_first", "bytes": "low_first", "kind": "input"},
        {"width": 16, "kind": "input"},
    ],
)
def test_every_order_of_words_and_bytes_is_read(channel: dict[str, Any]) -> None:
    line = Line(map={"in": {"address": 5300, **channel}})
    line.slave.put(1, "in", 65_530 if channel["width"] == 32 else 60_000)
    line.run()
    line.slave.walk(1, inward=513)
    assert line.run().passed == (513, 0)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["high_first", "low_first"]),
    st.sampled_from(["high_first", "low_first"]),
)
def test_a_channel_reads_what_it_wrote(value: int, words: Any, order: Any) -> None:
    channel = Channel(address=0, width=32, words=words, bytes=order)
    assert channel.value(channel.registers(value)) == value


def test_two_counts_a_person_are_half_as_many_people_and_no_half_is_lost() -> None:
    line = Line(map={"in": {"address": 0, "scale": 0.5}}).run()
    for count in (1, 1, 1, 4):
        line.slave.put(1, "in", line.slave.value(1, "in") + count)
        line.run()
    assert line.passed == (3, 0)


def test_a_count_that_goes_over_its_end_goes_on_and_one_that_falls_begins_anew() -> None:
    line = Line(map=IN_ONLY)
    line.slave.put(1, "in", 65_534)
    line.run()
    line.slave.walk(1, inward=3)
    assert line.run().passed == (3, 0)
    line.slave.put(1, "in", 30_000)
    assert line.run().passed == (3, 0)
    assert line.problems == ["jump"]
    line.slave.put(1, "in", 12)  # power was away: 35548 people are not believed
    line.run()
    line.slave.walk(1, inward=4)
    assert line.run().passed == (7, 0)


def test_a_count_that_ends_where_its_maker_says() -> None:
    line = Line(map={"in": {"address": 0, "wrap": 10_000}})
    line.slave.put(1, "in", 9_999)
    line.run()
    line.slave.walk(1, inward=2)
    assert line.slave.value(1, "in") == 1
    assert line.run().passed == (2, 0)


@pytest.mark.parametrize("clear", ["never", "by_reading", "by_writing"])
def test_every_way_of_losing_one_answer_counts_nobody_twice(clear: str) -> None:
    whole = len(rtu_frame(1, reading(3, [0] * 5)))
    spoils: list[Spoil] = [lambda answer, cut=cut: answer[:cut] for cut in range(whole)]  # type: ignore[misc]
    spoils += [
        lambda answer, at=at: answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :] for at in range(whole)
    ]  # type: ignore[misc]
    for spoil in spoils:
        line = Line(clear=clear).run(2)
        line.slave.walk(1, inward=5)
        line.spoil = once(line, spoil, whole)
        line.run(2)
        line.slave.walk(1, inward=2)
        line.run(2)
        if clear == "by_reading":
            assert line.passed == (2, 0)
            assert "lost" in line.problems
        else:
            assert line.passed == (7, 0)
        assert line.states == []


def once(line: Line, spoil: Spoil, size: int) -> Spoil:
    """Spoils the first answer of that size."""

    def spoil_first(answer: bytes) -> bytes | None:
        if len(answer) != size:
            return answer
        line.spoil = bytes
        return spoil(answer)

    return spoil_first


@pytest.mark.parametrize("done", [True, False])
def test_a_clearing_whose_answer_is_lost_is_settled_by_the_next_reading(done: bool) -> None:
    line = Line(clear="by_writing", map=IN_ONLY, retries=0, silent_after=9).run(2)
    line.slave.walk(1, inward=5)
    answers = iter([bytes, lambda answer: None])
    line.spoil = lambda answer: next(answers, bytes)(answer)
    line.run()
    if not done:
        line.slave.put(1, "in", 5)
    assert line.passed == (5, 0)
    line.slave.walk(1, inward=2)
    assert line.run(2).passed == (7, 0)


def test_a_coil_clears_only_after_all_counts_were_read() -> None:
    line = Line(clear="by_writing", clear_address=9, map={"in": {"address": 0}, "out": {"address": 100}}).run(
        2
    )
    line.slave.walk(1, inward=5, outward=4)
    line.run(1)
    assert line.asked[-1] == rtu_frame(1, bytes.fromhex("050009ff00"))
    assert line.slave.value(1, "out") == 0
    line.slave.walk(1, inward=1)
    assert line.run(1).passed == (6, 4)
    assert line.run(3).asked[-1][1] == 3  # what stands at 0 needs no clearing


def test_answers_come_in_three_pieces_and_after_an_echo() -> None:
    for clear in ("never", "by_writing"):
        line = Line(clear=clear)
        line.spoil = lambda answer, line=line: _in_pieces(line, line.asked[-1] + answer)  # type: ignore[misc]
        line.run(2)
        line.slave.walk(1, inward=5)
        assert line.run(2).passed == (5, 0)
        assert line.problems == []


def _in_pieces(line: Line, answer: bytes) -> None:
    for place in range(3):
        line.now_ms += 3
        line.say(answer[place * len(answer) // 3 : (place + 1) * len(answer) // 3])


def test_junk_and_other_units_before_an_answer_do_no_harm() -> None:
    line = Line().run()
    line.slave.walk(1, inward=2)
    other = rtu_frame(99, reading(3, [0, 99, 0, 99, 1]))
    line.spoil = lambda answer: b"\x01\x03\x00" + other + answer
    assert line.run(2).passed == (2, 0)


def test_an_answer_that_comes_too_late_is_not_taken_for_another() -> None:
    line = Line(clear="by_reading", map=IN_ONLY, first_counts=True, retries=0, poll_s=2)
    line.slave.walk(1, inward=5)
    late: list[bytes] = []
    line.spoil = lambda answer: late.append(answer)  # type: ignore[func-returns-value]
    line.run()
    line.say(late[0])
    assert line.passed == (0, 0)
    assert line.problems == ["lost", "no_answer", "unasked"]


def test_two_answers_to_two_tries_are_not_taken_for_two_readings() -> None:
    line = Line(map={"in": {"address": 0}, "out": {"address": 100}}).run()
    line.slave.walk(1, inward=3)
    late: list[bytes] = []

    def slow(answer: bytes) -> bytes | None:
        line.spoil = lambda again: late.extend((answer, again)) or answer  # type: ignore[func-returns-value]
        return None

    line.spoil = slow
    line.run(1)
    line.spoil = bytes
    line.now_ms += 20
    line.say(late[1])  # it looks like the answer to what is asked next: one register
    line.run(2)
    assert line.passed == (3, 0)
    assert line.problems == ["unasked"]


def test_another_masters_reading_of_other_registers_counts_nothing() -> None:
    line = Line().run()
    for count in (10, 12):
        line.say(rtu_frame(1, bytes.fromhex("0400000005")))
        line.say(rtu_frame(1, reading(4, [0, count, 0, 0, 1])))
    assert line.passed == (0, 0)


def test_an_exception_or_silence_is_a_fault_and_never_nobody() -> None:
    line = Line(units={1: "", 2: ""}, silent_after=2).run()
    line.spoil = lambda answer: rtu_frame(1, exception(3, 4)) if answer[0] == 1 else answer
    line.run(3)
    assert line.states == ["blocked"]
    (state,) = [each for each in line.heard if isinstance(each, DeviceState)]
    assert state.detail == "unit 1: exception 4"
    line.spoil = bytes
    line.slave.walk(1, inward=4)  # the total has gone on meanwhile
    line.slave.walk(2, inward=1)
    assert line.run(2).states == ["blocked", "clear"]
    assert line.passed == (5, 0)


def test_a_unit_that_is_not_there_holds_up_the_others_once_a_round_only() -> None:
    line = Line(units={1: "", 2: ""}, silent_after=1, poll_s=5).run()
    line.spoil = lambda answer: answer if answer[0] == 2 else None
    line.run(1)
    line.asked.clear()
    line.run(1)
    assert [question[0] for question in line.asked] == [1, 2]


def test_a_state_that_is_not_good_blocks() -> None:
    line = Line(map={"in": {"address": 0}, "state": {"address": 50, "good_bits": 3}})
    line.slave.put(1, "state", 3)
    line.run()
    line.slave.put(1, "state", 2)
    line.run(2)
    line.slave.put(1, "state", 7)
    assert line.run(2).states == ["blocked", "clear"]


def test_who_passed_while_the_line_was_cut_is_counted_when_it_is_back() -> None:
    for clear, counted in (("never", (9, 0)), ("by_writing", (9, 0)), ("by_reading", (7, 0))):
        line = Line(clear=clear).run()
        line.slave.walk(1, inward=2)
        line.now_ms = line.master.wake_at_ms or 0
        line.master.wake(line.now_ms)
        line.slave.feed(line.master.replies())  # it answers into the void
        for _ in range(16):  # what the pump does when a port goes, in case something was only waited for
            line._take(line.master.wake(max(line.now_ms, line.master.wake_at_ms or 0)))
        line.slave.walk(1, inward=7)
        line.now_ms += 60_000
        line.master.reopened(line.now_ms)
        assert line.run(2).passed == counted
        assert line.problems == (["lost"] if clear == "by_reading" else [])


def test_two_masters_are_one_too_many_so_it_may_only_listen() -> None:
    line = Line(poll_s=0, framing="rtu")
    assert line.master.wake_at_ms is None
    for count in (10, 12):
        line.say(rtu_frame(1, bytes.fromhex("0300000005")))
        line.say(rtu_frame(1, reading(3, [0, count, 0, 0, 1])))
    assert line.passed == (2, 0)
    assert line.master.replies() == b""


def test_a_wish_that_makes_no_sense_is_told() -> None:
    for options in (
        {"units": {300: ""}},
        {"units": {}},
        {"map": {}},
        {"map": {"in": {}}},
        {"map": {"inn": {"address": 0}}},
        {"map": {"in": {"address": 0, "width": 8}}},
    ):
        with pytest.raises(BadOptions):
            options_of(DRIVER, options)


@given(st.binary(max_size=1200), st.integers(1, 700))
def test_what_is_told_of_noise_does_not_depend_on_its_chunks(noise: bytes, size: int) -> None:
    def told(chunks: list[bytes]) -> list[Any]:
        reader = RtuFrames()
        found = [each for chunk in chunks for each in reader.feed(chunk)] + reader.pause()
        return [each for each in found if isinstance(each, Frame)]

    assert told([noise[at : at + size] for at in range(0, len(noise), size)]) == told([noise])


@given(
    st.lists(
        st.tuples(st.integers(0, 247), st.sampled_from([3, 4, 6]), st.integers(0, 65535)),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 30),
)
def test_frames_are_found_whatever_the_chunks(rows: list[tuple[int, int, int]], size: int) -> None:
    frames = [
        rtu_frame(unit, reading(fc, [value]) if fc < 6 else b"\x06\x00\x01" + value.to_bytes(2, "big"))
        for unit, fc, value in rows
    ]
    stream, reader = b"".join(frames), RtuFrames()
    found = [each for at in range(0, len(stream), size) for each in reader.feed(stream[at : at + size])]
    assert [(each.unit, each.pdu) for each in found if isinstance(each, Frame)] == [
        (f[0], f[1:-2]) for f in frames
    ]
    assert not reader.waiting
    assert all(crc16(frame) == 0 for frame in frames)
