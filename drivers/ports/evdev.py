"""``evdev:///dev/input/by-id/…-event-kbd``: a keyboard that is a card reader, taken for us alone.

Gives the kernel's struct input_event as they come. The first four say which lights were on, caps lock among
them, for the keys mean what that says. Source: linux/input.h, linux/input-event-codes.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable
from typing import Any

from drivers.errors import PortGone, PortHeld
from drivers.ports.base import FdPort, PortUrl

EVIOCGRAB = 0x40044590  # _IOW('E', 0x90, int)
EVIOCGLED = 0x80084519  # _IOC(_IOC_READ, 'E', 0x19, 8)
EV_SYN, EV_LED = 0x00, 0x11
LEDS = 3  # num lock, caps lock, scroll lock
INPUT_EVENT = struct.Struct("@llHHi")  # as this kernel has it: 24 bytes, or 16 on a 32-bit one

Ioctl = Callable[[int, int, Any], Any]


class EvdevPort(FdPort):
    """The events of one input device. Other programs see none of them until this is closed."""

    def __init__(self, name: str, fd: int, lights: bytes) -> None:
        super().__init__(name, fd)
        self._lights = lights

    async def read(self) -> bytes:
        if self._lights and self._open:
            lights, self._lights = self._lights, b""
            return lights
        return await super().read()

    async def write(self, chunk: bytes) -> None:
        return None


async def open_evdev(url: PortUrl, *, ioctl: Ioctl = fcntl.ioctl) -> EvdevPort:
    """Raises BadPort when it is no input device, PortHeld when another has grabbed it, else PortGone."""
    url.only()
    path = url.place.removeprefix("//")
    if not path.startswith("/"):
        raise url.wrong("it needs the whole path, as in evdev:///dev/input/by-id/…-event-kbd")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        hint = "; is this user in the group input?" if error.errno == errno.EACCES else ""
        raise PortGone(f"{path}: {error.strerror}{hint}") from error
    try:
        ioctl(fd, EVIOCGRAB, 1)
        return EvdevPort(path, fd, _lights(ioctl(fd, EVIOCGLED, bytes(8))))
    except OSError as error:
        os.close(fd)
        if error.errno == errno.EBUSY:
            raise PortHeld(f"{path}: another program has grabbed it") from error
        if error.errno in (errno.ENOTTY, errno.EINVAL):
            raise url.wrong("{path} is no input device", path=path) from error
        raise PortGone(f"{path}: {error.strerror}") from error


def _lights(bits: bytes) -> bytes:
    """The lights that are on, as the events that switched them on."""
    on = int.from_bytes(bits, "little")
    said = [(EV_LED, light, on >> light & 1) for light in range(LEDS)] + [(EV_SYN, 0, 0)]
    return b"".join(INPUT_EVENT.pack(0, 0, *event) for event in said)
