"""``pty:LINK``: we make a pseudo-terminal and are its master; whoever opens LINK is the device.

For simulators and tests, and for programs that want a serial line where there is none.
"""

from __future__ import annotations

import os
import tty
from pathlib import Path

from drivers.errors import PortGone
from drivers.ports.base import FdPort, PortUrl


class PtyPort(FdPort):
    """The master end. The slave stays open here too, else the master reads EIO when the other side closes."""

    def __init__(self, link: Path) -> None:
        master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(master, False)
        super().__init__(str(link), master)
        self._link = link
        self.device = os.ttyname(self._slave)
        _point(link, self.device)

    def say(self, chunk: bytes) -> None:
        """Write what fits now, as a device does that nobody listens to. Raises BlockingIOError when full."""
        os.write(self._fd, chunk)

    def _release(self) -> None:
        os.close(self._fd)
        os.close(self._slave)
        if self._link.is_symlink() and str(self._link.readlink()) == self.device:
            self._link.unlink()


def _point(link: Path, device: str) -> None:
    # Made aside and moved, so that LINK is never missing or half made.
    aside = link.with_name(f".{link.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(device)
    aside.replace(link)


def open_pty(url: PortUrl) -> PtyPort:
    """Raises BadPort when LINK is a real file, PortGone when it cannot be made."""
    url.only()
    link = Path(url.place.removeprefix("//"))
    if not url.place or (link.exists() and not link.is_symlink()):
        raise url.wrong("it needs a path where a link may be made")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        return PtyPort(link)
    except OSError as error:
        raise PortGone(f"{link}: {error.strerror}") from error
