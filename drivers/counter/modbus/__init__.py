"""People counters with a Modbus map, on RS-485 or TCP; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.counter.modbus.options import ModbusOptions
from drivers.counter.modbus.protocol import ModbusDecoder
from drivers.counter.modbus.simulator import simulate

Options = ModbusOptions

DRIVER = Driver(
    name="counter.modbus",
    title={"en": "People counter on Modbus", "zh_CN": "Modbus 客流计数器"},
    options=ModbusOptions,
    decoder=ModbusDecoder,
    simulate=simulate,
    port_defaults={"baud": "9600"},
)
