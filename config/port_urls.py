"""Where a device is plugged in, as it is written: checked without touching anything."""

from __future__ import annotations

from config.mistakes import _, nearest, wrong

SCHEMES = ("serial", "tcp", "udp", "file", "replay", "sim", "pty", "gpio")
_EXAMPLE = _("for example serial:///dev/ttyUSB0?baud=9600, tcp://10.0.0.5:4001 or sim:1")


def port_url(url: str) -> str:
    """The URL itself. Raises what a validator raises."""
    scheme, colon, rest = url.partition(":")
    if not colon or not rest:
        raise wrong(_("this is no port"), _EXAMPLE)
    if scheme not in SCHEMES:
        meant = nearest(scheme, SCHEMES)
        hint = _("did you mean '{meant}'?") if meant else _("there are {expected}")
        says = _("no port is opened by '{scheme}:'")
        raise wrong(says, hint, scheme=scheme, meant=meant, expected=", ".join(SCHEMES))
    return url
