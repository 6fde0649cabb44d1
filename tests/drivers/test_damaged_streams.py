"""A fuzz target for every driver: its cases and its simulator's words, damaged and cut, on a jumping clock.

Where a device's frames have a check sum, every other frame is made anew around damaged contents (`SEALED`):
what a check sum keeps out is tried as well as what it lets in. A driver without an entry is damaged all the
same. TILLBEAM_FUZZ_S says how long each driver is tried (a second); in CI they take longer.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import os
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import drivers
from drivers.base import Driver
from drivers.cardreader.magstripe.protocol import encode_bits, encode_keys, encode_text
from drivers.cardreader.pcsc.protocol import encode_line
from drivers.cardreader.pn532.frames import encode_frame as encode_pn532
from drivers.cardreader.rdm6300.protocol import encode_frame as encode_rdm6300
from drivers.cardreader.wiegand.formats import KNOWN
from drivers.cardreader.wiegand.protocol import encode_frame as encode_wiegand
from drivers.manual import own_names
from drivers.pos.zvt.apdu import encode as encode_apdu
from drivers.pos.zvt.framing import encode_frame as encode_zvt
from drivers.registry import driver
from tests.drivers.test_every_driver import stream

FUZZ_S = float(os.environ.get("TILLBEAM_FUZZ_S", "1"))
STREAM_S_MAX = 5.0  # for some kB; a decoder that needs longer searches for ever
HANGS_S = 30
GROWTH_BYTES_MAX = 2_000_000
SEED = 20261122
ROOT = Path(drivers.__file__).parent
TRACK = "%;+?=^/ 0123456789ABCDE"


def track(chance: random.Random) -> str:
    return "".join(chance.choices(TRACK, k=chance.randint(1, 60)))


# Each makes a frame whose check sum, parity or form is right and whose contents need not be.
SEALED: dict[str, Callable[[random.Random], bytes]] = {
    "cardreader.rdm6300": lambda chance: encode_rdm6300(
        chance.randbytes(5).hex(), id20la=chance.random() < 0.3
    ),
    "cardreader.wiegand": lambda chance: encode_wiegand(chance.getrandbits(40), chance.choice(list(KNOWN))),
    "cardreader.magstripe": lambda chance: chance.choice((encode_text, encode_bits, encode_keys))(
        track(chance)
    ),
    "cardreader.wedge": lambda chance: encode_keys(track(chance), size=chance.choice((16, 24))),
    "cardreader.pn532": lambda chance: encode_pn532(
        chance.choice((b"\xd5\x4b", b"\xd5\x03", b"\xd4\x4a", b"\xd5", b"\x7f", b"\x00"))
        + chance.randbytes(chance.choice((0, 1, 3, 20, 255)))
    ),
    "pos.zvt": lambda chance: encode_zvt(
        encode_apdu(
            chance.choice((0x0600, 0x0601, 0x0630, 0x040F, 0x8000, 0x849C, 0x849D)),
            chance.randbytes(chance.choice((0, 1, 3, 20, 300))),
        )
    ),
    "cardreader.pcsc": lambda chance: encode_line(
        {
            chance.choice(("apdu", "atr", "removed", "error")): chance.choice(
                ("3B80", 1, None, [], "FFCA", {})
            ),
            chance.choice(("response", "error", "reader")): chance.randbytes(chance.randint(0, 20)).hex(),
        }
    ),
}


def words(d: Driver) -> list[bytes]:
    folder = ROOT / d.name.replace(".", "/") / "cases"
    vectors = [v for p in sorted(folder.glob("*.json")) for v in json.loads(p.read_text("utf-8"))["vectors"]]
    said = [data[:8192] for vector in vectors if (data := stream(vector, folder))]
    scenes = itertools.islice(d.simulate(d.options(), random.Random(SEED)), 20)
    return [*said, *(scene.chunk for scene in scenes if scene.chunk)]


def damaged(data: bytes, said: list[bytes], chance: random.Random) -> bytes:
    hurt = bytearray(data)
    for _ in range(chance.randint(0, 6)):
        at = chance.randrange(len(hurt) + 1)
        match chance.randrange(5):
            case 0:
                hurt[at : at + 1] = chance.randbytes(1)
            case 1:
                del hurt[at : at + chance.randint(1, 40)]
            case 2:
                hurt[at:at] = chance.randbytes(chance.randint(1, 40))
            case 3:
                hurt[at:at] = chance.choice(said)[: chance.randint(1, 200)]
            case _:
                hurt[at:at] = hurt[:at][-40:]
    return bytes(hurt)


@pytest.mark.parametrize("name", own_names())
def test_no_damage_makes_it_raise_hang_or_grow(name: str) -> None:
    d, chance = driver(name), random.Random(SEED)
    said, sealed = words(d), SEALED.get(name)
    decoder, now_ms = d.decoder(d.options()), 0
    ends = time.monotonic() + FUZZ_S
    faulthandler.dump_traceback_later(
        FUZZ_S + HANGS_S, exit=True
    )  # says where it hangs; nothing else ends it
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        while time.monotonic() < ends:
            whole = sealed(chance) if sealed and chance.random() < 0.5 else chance.choice(said)
            data = damaged(whole, said, chance) if chance.random() < 0.8 else whole
            began = time.monotonic()
            for at in range(0, len(data), step := chance.choice((1, 7, 64, 4096))):
                decoder.feed(data[at : at + step], now_ms)
                now_ms += chance.choice((0, 0, 1, 60, 700))
                if chance.random() < 0.2:
                    decoder.wake(now_ms)
                decoder.replies()
            assert time.monotonic() - began < STREAM_S_MAX, data.hex()
        now_ms += 3_600_000
        decoder.wake(now_ms)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        faulthandler.cancel_dump_traceback_later()
    assert after - before < GROWTH_BYTES_MAX
