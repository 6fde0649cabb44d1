"""ZVT: payment terminals on a serial line or TCP, with our agent as the terminal; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.pos.zvt.options import ZvtOptions
from drivers.pos.zvt.protocol import ZvtDecoder
from drivers.pos.zvt.simulator import simulate

Options = ZvtOptions

DRIVER = Driver(
    name="pos.zvt",
    title={"en": "Payment terminal for tills (ZVT)", "zh_CN": "收银机支付终端 (ZVT)"},
    options=ZvtOptions,
    decoder=ZvtDecoder,
    simulate=simulate,
    pays=True,
    port_defaults={"baud": "9600", "stop": "2"},
)
