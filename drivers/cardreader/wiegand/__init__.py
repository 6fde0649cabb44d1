"""Wiegand card readers, on GPIO or through a converter; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.cardreader.wiegand.protocol import WiegandDecoder, WiegandOptions
from drivers.cardreader.wiegand.simulator import simulate

Options = WiegandOptions

DRIVER = Driver(
    name="cardreader.wiegand",
    title={"en": "Wiegand card reader", "zh_CN": "韦根读卡器"},
    options=WiegandOptions,
    decoder=WiegandDecoder,
    simulate=simulate,
    port_defaults={"baud": "9600"},
)
