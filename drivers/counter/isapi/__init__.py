"""Cameras that push their counts over HTTP, as Hikvision's do; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.counter.isapi.options import IsapiOptions
from drivers.counter.isapi.protocol import IsapiDecoder
from drivers.counter.isapi.simulator import simulate

Options = IsapiOptions

DRIVER = Driver(
    name="counter.isapi",
    title={"en": "Counting camera (ISAPI push)", "zh_CN": "客流相机（ISAPI 推送）"},
    options=IsapiOptions,
    decoder=IsapiDecoder,
    simulate=simulate,
)
