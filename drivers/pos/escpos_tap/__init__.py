"""A tap on the line between a till and its receipt printer; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.protocol import EscposTapDecoder
from drivers.pos.escpos_tap.simulator import simulate

DRIVER = Driver(
    name="pos.escpos_tap",
    title={"en": "Receipt printer tap (ESC/POS)", "zh_CN": "小票打印机旁听 (ESC/POS)"},
    options=Options,
    decoder=EscposTapDecoder,
    simulate=simulate,
    port_defaults={"baud": "9600"},
)
