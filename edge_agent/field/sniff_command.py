"""`tillbeam-edge sniff`: find out what speaks on a port, show it, and record it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from drivers.decode import options_of
from drivers.errors import DriverError, PortHeld
from drivers.ports import KINDS, Scenes, check_port, open_port
from drivers.ports.base import Port
from drivers.registry import driver
from edge_agent.field.guessing import FRAMINGS, candidates
from edge_agent.field.listening import Piece, Seen, Tally, show_pieces
from edge_agent.field.machine import Machine
from edge_agent.field.port_list import device_path
from edge_agent.field.recording import RECORDING_MAX_BYTES, Recording, close_recording, new_recording
from edge_agent.field.screen import FAILED, WRONG, Screen
from edge_agent.field.serial_lines import steady_names
from edge_agent.field.sniffing import find_out, listen_in, opened
from edge_agent.field.suggested import Framing, read_framing, serial_url
from edge_agent.field.words import _, is_wrong_command
from sync.clock import SystemClock
from sync.contract.clock import Clock

# Hung up on, such a device is lost for as long as it likes; a line or a server can be opened again, as its
# driver has it.
STAYS = ("tcp", "tcp-listen", "udp")


class BadFraming(DriverError):
    """Bits, parity and stop bits that are written otherwise."""


@dataclass(frozen=True, kw_only=True)
class Sniffing:
    """What was asked for."""

    port: str  # /dev/ttyUSB0, or a URL as in the settings
    driver: str = ""  # empty: to be found out
    options: Mapping[str, str] = field(default_factory=dict)
    baud: int = 0  # 0: to be found out, or as the driver has it
    framing: str = "8N1"
    seconds: float = 0  # 0: until interrupted
    record: Path | None = None
    speaks: bool = False
    as_json: bool = False
    lang: str = "en"


def sniff_port(wish: Sniffing) -> int:
    """The exit status: 0 something was understood, or somebody interrupted; 1 not; 2 a wrong command."""
    screen = Screen(as_json=wish.as_json, lang=wish.lang)
    if wish.port.startswith("sim:") and not wish.driver:
        screen.complain(_("sim: plays the device of a driver: add --driver, one of `tillbeam-edge drivers`"))
        return WRONG
    try:
        with ExitStack() as stack:
            file = None
            if wish.record:
                file = new_recording(wish.record)
                stack.callback(close_recording, file, wish.record)
            heard = Shown(screen, Recording(file) if file else None)
            asyncio.run(_sniff(wish, screen, heard))
            return 0 if heard.tally.good else FAILED
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        raise
    except BadFraming:
        screen.complain(_("A framing is written like 8N1, not {given}"), given=wish.framing)
        return WRONG
    except (DriverError, OSError) as error:
        screen.complain("{why}", why=error)
        if isinstance(error, PortHeld):
            screen.holders(device_path(_url(wish.port)))
        return WRONG if is_wrong_command(error) else FAILED


class Shown:
    """Everything that came, on its way to the screen, the recording and the tally."""

    def __init__(self, screen: Screen, recording: Recording | None) -> None:
        self._screen, self._recording = screen, recording
        self.tally = Tally()

    def take(self, seen: Seen) -> None:
        self.tally = self.tally.with_(seen.heard)
        self._screen.show(seen)
        if self._recording and seen.chunk and not self._recording.full:
            self._recording.add(Piece(seen.t_ms, seen.chunk))
            if self._recording.full:
                mib = RECORDING_MAX_BYTES >> 20
                self._screen.note(_("The recording has {mib} MiB and ends here."), mib=mib)


async def _sniff(wish: Sniffing, screen: Screen, heard: Shown) -> None:
    clock, url, given = SystemClock(), _url(wish.port), _given(wish)
    framing = given
    camera = (
        check_port(url).kind == "camera"
    )  # its worker is ours alone, and awaits to be told what to look at
    name = wish.driver or ("counter.camera" if camera else "")
    kind = driver(name) if name else None
    options = options_of(kind, wish.options) if kind else None  # a mistake in them is told before anything
    among = [] if kind else candidates()  # loads every driver; the time asked for is for listening
    began_ms = clock.mono_ms()
    with suppress(TimeoutError):
        async with asyncio.timeout(wish.seconds or None), AsyncExitStack() as stack:
            port: Port | None = None
            if check_port(url).kind in STAYS:
                port = await stack.enter_async_context(opened(_open(url, {}, clock, None)))
            if kind is None:

                def open_as(framing: Framing | None) -> AbstractAsyncContextManager[Port]:
                    return nullcontext(port) if port else opened(_open(url, {}, clock, framing))

                framings = [given] if given or not _settable(url) else FRAMINGS
                guesses, ended = await find_out(open_as, framings, among, clock, screen, began_ms=began_ms)
                if not guesses:
                    return
                kind, framing = driver(guesses[0].driver), guesses[0].framing
                options = options_of(kind, wish.options)
                screen.found(guesses, serial_url(_steady(url), framing) if framing else url)
                show_pieces(kind.decoder(options), guesses[0].pieces, heard.take)
                if ended:
                    return
            if port is None:
                scenes = partial(kind.simulate, options)
                again = _open(url, kind.port_defaults, clock, framing, scenes)
                port = await stack.enter_async_context(opened(again))
            decoder = kind.decoder(options)
            speaks = wish.speaks or camera
            await listen_in(port, decoder, clock, heard.take, began_ms=began_ms, speaks=speaks)


async def _open(
    url: str, defaults: Mapping[str, str], clock: Clock, framing: Framing | None, scenes: Scenes | None = None
) -> Port:
    """What the URL itself says counts most, then the framing, then the driver's defaults."""
    given = {**defaults, **(framing.given if framing else {})}
    return await open_port(url, clock=clock, defaults=given, scenes=scenes)


def _url(port: str) -> str:
    """The port as a URL: ``/dev/ttyUSB0`` is a serial line. Raises BadPort."""
    named = port.partition(":")[0]
    url = port if named in KINDS or "://" in port else f"serial://{Path(port).absolute()}"
    check_port(url)
    return url


def _settable(url: str) -> bool:
    """Whether there is a framing to be found out."""
    port = check_port(url)
    return port.kind == "serial" and "baud" not in port.given


def _given(wish: Sniffing) -> Framing | None:
    """The framing that was asked for; None: to be found out. Raises BadFraming."""
    try:
        bits, parity, stop = read_framing(wish.framing)
    except ValueError:
        raise BadFraming(wish.framing) from None
    return Framing(wish.baud, bits, parity, stop) if wish.baud else None


def _steady(url: str) -> str:
    """The device's name that stays, for the settings."""
    device = device_path(url) or check_port(url).place.removeprefix("//")
    machine = Machine()
    return next(iter(steady_names(machine).get(str(Path(device).resolve()), [])), device)
