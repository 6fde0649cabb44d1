"""A customer display of two lines of twenty characters; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.pos.line_display.options import Options
from drivers.pos.line_display.protocol import LineDisplayDecoder
from drivers.pos.line_display.simulator import simulate

DRIVER = Driver(
    name="pos.line_display",
    title={"en": "Customer display, 2×20 (CD5220, Epson)", "zh_CN": "顾客显示屏，2×20 (CD5220、Epson)"},
    options=Options,
    decoder=LineDisplayDecoder,
    simulate=simulate,
    port_defaults={"baud": "9600"},
)
