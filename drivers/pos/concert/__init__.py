"""Concert, Telium E+: this box is the payment terminal of a till; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.pos.concert.options import ConcertOptions
from drivers.pos.concert.protocol import ConcertDecoder
from drivers.pos.concert.simulator import simulate

Options = ConcertOptions

DRIVER = Driver(
    name="pos.concert",
    title={
        "en": "Payment terminal for tills (Concert, Telium E+)",
        "zh_CN": "收银机支付终端 (Concert、Telium E+)",
    },
    options=ConcertOptions,
    decoder=ConcertDecoder,
    simulate=simulate,
    pays=True,
    port_defaults={"baud": "9600"},
)
