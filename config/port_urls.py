"""Where a device is plugged in, as it is written: checked without touching anything.

`drivers/ports` opens them and has the last word; here the same is said with a place in the file and in both
languages. tests/config/test_port_urls.py holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

from config.mistakes import _, nearest, wrong
from drivers.errors import BadPort
from drivers.ports import KINDS, film_of, source_of
from drivers.ports.base import PortUrl, read_url
from drivers.ports.camera import NO_CAMERA
from drivers.ports.inline import sides

_EXAMPLE = _("for example serial:///dev/ttyUSB0?baud=9600, tcp://10.0.0.5:4001 or sim:1")
_INLINE_EXAMPLE = "inline:serial:///dev/serial/by-id/…,serial:///dev/serial/by-id/…?baud=9600"
_CAMERA_EXAMPLE = "camera:/dev/video0, camera:rtsp://192.0.2.30/stream2"

# What `drivers/ports` says of a camera's address, so that the catalogues have it.
_CAMERAS = (
    _("this is no camera: a device, an rtsp:// or http:// address, a film or sim:1 is wanted"),
    _("a camera's address has a host, as in rtsp://192.0.2.30/stream2"),
    _("the port number in a camera's address is from 1 to 65535"),
    _("a film has a path, as in camera:file:/srv/morning.mp4"),
    _("a password with #, /, ? or a blank in it is written with %23, %2F, %3F or %20 in their place"),
)

Range = tuple[float, float]
Choices = frozenset[str]
Anything = None  # a path, which only this box can look up

_SPEED: Range = (0.01, 100_000)
_SERIAL: Mapping[str, Range | Choices | None] = {
    "baud": (50, 4_000_000),
    "bits": frozenset("5678"),
    "parity": frozenset("NEOMS"),
    "stop": frozenset(("1", "1.5", "2")),
    "flow": frozenset(("none", "rtscts", "dsrdtr", "xonxoff")),
}
# What may stand after '?', and which values it takes.
PARAMETERS: Mapping[str, Mapping[str, Range | Choices | None]] = {
    "serial": _SERIAL,
    "inline": _SERIAL,
    "http-listen": {"cert": Anything, "key": Anything, "answer_s": (1, 600)},
    "replay": {"speed": _SPEED},
    "sim": {"speed": _SPEED},
    "camera:file": {"loop": frozenset("01"), "speed": (0.01, 1000)},
    "gpio": {"active": frozenset(("high", "low")), "pull": frozenset(("up", "down", "none"))},
}


def port_url(url: str) -> str:
    """The URL itself. Raises what a validator raises."""
    try:
        port = read_url(url)
    except BadPort:
        raise wrong(_("this is no port"), _EXAMPLE) from None
    if port.kind not in KINDS:
        says = _("no port is opened by '{kind}:'")
        raise _not_among(says, port.kind, KINDS, kind=port.kind)
    if not port.place:
        example = _CAMERA_EXAMPLE if port.kind == "camera" else _EXAMPLE
        raise wrong(_("nothing stands after '{kind}:'"), example, kind=port.kind)
    if port.kind == "serial" and not port.place.removeprefix("//").startswith("/"):
        raise wrong(_("the whole path of the device is wanted"), "serial:///dev/serial/by-id/…")
    if port.kind == "inline":
        try:
            till, device = sides(port)
        except BadPort:
            raise wrong(_("two lines are wanted, the till's and the device's"), _INLINE_EXAMPLE) from None
        port_url(till)
        port_url(device)
    if port.kind == "camera":
        _camera(port)
    if port.kind == "evdev" and not port.place.removeprefix("//").startswith("/"):
        raise wrong(_("the whole path of the device is wanted"), "evdev:///dev/input/by-id/…-event-kbd")
    if port.kind in ("tcp", "tcp-listen", "udp", "http-listen"):
        _host_and_port(port)
    if port.kind == "http-listen" and ("cert" in port.given) != ("key" in port.given):
        raise wrong(_("cert and key belong together"), "http-listen://0.0.0.0:8443?cert=…&key=…")
    for name, value in port.given.items():
        _parameter(port.kind, name, value)
    return url


def _camera(port: PortUrl) -> None:
    film = film_of(port)
    for name, value in film.given.items() if film else ():
        _parameter("camera:file", name, value)
    try:
        source_of(port)
    except BadPort as bad:
        says = bad.why if bad.why in _CAMERAS else NO_CAMERA
        raise wrong(says, _CAMERA_EXAMPLE if says == NO_CAMERA else "") from None


def _host_and_port(port: PortUrl) -> None:
    try:
        port.host_and_port()
    except BadPort:
        says = _("host and port number are wanted")
        raise wrong(says, "{example}", example=f"{port.kind}://192.0.2.7:4001") from None


def _parameter(kind: str, name: str, value: str) -> None:
    known = PARAMETERS.get(kind, {})
    if name not in known:
        says = _("'{kind}:' has no parameter '{name}'")
        raise _not_among(says, name, known, kind=kind, name=name)
    takes = known[name]
    if takes is Anything:
        return
    if isinstance(takes, frozenset):
        if value not in takes:
            says = _("'{value}' is not among the choices")
            raise _not_among(says, value, sorted(takes), value=value)
        return
    least, most = takes
    try:
        fits = least <= float(value) <= most
    except ValueError:
        fits = False
    if not fits:
        says = _("{name}={value} is no number from {least} to {most}")
        raise wrong(says, name=name, value=value, least=f"{least:.10g}", most=f"{most:.10g}")


def _not_among(
    says: str, word: str, known: Mapping[str, object] | tuple[str, ...] | list[str], **args: object
) -> Exception:
    meant = nearest(word, known)
    hint = _("did you mean '{meant}'?") if meant else _("there are {expected}") if known else _("remove it")
    return wrong(says, hint, meant=meant, expected=", ".join(known), **args)
