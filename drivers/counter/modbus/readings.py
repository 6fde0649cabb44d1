"""Which questions a map needs, and what the answers say about people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from drivers.counter.modbus.options import READ_FUNCTION, Channel, ModbusOptions, Name
from drivers.counter.modbus.pdu import COIL_ON, REGISTERS_MAX, Question
from drivers.counter.totals import Step, Total

NOBODY = Step(0)
PLANS_MAX = 64  # of a recording of other masters; more, and they are made anew


def questions(options: ModbusOptions) -> list[Question]:
    """One for each run of addresses without a gap: what the map does not name is not read, it might clear."""
    found: list[Question] = []
    spans = sorted((READ_FUNCTION[ch.kind], ch.address, ch.size) for ch in options.map.values())
    for function, address, size in spans:
        last = found[-1] if found else None
        end = address + size
        if (
            last is not None
            and last.function == function
            and address <= last.addr + last.size
            and end - last.addr <= REGISTERS_MAX
        ):
            found[-1] = Question(function, last.addr, max(last.size, end - last.addr))
        else:
            found.append(Question(function, address, size))
    return found


def clearings(options: ModbusOptions) -> list[Question]:
    """What is written after a reading."""
    if options.clear != "by_writing":
        return []
    if options.clear_address is not None:
        value = options.clear_value
        if options.clear_kind == "coil":
            return [Question(5, options.clear_address, 1, (COIL_ON if value else 0,))]
        return [Question(6, options.clear_address, 1, (value,))]
    found = []
    names: tuple[Name, ...] = ("in", "out")
    for name in names:
        channel = options.map.get(name)
        if channel is not None:
            zeros = (0,) * channel.size
            found.append(Question(6 if channel.size == 1 else 16, channel.address, channel.size, zeros))
    return found


class Place(NamedTuple):
    """A channel, as an answer is searched for it."""

    name: Name
    address: int
    size: int
    function: int
    channel: Channel
    plain: bool  # high word and high byte first
    told: str  # in what `decode` prints: "in_total_be32", "status"


class Layout:
    """Where the channels stand in answers."""

    def __init__(self, options: ModbusOptions) -> None:
        self._plans: dict[tuple[int, int, int, bool], tuple[tuple[int, Place], ...]] = {}
        self._places = tuple(
            Place(
                name,
                channel.address,
                channel.size,
                READ_FUNCTION[channel.kind],
                channel,
                channel.words == channel.bytes == "high_first",
                "status" if name == "state" else f"{name}_total_{channel.form}",
            )
            for name, channel in options.map.items()
        )

    def values(self, question: Question, numbers: Sequence[int]) -> dict[Name, int]:
        """The channels that an answer to `question` holds whole; `numbers` are its registers or coils."""
        return {place.name: _value(place, at, numbers) for at, place in self._found(question, alike=False)}

    def told(self, question: Question, numbers: Sequence[int]) -> dict[str, int]:
        """For the technician, whichever of the two kinds of registers was read."""
        return {place.told: _value(place, at, numbers) for at, place in self._found(question, alike=True)}

    def _found(self, question: Question, *, alike: bool) -> tuple[tuple[int, Place], ...]:
        """Where in the answer which channels stand. A master asks the same again and again."""
        key = (question.function, question.addr, question.size, alike)
        if (plan := self._plans.get(key)) is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._plans[key] = tuple(self._plan(question, alike=alike))
        return plan

    def _plan(self, question: Question, *, alike: bool) -> Iterator[tuple[int, Place]]:
        for place in self._places:
            at = place.address - question.addr
            if not 0 <= at <= question.size - place.size:
                continue
            if place.function != question.function and not (
                alike and place.function > 2 and question.function in (3, 4)
            ):
                continue
            yield at, place


def _value(place: Place, at: int, numbers: Sequence[int]) -> int:
    if not place.plain:
        return place.channel.value(list(numbers[at : at + place.size]))
    return numbers[at] if place.size == 1 else numbers[at] << 16 | numbers[at + 1]


class Reading(NamedTuple):
    """What one answer of a unit adds."""

    inward: int
    outward: int
    why: dict[str, str]  # by the channel: "base", "wrap", "reset", "jump"


class Unit:
    """One counter: its totals, and whether it is well."""

    def __init__(self, options: ModbusOptions, line: str) -> None:
        self.line = line
        self.silence = ""  # why nothing good is heard of it
        self.bad_rounds = 0
        self.to_clear = False  # its counts of this round are not 0
        self._is_bad = False  # says its state
        self._options = options
        self._good_bits = options.map["state"].good_bits if "state" in options.map else 0
        self._clears = options.clear
        self._totals = {n: self._total(ch) for n, ch in options.map.items() if n != "state"}
        self._read_before = options.first_counts

    def _total(self, channel: Channel) -> Total:
        never = self._options.clear == "never"
        whole = channel.wrap or 1 << 16 * channel.size
        return Total(
            wrap=whole if never else 0,
            jump_max=self._options.jump_max,
            scale=channel.scale,
            first_counts=self._options.first_counts,
            reset_counts=not never,
        )

    def read(self, values: dict[Name, int]) -> Reading:
        """Takes the values of one answer."""
        steps: dict[Name, Step] = {}
        why: dict[str, str] = {}
        for name, total in self._totals.items():
            value = values.get(name)
            if value is None:
                continue
            if self._clears != "by_reading":
                step = total.read(value)
            elif self._read_before:
                step = total.since(value)
            else:
                step = Step(0, "base")
            steps[name] = step
            if step.why:
                why[name] = step.why
            if value:
                self.to_clear = True
        self._read_before = self._read_before or bool(steps)
        if "state" in values:
            self._is_bad = values["state"] & self._good_bits != self._good_bits
        return Reading(steps.get("in", NOBODY).people, steps.get("out", NOBODY).people, why)

    def cleared(self, by: Question) -> None:
        """The unit says that it has written what clears it, or one of its counts."""
        for name, total in self._totals.items():
            if self._options.clear_address is not None or self._options.map[name].address == by.addr:
                total.stands_at(0)

    @property
    def fault(self) -> str:
        """What is wrong with it; empty when nothing is."""
        return self.silence or ("its state is bad" if self._is_bad else "")
