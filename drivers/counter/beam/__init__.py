"""Two light beams in a doorway, on GPIO or on any line that says edges as text; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.counter.beam.protocol import BeamDecoder, BeamOptions
from drivers.counter.beam.simulator import simulate

Options = BeamOptions

DRIVER = Driver(
    name="counter.beam",
    title={"en": "Two-beam people counter", "zh_CN": "双光束客流计数器"},
    options=BeamOptions,
    decoder=BeamDecoder,
    simulate=simulate,
    port_defaults={"baud": "115200"},
)
