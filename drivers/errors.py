"""What can go wrong with a device, drawn as a tree.

DriverError
├── UnknownDriver   no driver of that name; says which there are
├── BadPort         a port URL that we cannot read; says what one looks like
│   └── UnknownKind its kind is none of ours; says which there are
├── PortGone        the device is not there, or is no longer: unplugged, closed, refused
│   ├── PortHeld    somebody else has it open
│   ├── PortRested  who had dialled in hung up; the next one may
│   └── PortEnded   a file was read to its end; opened again it would say the same once more
├── CameraGone      a camera gives its worker no picture, and why (counter/camera/camera.py)
│   ├── NoFilm      its film is none, or not a whole one
│   └── CameraEnded its film was seen to the end
├── EyeShut         nobody answers the technician's question of a camera (counter/camera/eye.py)
├── BadProfile      a till profile cannot be used; says which field, and why (pos/escpos_tap/profiles.py)
├── NoDetector      a camera's detector cannot be used; says why in one word
└── BadOptions      a driver's options are wrong; each mistake with its path
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


class DriverError(Exception):
    """The root of everything this package raises."""


class UnknownDriver(DriverError):
    """No driver is called that."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        self.known = known
        self.close = difflib.get_close_matches(name, known, n=3)
        meant = f"did you mean {' or '.join(self.close)}? " if self.close else ""
        super().__init__(f"no driver called {name!r}; {meant}there are {', '.join(known)}")


class BadPort(DriverError):
    """A port URL that cannot be read: the `url`, and why as a sentence whose braces `named` fills."""

    def __init__(
        self, says: str, url: str = "", why: str = "", named: Mapping[str, object] | None = None
    ) -> None:
        self.url, self.why, self.named = url, why, named or {}
        super().__init__(says)


class UnknownKind(BadPort):
    """No port is of that kind."""

    def __init__(self, says: str, kind: str, known: tuple[str, ...]) -> None:
        self.kind = kind
        self.known = known
        super().__init__(says)


class PortGone(DriverError):
    """The device is not there, or is no longer."""


class PortHeld(PortGone):
    """Another program has the port open."""


class PortRested(PortGone):
    """Who had dialled in hung up, and the next one may: nothing is wrong with the port."""


class PortEnded(PortGone):
    """A file or recording has said all that it has. It is not to be opened again: all would count twice."""


class NoDetector(DriverError):
    """The model that was to look at a camera's pictures, too, cannot: `why` is a word for it.

    `missing`, `unreadable`, `large`: the file; `not_onnx`, `layout`: what it holds; `failed`, `slow`:
    how it did.
    """

    def __init__(self, why: str, path: str) -> None:
        self.why, self.path = why, path
        super().__init__(f"no detector: {path}: {why}")


class BadOptions(DriverError):
    """Options that the driver does not take. `mistakes` has one line for each, starting with its path;
    `found`, if any, says the same of each as pydantic does."""

    def __init__(self, driver: str, mistakes: list[str], found: Sequence[Mapping[str, Any]] = ()) -> None:
        self.driver = driver
        self.mistakes = mistakes
        self.found = found
        super().__init__(f"options of {driver}: " + "; ".join(mistakes))
