"""People counters on LoRaWAN, by way of their network server; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.counter.lora.options import LoraOptions
from drivers.counter.lora.protocol import LoraDecoder
from drivers.counter.lora.simulator import simulate

Options = LoraOptions

DRIVER = Driver(
    name="counter.lora",
    title={"en": "People counters on LoRaWAN", "zh_CN": "LoRaWAN 客流计数器"},
    options=LoraOptions,
    decoder=LoraDecoder,
    simulate=simulate,
)
