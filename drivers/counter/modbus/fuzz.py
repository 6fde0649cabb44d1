"""Any bytes as a frame whose length and CRC are right."""

from __future__ import annotations

from drivers.counter.modbus.frames import EXCEPTION, EXCEPTION_CODE_MAX, rtu_frame, tcp_frame
from drivers.counter.modbus.options import ModbusOptions

DATA_BYTES_MAX = 250
HEAD_BYTES = 6  # of a frame on the network, in front of its unit
QUESTION_BYTES = 5
REGISTERS_MAX = 125


def sealed(data: bytes, options: ModbusOptions) -> bytes:
    """They are a damaged frame of one who reads: a question, an answer, or an exception.

    Half are said by the first unit that is asked, for others are not listened to.
    """
    tcp = options.framing == "tcp"
    unit, function, *said = (data[HEAD_BYTES:] if tcp else data[:-2]).ljust(8, b"\x03")[:DATA_BYTES_MAX]
    if len(data) % 2:
        unit = next(iter(options.units))
    if function & EXCEPTION:
        pdu = [EXCEPTION | 3, 1 + said[0] % EXCEPTION_CODE_MAX]
    elif 1 + len(said) == QUESTION_BYTES:
        pdu = [1 + function % 4, *said[:2], 0, 1 + said[3] % REGISTERS_MAX]
    else:
        registers = said[1 : len(said) - (len(said) - 1) % 2]
        pdu = [1 + function % 4, len(registers), *registers]
    return tcp_frame(data[0] if data else 0, unit, bytes(pdu)) if tcp else rtu_frame(unit, bytes(pdu))
