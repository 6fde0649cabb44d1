"""RDM6300, ID-12LA, ID-20LA: 125 kHz card readers on a serial line; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.cardreader.rdm6300.protocol import Rdm6300Decoder, Rdm6300Options
from drivers.cardreader.rdm6300.simulator import simulate

Options = Rdm6300Options

DRIVER = Driver(
    name="cardreader.rdm6300",
    title={"en": "125 kHz card reader (RDM6300, ID-20LA)", "zh_CN": "125 kHz 读卡器 (RDM6300、ID-20LA)"},
    options=Rdm6300Options,
    decoder=Rdm6300Decoder,
    simulate=simulate,
    port_defaults={"baud": "9600"},
)
