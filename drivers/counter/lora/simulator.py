"""A counter on a network server, which pushes some of what it says twice."""

from __future__ import annotations

import random
from collections.abc import Iterator

from drivers.base import Scene
from drivers.counter.lora.encoder import chirpstack, encode_imbuildings, encode_vs350
from drivers.counter.lora.options import LoraOptions
from drivers.http_frames import write_request

REPORT_MS = 300_000
SHARE_TWICE = 0.1
BEAM_EUI, PASSAGE_EUI = "a1b2c3d4e5f60718", "24e124716d123456"


def simulate(options: LoraOptions, chance: random.Random) -> Iterator[Scene]:
    """Pushes as the port `http-listen` gives them, without end; totals that wrap now and then."""
    entered, left = 65_500, 65_400
    number = counter = 0
    passage = options.model != "imbuildings"
    while True:
        period_in = chance.randint(0, 9)
        period_out = min(entered + period_in - left, chance.randint(0, 9))
        entered, left, counter = entered + period_in, left + period_out, counter + 1
        if passage:
            payload = encode_vs350(entered, left, period_in, period_out)
            push = chirpstack(PASSAGE_EUI, payload, counter)
        else:
            payload = encode_imbuildings(bytes.fromhex(BEAM_EUI), entered, left, counter)
            push = chirpstack(BEAM_EUI, payload, counter, port=26)
        wait_ms = REPORT_MS
        for _ in range(2 if chance.random() < SHARE_TWICE else 1):
            number += 1
            headers = [("Content-Type", "application/json")]
            yield Scene(wait_ms, write_request(number, "POST", options.path or "/?event=up", headers, push))
            wait_ms = 1000
