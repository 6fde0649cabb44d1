"""Card readers that are keyboards; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.cardreader.wedge.protocol import WedgeDecoder, WedgeOptions
from drivers.cardreader.wedge.simulator import simulate

Options = WedgeOptions

DRIVER = Driver(
    name="cardreader.wedge",
    title={"en": "Keyboard card reader", "zh_CN": "键盘式读卡器"},
    options=WedgeOptions,
    decoder=WedgeDecoder,
    simulate=simulate,
)
