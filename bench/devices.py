"""How much of a device's line a decoder is, and what 32 devices at once cost one edge.

First each driver alone: what its own simulator says, without a pause and in pieces as ports give them, into
its decoder, by processor time, against the fastest line that it can meet (`LINES`). Then one real agent with
32 devices on pseudo-terminals: taps, card readers, beams. Each says something every second, all at their own
moments; this process says it, and watches the agent's database for the event.

    ratio_min            the slowest decoder's bytes/s over its line's; `decoders` has all of them
    p50_ms, p99_ms       last byte written to the event's row seen by another reader of the database, which
                         looks every ms; less the 150 ms of silence by which a tap knows that no drawer pulse
                         follows its cut
    cpu_share            of one core, all of the agent: pages, uplink and disk too
    idle_cpu_share       the same with nobody saying anything
    rss_mib              of the agent, at its most
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import rig
from bench.report import options, percentile, report
from drivers.base import Decoder, Driver, Note, Told
from drivers.cardreader.magstripe.protocol import encode_text, track1, track2
from drivers.cardreader.rdm6300.protocol import encode_frame as encode_rdm6300
from drivers.cardreader.wiegand.protocol import encode_frame as encode_wiegand
from drivers.counter.beam.protocol import Edge, encode_edges
from drivers.decode import Asking
from drivers.manual import own_names
from drivers.ports.pseudo import PtyPort
from drivers.pos.escpos_tap.encoder import encode_receipt
from drivers.pos.escpos_tap.protocol import AFTER_CUT_MS
from drivers.registry import driver
from sync.contract.events import Event, SaleCompleted, SaleLine, Tender
from sync.contract.ids import Lane
from sync.contract.questions import Declined, NobodyKnown, Question
from sync.contract.terminal import NeverMind

CHUNK_BYTES = 64  # what a serial adapter gives at once; HTTP and files give more, which is easier
TURNS = 3  # the best counts: another program's turn on the processor is not ours
SCENES_MAX = 20_000
SEEN_MAX_S = 10.0
LOOK_S = 0.001
_ROWS = "SELECT number, body ->> 'device' FROM row WHERE lane = ? AND number > ? ORDER BY number"

FAST_SERIAL = 11_520  # bytes/s of 115200 baud, 8N1, without a pause
LINES: dict[str, int] = {
    "cardreader.rdm6300": 960,  # the module knows 9600 baud only
    "cardreader.wiegand": 1_000,  # a bit each ms is a character of text
    "cardreader.wedge": 12_000,  # a report every 8 ms, of two strokes, each two events of 24 bytes
    "cardreader.pcsc": 2_000,  # 20 exchanges a second, in lines of a hundred bytes
    "counter.isapi": 64_000,  # 64 cameras, a push of 1 kB each every second
    "counter.lora": 8_000,  # 8 channels, a message of a kB each every second
    "pos.nexo": 20_000,  # ten requests of 2 kB a second: its till waits for each answer
}


def main() -> int:
    asked = options(
        "Decode throughput against the line, and 32 devices on one edge.",
        bytes=(300_000, "of each simulator's story to decode"),
        seconds=(20, "how long the devices talk"),
        devices=(32, "how many there are"),
        folder=("", "where to measure; var/bench if empty"),
    )
    found: dict[str, Any] = {"decoders": decoders(asked.bytes)}
    found["ratio_min"] = min(each["ratio"] for each in found["decoders"].values())
    with rig.folder(asked.folder) as where:
        found |= asyncio.run(together(where, asked.devices, asked.seconds))
    report(found, asked.json)
    return 0


# ── one decoder ─────────────────────────────────────────────────────────────────────────────────────────────


def decoders(size_bytes: int) -> dict[str, dict[str, int]]:
    """By driver: bytes/s decoded, bytes/s of its line, and how many times over."""
    found = {}
    for name in own_names():
        line = LINES.get(name, FAST_SERIAL)
        story = list(_story(driver(name), size_bytes, line))
        fast = max(_bytes_per_s(driver(name), story) for _ in range(TURNS))
        found[name] = {"bytes_per_s": round(fast), "line_bytes_per_s": line, "ratio": round(fast / line)}
    return found


def _story(d: Driver, size_bytes: int, line_bytes_per_s: int) -> Iterator[tuple[int, bytes]]:
    """(when it comes, what): its simulator's words without a pause, in pieces, as fast as the line is."""
    said = bytearray()
    for scene in itertools.islice(d.simulate(d.options(), random.Random(8)), SCENES_MAX):
        said += scene.chunk
        if len(said) >= size_bytes:
            break
    for at in range(0, len(said), CHUNK_BYTES):
        yield at * 1000 // line_bytes_per_s, bytes(said[at : at + CHUNK_BYTES])


def _bytes_per_s(d: Driver, story: list[tuple[int, bytes]]) -> float:
    decoder = d.decoder(d.options())
    if isinstance(decoder, Asking):
        decoder.only_listen()
    began_s = time.process_time()
    for now_ms, chunk in story:
        if decoder.wake_at_ms is not None and decoder.wake_at_ms <= now_ms:
            _answered(decoder, decoder.wake(now_ms), now_ms)
        _answered(decoder, decoder.feed(chunk, now_ms), now_ms)
        decoder.replies()
    return sum(len(chunk) for _, chunk in story) / (time.process_time() - began_s)


def _answered(decoder: Decoder, heard: list[Any], now_ms: int) -> None:
    """What a store says that knows nobody."""
    for one in heard:
        if type(one.what) is not Note and not isinstance(one.what, Event | NeverMind):
            told: Told = NobodyKnown() if isinstance(one.what, Question) else Declined("no_card")
            decoder.answer(told, now_ms)


