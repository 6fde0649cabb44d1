"""``serial:///dev/serial/by-id/…?baud=9600&bits=8&parity=N&stop=1``: pyserial's descriptor on the event loop.

pyserial opens and sets the line; we read it, because its own reading blocks. A vanished USB adapter shows
as b'', EIO, ENODEV, ENXIO or EBADF: all mean gone, and the session opens the port again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from collections.abc import Mapping
from typing import cast

import serial

from drivers.errors import PortGone, PortHeld
from drivers.ports.base import FdPort, PortUrl

PARAMETERS = {"baud": "9600", "bits": "8", "parity": "N", "stop": "1", "flow": "none"}
HELD = {errno.EAGAIN, errno.EBUSY}
_NOT_SO = "{path} does not take {frame} (a pseudo-terminal takes 8N1 only)"


class SerialPort(FdPort):
    """A serial line, ours alone: flock keeps out those who ask, TIOCEXCL those who do not (but not root)."""

    def __init__(self, name: str, line: serial.Serial) -> None:
        super().__init__(name, line.fileno())
        self._line = line

    def _release(self) -> None:
        # Closing waits until all is sent, which on a line that is gone or stopped is never: forget it first.
        for forget in (self._line.reset_output_buffer, self._give_up_exclusive, self._line.close):
            try:
                forget()
            except (OSError, termios.error, serial.SerialException):
                continue

    def _give_up_exclusive(self) -> None:
        fcntl.ioctl(self._line.fileno(), termios.TIOCNXCL)


async def open_serial(url: PortUrl, defaults: Mapping[str, str]) -> SerialPort:
    """Raises BadPort for parameters the line cannot take, PortHeld when somebody has it, else PortGone."""
    url.only(*PARAMETERS)
    path = url.place.removeprefix("//")
    if not path.startswith("/"):
        raise url.wrong("it needs the whole path of the device, as in serial:///dev/serial/by-id/…")
    usual = PARAMETERS | dict(defaults)
    flow = url.choice("flow", usual["flow"], ("none", "rtscts", "dsrdtr", "xonxoff"))
    settings = {
        "baudrate": int(url.number("baud", usual["baud"], 50, 4_000_000)),
        "bytesize": int(url.choice("bits", usual["bits"], ("5", "6", "7", "8"))),
        "parity": url.choice("parity", usual["parity"], ("N", "E", "O", "M", "S")),
        "stopbits": float(url.choice("stop", usual["stop"], ("1", "1.5", "2"))),
        "rtscts": flow == "rtscts",
        "dsrdtr": flow == "dsrdtr",
        "xonxoff": flow == "xonxoff",
    }
    # Opening may block for seconds (Bluetooth, a hub in trouble), so not on the loop.
    line = await asyncio.to_thread(_open, url, path, settings)
    return SerialPort(path, line)


def _open(url: PortUrl, path: str, settings: Mapping[str, object]) -> serial.Serial:
    frame = f"{settings['bytesize']}{settings['parity']}{settings['stopbits']:g}"
    try:
        line = serial.Serial(path, exclusive=True, timeout=0, write_timeout=0, **settings)
    except serial.SerialException as error:
        if error.errno in HELD:
            raise PortHeld(f"{path}: another program has it open") from error
        hint = "; is this user in the group dialout?" if error.errno == errno.EACCES else ""
        raise PortGone(f"{path}: {os.strerror(error.errno) if error.errno else error}{hint}") from error
    except termios.error as error:
        if error.args[0] != errno.EINVAL:
            raise PortGone(f"{path}: {error}") from error
        raise url.wrong(_NOT_SO, path=path, frame=frame) from error
    except ValueError as error:
        raise url.wrong(str(error)) from error
    except OSError as error:
        raise PortGone(f"{path}: {error}") from error
    try:
        fcntl.ioctl(line.fileno(), termios.TIOCEXCL)
    except OSError:
        line.close()
        raise PortHeld(f"{path}: another program has it open") from None
    # With pyserial's VMIN 0 a read of a silent line gives b"", which is how an unplugged one looks.
    attributes = termios.tcgetattr(line.fileno())
    if not _took(attributes[2], settings):
        line.close()
        raise url.wrong(_NOT_SO, path=path, frame=frame)
    attributes[6][termios.VMIN] = 1
    termios.tcsetattr(line.fileno(), termios.TCSANOW, attributes)
    # An FTDI chip keeps bytes 16 ms otherwise. Only a wish: a pseudo-terminal and some adapters cannot.
    with contextlib.suppress(OSError, ValueError, NotImplementedError):
        line.set_low_latency_mode(True)
    return line


def _took(control: int, settings: Mapping[str, object]) -> bool:
    """Whether the line is set as asked: older C libraries and some adapters say yes and keep 8N1."""
    sizes = {5: termios.CS5, 6: termios.CS6, 7: termios.CS7, 8: termios.CS8}
    parity = bool(control & termios.PARENB)
    return control & termios.CSIZE == sizes[cast(int, settings["bytesize"])] and parity == (
        settings["parity"] != "N"
    )
