"""The other end of the line: units that count people and answer whoever asks, for simulators and tests."""

from __future__ import annotations

from drivers.counter.modbus.frames import Frame, RtuFrames, TcpFrames, rtu_frame, tcp_frame
from drivers.counter.modbus.options import READ_FUNCTION, Channel, ModbusOptions, Name
from drivers.counter.modbus.pdu import COIL_ON, Question, exception, question_of, reading

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3


class Slave:
    """All units of the options, each with the same map."""

    def __init__(self, options: ModbusOptions) -> None:
        self._options = options
        self._frames = RtuFrames() if options.framing == "rtu" else TcpFrames()
        self._words: dict[int, dict[int, int]] = {unit: {} for unit in options.units}
        self._bits: dict[int, dict[int, int]] = {unit: {} for unit in options.units}
        for unit in options.units:
            self.put(unit, "in", 0)
            self.put(unit, "out", 0)
            self.put(unit, "state", 1)

    def put(self, unit: int, name: Name, value: int) -> None:
        """The channel's value from now on, cut to its width."""
        channel = self._options.map.get(name)
        if channel is not None:
            for place, word in enumerate(channel.registers(value)):
                self._store(unit, channel)[channel.address + place] = word

    def value(self, unit: int, name: Name) -> int:
        channel = self._options.map[name]
        store = self._store(unit, channel)
        return channel.value([store[channel.address + place] for place in range(channel.size)])

    def walk(self, unit: int, *, inward: int = 0, outward: int = 0) -> None:
        """People pass."""
        passed: dict[Name, int] = {"in": inward, "out": outward}
        for name, people in passed.items():
            channel = self._options.map.get(name)
            if channel is not None and people:
                whole = channel.wrap or 1 << 16 * channel.size
                self.put(unit, name, (self.value(unit, name) + round(people / channel.scale)) % whole)

    def feed(self, chunk: bytes) -> bytes:
        """The answers to what was asked of these units; silence to all else."""
        return b"".join(
            self._reply(each) for each in self._frames.feed(chunk) if isinstance(each, Frame) and each.ok
        )

    def hang_up(self) -> None:
        """The line was cut: what had come of a question is forgotten."""
        self._frames.pause()

    def _store(self, unit: int, channel: Channel) -> dict[int, int]:
        return (self._bits if channel.kind in ("coil", "discrete") else self._words)[unit]

    def _reply(self, frame: Frame) -> bytes:
        if frame.unit not in self._words:
            return b""
        pdu = self._answer(frame.unit, frame.pdu)
        if frame.transaction is None:
            return rtu_frame(frame.unit, pdu)
        return tcp_frame(frame.transaction, frame.unit, pdu)

    def _answer(self, unit: int, pdu: bytes) -> bytes:
        question = question_of(pdu)
        if question is None:
            return exception(pdu[0], ILLEGAL_FUNCTION)
        store = self._bits[unit] if question.function in (1, 2, 5, 15) else self._words[unit]
        places = range(question.addr, question.addr + question.size)
        if question.size < 1 or question.function == 15:
            return exception(pdu[0], ILLEGAL_VALUE)
        clears = self._options.clear_address in places and self._options.clear == "by_writing"
        if not clears and any(place not in store for place in places):
            return exception(pdu[0], ILLEGAL_ADDRESS)
        if question.function <= 4:
            answer = reading(question.function, [store[place] for place in places])
            if self._options.clear == "by_reading":
                self._begin_anew(unit, question)
            return answer
        if clears:
            self._begin_anew(unit, None)
        else:
            values = (
                [value == COIL_ON for value in question.values] if question.function == 5 else question.values
            )
            store.update(zip(places, values, strict=True))
        return pdu if question.function in (5, 6) else pdu[:5]

    def _begin_anew(self, unit: int, read: Question | None) -> None:
        """Counts go to 0; of those that clear when read, the ones that were."""
        for name, channel in self._options.map.items():
            if name == "state":
                continue
            if read is None or (
                READ_FUNCTION[channel.kind] == read.function
                and read.addr <= channel.address < read.addr + read.size
            ):
                self.put(unit, name, 0)