# ── many devices ────────────────────────────────────────────────────────────────────────────────────────────

Say = Callable[[int], bytes]
"""The number of the time → bytes of which one event comes, another each time."""


def _receipt(number: int) -> bytes:
    lines = tuple(SaleLine(name=f"ARTICLE {n}", amount_minor=250 + n) for n in range(5))
    total = sum(line.amount_minor for line in lines)
    sale = SaleCompleted(
        till="1",
        receipt=f"R{number:06d}",
        currency="CNY",
        total_minor=total,
        lines=lines,
        tenders=(Tender(kind="cash", amount_minor=total),),
    )
    return encode_receipt(sale)


def _stripe(number: int) -> bytes:
    card = f"62870199{number:08d}"
    return encode_text(track1(card), track2(card))


def _tag(number: int) -> bytes:
    return 2 * encode_rdm6300(f"{number + 1:010X}")


def _walk(number: int) -> bytes:
    began = number * 1000
    edges = (("A", True), ("B", True), ("A", False), ("B", False))
    return encode_edges(Edge(began + 100 * n, beam, broken) for n, (beam, broken) in enumerate(edges, 1))


KINDS: tuple[tuple[str, Say, dict[str, Any]], ...] = (
    ("pos.escpos_tap", _receipt, {}),
    ("cardreader.rdm6300", _tag, {}),
    ("cardreader.magstripe", _stripe, {}),
    ("cardreader.wiegand", lambda number: encode_wiegand(number + 1), {}),
    ("counter.beam", _walk, {"debounce_ms": 0}),
)


async def together(where: Path, devices: int, seconds: int) -> dict[str, Any]:
    async with rig.centre(where) as stands:
        ports = [PtyPort(where / f"line{n}") for n in range(devices)]
        stands.devices = [_settings(where, n) for n in range(devices)]
        try:
            async with rig.edge(stands) as agent:
                await _up(stands, devices)
                idle_share = await _share(agent.pid, asyncio.sleep(min(5, seconds)))
                with Watch(stands.edge_database) as watch:
                    watching = asyncio.create_task(watch.look())
                    talks = (_talk(f"d{n}", port, n, seconds, watch) for n, port in enumerate(ports))
                    share = await _share(agent.pid, asyncio.gather(*talks))
                    watching.cancel()
                rss_mib = rig.memory_mib(agent.pid, "VmHWM")
        finally:
            for port in ports:
                await port.close()
    return {
        "devices": devices,
        "events": len(watch.took_ms),
        "p50_ms": round(percentile(watch.took_ms, 50), 2),
        "p99_ms": round(percentile(watch.took_ms, 99), 2),
        "cpu_share": share,
        "idle_cpu_share": idle_share,
        "rss_mib": rss_mib,
    }


def _settings(where: Path, n: int) -> dict[str, Any]:
    name, _, given = KINDS[n % len(KINDS)]
    till = {} if name.startswith("counter.") else {"till": str(n)}
    port = f"serial://{where / f'line{n}'}?baud=115200"
    return {"name": f"d{n}", "driver": name, "port": port, "options": given, **till}


async def _talk(name: str, port: PtyPort, n: int, seconds: int, watch: Watch) -> None:
    """One device, once a second at its own moments."""
    chance = random.Random(n)
    driver_name, say, _ = KINDS[n % len(KINDS)]
    silent_ms = AFTER_CUT_MS if driver_name == "pos.escpos_tap" else 0
    ends_s = time.perf_counter() + seconds
    for number in itertools.count():
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        if time.perf_counter() > ends_s:
            return
        data = say(n * 10_000 + number)
        seen = watch.expect(name, silent_ms)
        port.say(data)
        async with asyncio.timeout(SEEN_MAX_S):
            await seen.wait()


class Watch:
    """Sees each event when it is in the agent's database: its file's own reader, as after a power cut."""

    def __init__(self, database: Path) -> None:
        self._sql = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30, isolation_level=None)
        self._last = self._newest()
        self._awaited: dict[str, tuple[float, asyncio.Event]] = {}
        self.took_ms: list[float] = []

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._sql.close()

    def expect(self, device: str, silent_ms: int) -> asyncio.Event:
        """Set when there is an event of that device; its time runs from then on, when it is silent enough."""
        seen = asyncio.Event()
        self._awaited[device] = time.perf_counter() + silent_ms / 1000, seen
        return seen

    async def look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for lane in Lane:
                rows = self._sql.execute(_ROWS, (lane, self._last.get(lane, 0))).fetchall()
                now_s = time.perf_counter()
                for number, device in rows:
                    self._last[lane] = number
                    if device in self._awaited:
                        began_s, seen = self._awaited.pop(device)
                        self.took_ms.append((now_s - began_s) * 1000)
                        seen.set()

    def _newest(self) -> dict[int, int]:
        return dict(self._sql.execute("SELECT lane, max(number) FROM row GROUP BY lane"))


async def _share(pid: int, during: Any) -> float:
    """Processor seconds a second that a process took meanwhile."""
    began_s, used_s = time.perf_counter(), rig.cpu_s(pid)
    await during
    return round((rig.cpu_s(pid) - used_s) / (time.perf_counter() - began_s), 3)


async def _up(stands: rig.Rig, devices: int) -> None:
    async with asyncio.timeout(SEEN_MAX_S):
        while True:
            status = await asyncio.to_thread(rig.edge_status, stands)
            if sum(device["state"] == "up" for device in status["devices"]) == devices:
                return
            await asyncio.sleep(0.05)
