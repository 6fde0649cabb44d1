"""Magnetic stripe readers, serial and keyboard; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.cardreader.magstripe.protocol import MagstripeDecoder, MagstripeOptions
from drivers.cardreader.magstripe.simulator import simulate

Options = MagstripeOptions

DRIVER = Driver(
    name="cardreader.magstripe",
    title={"en": "Magnetic stripe reader", "zh_CN": "磁条读卡器"},
    options=MagstripeOptions,
    decoder=MagstripeDecoder,
    simulate=simulate,
    port_defaults={"baud": "9600"},
)
