"""A counter on a line with a master: question and answer by the beat of the poll, people now and then."""

from __future__ import annotations

import random
from collections.abc import Iterator

from drivers.base import Scene
from drivers.counter.modbus.frames import rtu_frame, tcp_frame
from drivers.counter.modbus.options import ModbusOptions
from drivers.counter.modbus.readings import questions
from drivers.counter.modbus.slave import Slave

LISTENED_POLL_MS = 1000  # of the other master, when the options only listen
ANSWER_AFTER_MS = 30
SHARE_PASSING = 0.4


def simulate(options: ModbusOptions, chance: random.Random) -> Iterator[Scene]:
    """Both sides of the line, without end; never more out than went in."""
    slave = Slave(options)
    inside = dict.fromkeys(options.units, 0)
    round_ms = round(options.poll_s * 1000) or LISTENED_POLL_MS
    transaction = 0
    while True:
        wait_ms = round_ms
        for unit in options.units:
            if chance.random() < SHARE_PASSING:
                inward, outward = chance.randint(0, 3), min(inside[unit], chance.randint(0, 2))
                inside[unit] += inward - outward
                slave.walk(unit, inward=inward, outward=outward)
            for question in questions(options):
                transaction = transaction % 0xFFFF + 1
                asked = (
                    rtu_frame(unit, question.pdu)
                    if options.framing == "rtu"
                    else tcp_frame(transaction, unit, question.pdu)
                )
                yield Scene(wait_ms, asked)
                yield Scene(ANSWER_AFTER_MS, slave.feed(asked))
                wait_ms = ANSWER_AFTER_MS
