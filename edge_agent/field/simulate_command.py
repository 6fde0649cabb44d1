"""`tillbeam-edge simulate`: a driver's simulator on a pseudo-terminal or TCP, until somebody ends it."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Coroutine, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from drivers.base import Driver, Options, Scene
from drivers.decode import options_of
from drivers.errors import DriverError
from drivers.registry import driver
from drivers.simulated import play_on_pty, play_on_tcp
from edge_agent.field.screen import FAILED, WRONG, Screen
from edge_agent.field.words import _, filled, is_wrong_command
from sync.clock import SystemClock

SPEAKS_ON = "--port pty:/path/of/a/link, tcp-listen://0.0.0.0:4001, tcp://host:4001"
FIRST_WAIT_MAX_MS = 2_000  # who has just started it wants to see that it speaks
_JUDGED = 200  # scenes, for saying how often it speaks


def simulate_device(
    name: str, port: str, seed: int, options: Mapping[str, str], speed: float, *, lang: str
) -> int:
    """The exit status: 0 ended by somebody, 1 it cannot speak there, 2 a wrong command."""
    screen = Screen(as_json=False, lang=lang)
    kind, _colon, place = port.partition(":")
    if kind not in ("pty", "tcp", "tcp-listen") or not place:
        screen.complain(_("The simulator speaks on {ports}"), ports=SPEAKS_ON)
        return WRONG

    def begun() -> None:
        says = _("{driver} speaks on {port}, about every {s} s; Ctrl-C ends it.")
        every_s = f"{_every_ms(device, checked, seed) / speed / 1000:.2g}"
        typer.echo(filled(says, {"driver": name, "port": port, "s": every_s}, lang))

    try:
        device = driver(name)
        checked = options_of(device, options)
        scenes = soon(device.simulate(checked, random.Random(seed)))
        clock = SystemClock()
        if kind == "pty":
            playing = play_on_pty(scenes, Path(place), clock, speed=speed, begun=begun)
        else:
            playing = play_on_tcp(scenes, port, clock, speed=speed, begun=begun)
        asyncio.run(until_ended(playing))
    except KeyboardInterrupt:
        return 0
    except (DriverError, OSError) as error:
        screen.complain("{why}", why=error)
        return WRONG if is_wrong_command(error) else FAILED
    return 0


def soon(scenes: Iterator[Scene]) -> Iterator[Scene]:
    """The same, but what is said first is said within FIRST_WAIT_MAX_MS."""
    for first in islice(scenes, 1):
        yield Scene(min(first.wait_ms, FIRST_WAIT_MAX_MS), first.chunk)
    yield from scenes


async def until_ended(playing: Coroutine[Any, Any, None]) -> None:
    """Plays until its end, Ctrl-C or SIGTERM, which all leave nothing behind."""
    task = asyncio.ensure_future(playing)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _every_ms(device: Driver, options: Options, seed: int) -> float:
    waits = [scene.wait_ms for scene in islice(device.simulate(options, random.Random(seed)), _JUDGED)]
    return sum(waits) / max(1, len(waits))
