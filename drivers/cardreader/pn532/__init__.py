"""NXP PN532 card readers on a serial line; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.cardreader.pn532.protocol import Pn532Decoder, Pn532Options
from drivers.cardreader.pn532.simulator import simulate

Options = Pn532Options

DRIVER = Driver(
    name="cardreader.pn532",
    title={"en": "13.56 MHz card reader (PN532)", "zh_CN": "13.56 MHz 读卡器 (PN532)"},
    options=Pn532Options,
    decoder=Pn532Decoder,
    simulate=simulate,
    port_defaults={"baud": "115200"},
)
