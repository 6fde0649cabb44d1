"""A port is a pipe of bytes, opened by URL; each kind has a file here."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping

from drivers.errors import UnknownKind
from drivers.ports.base import Port, PortUrl, masked, read_url
from drivers.ports.camera import Surroundings, film_of, open_camera, source_of
from drivers.ports.evdev import open_evdev
from drivers.ports.files import RecordingPort, open_file, open_replay
from drivers.ports.gpio import open_gpio
from drivers.ports.http_listen import open_http_listen
from drivers.ports.inline import open_inline
from drivers.ports.network import open_tcp, open_tcp_listen, open_udp
from drivers.ports.nursery import Nursery
from drivers.ports.pcsc import open_pcsc
from drivers.ports.pretend import Scenes, open_sim
from drivers.ports.pseudo import open_pty
from drivers.ports.serial_line import open_serial
from sync.contract.clock import Clock

__all__ = [
    "KINDS",
    "Nursery",
    "Port",
    "RecordingPort",
    "Scenes",
    "Surroundings",
    "check_port",
    "film_of",
    "masked",
    "open_port",
    "source_of",
]

KINDS = (
    "serial",
    "tcp",
    "tcp-listen",
    "udp",
    "http-listen",
    "file",
    "replay",
    "sim",
    "pty",
    "gpio",
    "evdev",
    "pcsc",
    "inline",
    "camera",
)


def check_port(url: str) -> PortUrl:
    """The URL taken apart, its kind known; touches no device. Raises BadPort."""
    port = read_url(url)
    if port.kind not in KINDS:
        close = difflib.get_close_matches(port.kind, KINDS, n=1)
        meant = f", did you mean {close[0]}?" if close else ""
        says = port.wrong(f"no kind of port called {port.kind!r}{meant}; there are {', '.join(KINDS)}")
        raise UnknownKind(str(says), port.kind, KINDS)
    if not port.place:
        raise port.wrong(f"nothing stands after {port.kind}:")
    return port


async def open_port(
    url: str,
    *,
    clock: Clock,
    chance: random.Random | None = None,
    defaults: Mapping[str, str] | None = None,
    scenes: Scenes | None = None,
    around: Surroundings | None = None,
) -> Port:
    """The port that `url` names, open and ours.

    `defaults` are the driver's URL parameters of a serial line or a server; `scenes` plays for ``sim:``, as
    in ``scenes=partial(driver.simulate, options)``. `chance` seeds ``sim:any``. `around` is for a camera.
    Raises BadPort, or PortGone (PortHeld when somebody else has it).
    """
    port = check_port(url)
    match port.kind:
        case "serial":
            return await open_serial(port, defaults or {})
        case "tcp":
            return await open_tcp(port)
        case "tcp-listen":
            return await open_tcp_listen(port)
        case "udp":
            return await open_udp(port)
        case "http-listen":
            return await open_http_listen(port, defaults or {})
        case "file":
            return open_file(port)
        case "replay":
            return open_replay(port, clock)
        case "sim":
            return open_sim(port, clock, scenes, chance)
        case "pty":
            return open_pty(port)
        case "evdev":
            return await open_evdev(port)
        case "pcsc":
            return await open_pcsc(port)
        case "inline":
            return await open_inline(port, lambda side: open_port(side, clock=clock, defaults=defaults))
        case "camera":
            return await open_camera(port, around or Surroundings())
        case _:
            return await open_gpio(port, clock)
