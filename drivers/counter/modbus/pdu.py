"""What a Modbus frame says: questions and answers as fields, and the few that we write.

function                          question                       answer
1, 2    coils, inputs             addr 2, count 2                bytes 1, bits, lowest first
3, 4    holding, input registers  addr 2, count 2                bytes 1, registers of 2
5       write a coil              addr 2, FF00 or 0000           the same
6       write a register          addr 2, value 2                the same
15, 16  write several             addr 2, count 2, bytes 1, …    addr 2, count 2
+128    an exception              –                              code 1
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from drivers.counter.modbus.frames import EXCEPTION

REGISTERS_MAX = 125  # of one reading
QUESTIONS_KNOWN_MAX = 256  # a master asks the same again and again
COIL_ON = 0xFF00
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    7: "negative acknowledge",
    8: "memory parity",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}


class Question(NamedTuple):
    """One that reads or writes `size` registers or coils at `addr`."""

    function: int
    addr: int
    size: int = 1
    values: tuple[int, ...] = ()

    @property
    def pdu(self) -> bytes:
        head = bytes([self.function]) + self.addr.to_bytes(2, "big")
        if self.function in (5, 6):
            return head + self.values[0].to_bytes(2, "big")
        head += self.size.to_bytes(2, "big")
        if self.function == 16:
            return head + bytes([2 * self.size]) + registers_bytes(self.values)
        return head


def registers_bytes(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def reading(function: int, values: Sequence[int]) -> bytes:
    """The answer to a question of function 1 to 4."""
    if function > 2:
        data = registers_bytes(values)
    else:
        bits = sum(bool(value) << place for place, value in enumerate(values))
        data = bits.to_bytes((len(values) + 7) // 8, "little")
    return bytes([function, len(data)]) + data


def exception(function: int, code: int) -> bytes:
    return bytes([function | EXCEPTION, code])


@lru_cache(QUESTIONS_KNOWN_MAX)
def question_of(pdu: bytes) -> Question | None:
    """The question that a PDU asks, if it is one of those that ask for something at an address."""
    if len(pdu) < 5 or pdu[0] not in (1, 2, 3, 4, 5, 6, 15, 16):
        return None
    function, addr, number = pdu[0], _word(pdu, 1), _word(pdu, 3)
    match function:
        case 5 | 6:
            return Question(function, addr, 1, (number,)) if len(pdu) == 5 else None
        case 16:
            whole = len(pdu) == 6 + 2 * number
            return Question(function, addr, number, tuple(_words(pdu[6:]))) if whole else None
        case 15:
            return Question(function, addr, number) if len(pdu) == 6 + (number + 7) // 8 else None
        case _:
            return Question(function, addr, number) if len(pdu) == 5 else None


def answers(pdu: bytes, question: Question) -> bool:
    """Whether `pdu` has the form of an answer to `question`."""
    function = pdu[0]
    if function == question.function | EXCEPTION:
        return len(pdu) == 2
    if function != question.function:
        return False
    match function:
        case 1 | 2:
            return len(pdu) == 2 + (question.size + 7) // 8
        case 3 | 4:
            return len(pdu) == 2 + 2 * question.size
        case 5 | 6:
            return pdu == question.pdu
        case _:
            return pdu[1:5] == question.pdu[1:5] and len(pdu) == 5


def values_in(pdu: bytes) -> list[int]:
    """The registers of a reading, or its coils, each 0 or 1, with the padding of the last byte."""
    if pdu[0] > 2:
        return _words(pdu[2:])
    return [byte >> place & 1 for byte in pdu[2:] for place in range(8)]


def fields_of(pdu: bytes, *, asked: Question | None) -> dict[str, Any]:
    """A frame for the technician. `asked` is the question it may answer: the two can look alike."""
    function = pdu[0] & ~EXCEPTION
    fields: dict[str, Any] = {"fc": function}
    if pdu[0] & EXCEPTION:
        code = pdu[1] if len(pdu) > 1 else 0
        return fields | {"exception": code, "exception_text": EXCEPTIONS.get(code, "unknown")}
    if function <= 4 and (len(pdu) != 5 or (asked is not None and answers(pdu, asked))):
        values = values_in(pdu)
        if function > 2:
            fields["registers"] = fields["values"] = values
        else:
            fields["coils"] = values
        return fields
    question = question_of(pdu)
    if question is not None:
        fields["addr"] = question.addr
        if function in (5, 6):
            return fields | {"value": question.values[0]}
        fields["count"] = question.size
        if question.values:
            fields |= {"registers": list(question.values), "values": list(question.values)}
        return fields
    if function in (15, 16) and len(pdu) == 5:
        return fields | {"addr": _word(pdu, 1), "count": _word(pdu, 3)}
    return fields | {"data": pdu[1:].hex()}


def _word(pdu: bytes, at: int) -> int:
    return pdu[at] << 8 | pdu[at + 1]


def _words(data: bytes) -> list[int]:
    return list(struct.unpack_from(f">{len(data) // 2}H", data))
