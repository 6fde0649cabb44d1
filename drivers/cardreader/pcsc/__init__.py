"""Contactless readers by PC/SC, such as the ACR122U; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.cardreader.pcsc.protocol import PcscDecoder, PcscOptions
from drivers.cardreader.pcsc.simulator import simulate

Options = PcscOptions

DRIVER = Driver(
    name="cardreader.pcsc",
    title={"en": "PC/SC card reader", "zh_CN": "PC/SC 读卡器"},
    options=PcscOptions,
    decoder=PcscDecoder,
    simulate=simulate,
)
