"""What can go wrong with a device, drawn as a tree.

DriverError
├── UnknownDriver   no driver of that name; says which there are
├── BadPort         a port URL that we cannot read; says what one looks like
├── PortGone        the device is not there, or is no longer: unplugged, closed, refused
│   └── PortHeld    somebody else has it open
└── BadOptions      a driver's options are wrong; each mistake with its path
"""


class DriverError(Exception):
    """The root of everything this package raises."""


class UnknownDriver(DriverError):
    """No driver is called that."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no driver called {name!r}; there are {', '.join(known)}")
        self.name = name
        self.known = known


class BadPort(DriverError):
    """A port URL that cannot be read."""


class PortGone(DriverError):
    """The device is not there, or is no longer."""


class PortHeld(PortGone):
    """Another program has the port open."""


class BadOptions(DriverError):
    """Options that the driver does not take."""
