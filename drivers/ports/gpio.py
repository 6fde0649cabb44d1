"""Inputs of a Raspberry Pi as text, through gpiozero (extra `gpio`); ``pull=up|down|none``.

``gpio:A=17,B=27``: lines ``<t_ms> A 1``. ``active=low`` for sensors that pull the line down when the beam is
broken.

``gpio:D0=17,D1=27``: the two wires of a Wiegand reader, as one character for each pulse, ``0`` or ``1``, and
a line end before one that comes 25 ms after the last. They are high at rest, so low is active unless said
otherwise.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from drivers.errors import PortGone, PortHeld
from drivers.ports.base import PortUrl
from sync.contract.clock import Clock

EDGES_WAITING_MAX = 1024  # two minutes of a beam flapping at 10 Hz; then the newest are dropped and counted
FRAME_GAP_MS = 25  # pulses of a Wiegand frame are 0.2 to 20 ms apart
_PIN = re.compile(r"([A-Z])=(\w+)")
_WIRE = re.compile(r"D([01])=(\w+)")
_PULL = {"up": True, "down": False, "none": None}


class GpioPort:
    """Edges as they happen. gpiozero calls from its own thread; only the loop's touches the queue."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.dropped = 0
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._edges: asyncio.Queue[bytes | None] = asyncio.Queue(EDGES_WAITING_MAX)
        self._inputs: list[tuple[Any, tuple[str, ...]]] = []  # with the callbacks that are set
        self._bit_ms: int | None = None
        self._closed = False

    def watch(self, letter: str, device: Any) -> None:
        """Say every change of `device`, and its state now if it is broken now."""
        self._inputs.append((device, ("when_activated", "when_deactivated")))
        device.when_activated = lambda: self._edge(letter, 1)
        device.when_deactivated = lambda: self._edge(letter, 0)
        if device.is_active:
            self._edge(letter, 1)

    def watch_bits(self, bit: str, device: Any) -> None:
        """Say `bit` at every pulse of `device`."""
        self._inputs.append((device, ("when_activated",)))
        device.when_activated = lambda: self._pulse(bit.encode())

    def _pulse(self, bit: bytes) -> None:
        # Here, in gpiozero's thread, and not where the line is read: the loop may be late, the pulse is not.
        now_ms, last_ms = self._clock.mono_ms(), self._bit_ms
        self._bit_ms = now_ms
        new_frame = last_ms is not None and now_ms - last_ms >= FRAME_GAP_MS
        self._loop.call_soon_threadsafe(self._queue, b"\n" + bit if new_frame else bit)

    def _edge(self, letter: str, value: int) -> None:
        line = b"%d %s %d\n" % (self._clock.mono_ms(), letter.encode(), value)
        self._loop.call_soon_threadsafe(self._queue, line)

    def _queue(self, line: bytes) -> None:
        if self._edges.full():
            self.dropped += 1
        else:
            self._edges.put_nowait(line)

    async def read(self) -> bytes:
        line = None if self._closed else await self._edges.get()
        if line is None:
            raise PortGone(f"{self.name}: closed")
        return line

    async def write(self, chunk: bytes) -> None:
        return None

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for device, callbacks in self._inputs:
            for callback in callbacks:
                setattr(device, callback, None)
            device.close()
        if not self._edges.full():
            self._edges.put_nowait(None)


async def open_gpio(url: PortUrl, clock: Clock) -> GpioPort:
    """Raises BadPort, PortHeld when a pin is in use, PortGone when there are no pins or no gpiozero here."""
    url.only("active", "pull")
    parts = url.place.split(",")
    wires = [_WIRE.fullmatch(part) for part in parts]
    wiegand = any(wires)
    pins = wires if wiegand else [_PIN.fullmatch(part) for part in parts]
    if not all(pins) or (wiegand and sorted(wire[1] for wire in wires if wire) != ["0", "1"]):
        raise url.wrong("it needs pins, as in gpio:A=17,B=27, or the two wires gpio:D0=17,D1=27")
    low = url.choice("active", "low" if wiegand else "high", ("high", "low")) == "low"
    pull = _PULL[url.choice("pull", "up" if low else "down", tuple(_PULL))]
    try:
        import gpiozero
    except ImportError as error:
        raise PortGone(f"{url.text}: gpiozero is not installed; pip install 'tillbeam[gpio]'") from error
    port = GpioPort(url.text, clock)
    watch = port.watch_bits if wiegand else port.watch
    try:
        for pin in pins:
            assert pin is not None
            active = None if pull is not None else not low
            number = int(pin[2]) if pin[2].isdecimal() else pin[2]
            watch(pin[1], gpiozero.DigitalInputDevice(number, pull_up=pull, active_state=active))
    except gpiozero.GPIOPinInUse as error:
        await port.close()
        raise PortHeld(f"{url.text}: {error}") from error
    except gpiozero.PinInvalidPin as error:
        await port.close()
        raise url.wrong(str(error)) from error
    except (gpiozero.GPIOZeroError, OSError) as error:
        await port.close()
        raise PortGone(f"{url.text}: {error}") from error
    return port
