"""Transbank POS Integrado: this box is the payment terminal of a till; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.pos.transbank.options import TransbankOptions
from drivers.pos.transbank.protocol import TransbankDecoder
from drivers.pos.transbank.simulator import simulate

Options = TransbankOptions

DRIVER = Driver(
    name="pos.transbank",
    title={
        "en": "Payment terminal for tills (Transbank POS Integrado)",
        "zh_CN": "收银机支付终端 (Transbank POS Integrado)",
    },
    options=TransbankOptions,
    decoder=TransbankDecoder,
    simulate=simulate,
    pays=True,
    port_defaults={"baud": "115200"},
)
