"""nexo Retailer JSON (Adyen Terminal API): the box is the payment terminal of a till; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.pos.nexo.decoder import NexoDecoder
from drivers.pos.nexo.options import NexoOptions
from drivers.pos.nexo.simulator import simulate

Options = NexoOptions

DRIVER = Driver(
    name="pos.nexo",
    title={
        "en": "Payment terminal for tills (nexo, Adyen Terminal API)",
        "zh_CN": "支付终端：nexo 协议收银机（Adyen Terminal API）",
    },
    options=NexoOptions,
    decoder=NexoDecoder,
    simulate=simulate,
    pays=True,
    # Longer than the waits for a card and three PINs. `fates`: a payment hangs on its answer's arrival.
    port_defaults={"answer_s": "400", "fates": "yes"},
)
