"""Whether the agent can open each device: there, allowed, free, and by a name that stays."""

from __future__ import annotations

import asyncio
import importlib.util
import shlex
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePath

from config.edge import DeviceSettings
from drivers.counter.camera.eye import EyeShut, Look, Sight, ask, door
from drivers.errors import BadPort, NoDetector
from drivers.ports import check_port
from drivers.ports.base import PortUrl, masked
from drivers.ports.camera import dialled
from drivers.ports.nursery import PROGRAM
from edge_agent.field.cameras import video_cameras, vision_library
from edge_agent.field.doctor.box import SERVICE, SERVICE_USER, Box
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.holders import Holder, holders_of
from edge_agent.field.inputs import pcsc_library, pcsc_readers
from edge_agent.field.port_list import VISION, device_path
from edge_agent.field.rights import rights_of
from edge_agent.field.serial_lines import steady_names
from edge_agent.field.suggested import serial_url
from edge_agent.field.words import Said, _
from edge_agent.listening import EYES

CONNECT_MAX_S = 3.0
# The unit lets the service have serial lines; for the rest it needs a drop-in (docs/operating.md).
_MORE_RIGHTS = f"sudo systemctl edit {SERVICE}  # [Service] SupplementaryGroups=dialout input gpio video"
_PCSCD = "/usr/sbin/pcscd"
_PINS = "/dev/gpiochip0"


def devices(box: Box) -> Iterator[Finding]:
    """Every device that is enabled, or that there is none."""
    enabled = [device for device in box.settings.devices if device.enabled]
    if not enabled and box.refused:
        says = _("which devices there are is not known: the settings could not be read")
        yield warn(says, "tillbeam-edge doctor --only settings")
    elif not enabled:
        yield warn(_("no devices are set up"), "tillbeam-edge ports")
    for device in enabled:
        try:
            port = check_port(device.port)
        except BadPort as error:
            yield bad(_("{name}: {why}"), f"sudoedit {box.settings_path}", name=device.name, why=error)
            continue
        if port.kind == "camera" and not vision_library():
            yield bad(_("{name}: the library for pictures is missing"), VISION, name=device.name)
        elif port.kind == "camera" and box.agent_pid and (sight := _sight(box, device)):
            yield _sees(box, device, sight)
        elif path := device_path(device.port) or (port.place if port.kind == "serial" else ""):
            yield from _file(box, device, path.removeprefix("//"))
        elif port.kind == "gpio":
            yield from _pins(box, device)
        elif port.kind == "pcsc":
            yield from _reader(box, device, port)
        elif port.kind == "tcp":
            yield from _far(box, device, *port.host_and_port())
        elif port.kind == "camera" and (far := dialled(port)):
            yield from _far(box, device, *far)
        else:
            yield ok(_("{name}: {port}"), name=device.name, port=masked(device.port))


def _sight(box: Box, device: DeviceSettings) -> Sight | None:
    """What the agent's worker sees now; None when it cannot be asked."""
    with suppress(EyeShut):
        place = door(box.settings.state_dir / EYES, device.name)
        answer, _jpegs = asyncio.run(ask(place, Look(width=0), CONNECT_MAX_S))
        return answer if isinstance(answer, Sight) else None
    return None


# A camera's states in which it counts nothing.
_BLIND = {
    "down": _("{name}: no picture comes ({detail})"),
    "frozen": _("{name}: the picture stands still ({detail})"),
    "dark": _("{name}: it is too dark to see anybody ({detail})"),
    "covered": _("{name}: something hangs in front of the camera ({detail})"),
    "moved": _("{name}: it looks elsewhere than its lines and zones were drawn for ({detail})"),
    "flooded": _("{name}: all of the picture changes at once ({detail})"),
}


def _sees(box: Box, device: DeviceSettings, sight: Sight) -> Finding:
    page = f"http://127.0.0.1:{box.settings.web.port}/edge/camera/{device.name}"
    args = {"name": device.name, "state": sight.state, "detail": Said(sight.detail or "-")}
    if sight.state == "late":
        return warn(_("{name}: the box is too slow for it ({detail})"), page, **args)
    if sight.state not in ("up", "clear", "resting"):
        says = _BLIND.get(sight.state, _("{name}: it does not see its place: {state} ({detail})"))
        return bad(says, page, **args)
    if sight.detector and sight.detector.why:
        why = NoDetector(sight.detector.why, str(getattr(device.options, "detector", "")))
        mend = f"sudoedit {shlex.quote(str(box.settings_path))}"
        return warn(_("{name}: it counts, but without its detector: {why}"), mend, name=device.name, why=why)
    says = _("{name}: {state}, {rate} pictures a second, {look_ms} ms each")
    return ok(says, rate=f"{sight.frames_per_s:g}", look_ms=f"{sight.look_ms:g}", **args)


def _file(box: Box, device: DeviceSettings, path: str) -> Iterator[Finding]:
    name, serial = device.name, device.port.startswith("serial:")
    camera = device.port.startswith("camera:")
    place = box.machine.at(path)
    if not place.exists():
        yield bad(
            _("{name}: {path} is not there: unplugged, or under another name"),
            "tillbeam-edge ports",
            name=name,
            path=path,
        )
        return
    real = box.machine.name_of(place.resolve()) if place.resolve().is_relative_to(box.machine.root) else path
    rights = rights_of(box.machine, real, box.who, write=serial or camera)
    if rights and not rights.usable:
        mend = rights.mend
        if box.who.name == SERVICE_USER:
            mend = f"{mend}; sudo systemctl restart {SERVICE}" if serial else _MORE_RIGHTS
        says = _("{name}: {user} may not open {path} ({owner}:{group} {mode})")
        yield bad(
            says,
            mend,
            name=name,
            user=rights.user,
            path=path,
            owner=rights.owner,
            group=rights.group,
            mode=rights.mode,
        )
        return
    others = [each for each in holders_of(box.machine, [real]).by[real] if not _ours(box, each)]
    if others:
        says = _("{name}: {path} is held by {program} (process {pid} of {user})")
        first = others[0]
        yield bad(
            says, first.mend, name=name, path=path, program=first.program, pid=first.pid, user=first.user
        )
        return
    if camera:
        named = {each.device: each.steady for each in video_cameras(box.machine, box.who)}.get(real, real)
        if path == real != named:
            says = _("{name}: {path} may be another device tomorrow; in the settings rather {url}")
            mend = f"sudoedit {shlex.quote(str(box.settings_path))}"
            yield warn(says, mend, name=name, path=path, url=f"camera:{named}")
            return
    steady = next(iter(steady_names(box.machine).get(real, [])), "")
    if serial and steady and path == real:
        says = _("{name}: {path} may be another device tomorrow; in the settings rather {url}")
        tail = device.port.partition("?")[2]
        url = f"{serial_url(steady).partition('?')[0]}?{tail}" if tail else f"serial://{steady}"
        yield warn(says, f"sudoedit {shlex.quote(str(box.settings_path))}", name=name, path=path, url=url)
    else:
        yield ok(_("{name}: {path}"), name=name, path=path)


def _ours(box: Box, holder: Holder) -> bool:
    """Whether it is the agent that runs on this box, even if we may not see whose state folder it has."""
    words = box.machine.text(f"/proc/{holder.pid}/cmdline").split("\0")
    if PROGRAM[-1] in words:
        return True  # the agent's, for one of its cameras
    runs = "run" in words and any(PurePath(word).name in (SERVICE, "edge_agent") for word in words)
    return holder.pid == box.agent_pid or runs


def _pins(box: Box, device: DeviceSettings) -> Iterator[Finding]:
    if importlib.util.find_spec("gpiozero") is None:
        yield bad(
            _("{name}: the library for pins is missing"),
            "/opt/tillbeam/bin/pip install gpiozero lgpio",
            name=device.name,
        )
        return
    rights = rights_of(box.machine, _PINS, box.who)
    if rights is None:
        yield bad(_("{name}: this machine has no pins"), "ls /dev/gpiochip*", name=device.name)
    elif not rights.usable:
        says = _("{name}: {user} may not use the pins ({owner}:{group} {mode})")
        yield bad(
            says,
            rights.mend,
            name=device.name,
            user=rights.user,
            owner=rights.owner,
            group=rights.group,
            mode=rights.mode,
        )
    else:
        yield ok(_("{name}: {port}"), name=device.name, port=device.port)


def _reader(box: Box, device: DeviceSettings, port: PortUrl) -> Iterator[Finding]:
    found = [reader.name for reader in pcsc_readers()]
    if not found and not (pcsc_library() and box.machine.at(_PCSCD).exists()):
        yield bad(_("{name}: PC/SC is not installed"), "sudo apt-get install pcscd", name=device.name)
    elif any(port.place == "any" or name.startswith(port.place) for name in found):
        yield ok(_("{name}: {port}"), name=device.name, port=device.port)
    else:
        says = _("{name}: no PC/SC reader of that name; there are: {known}")
        mend = "sudo systemctl enable --now pcscd.socket; tillbeam-edge ports"
        yield bad(says, mend, name=device.name, known=", ".join(found) or "-")


def _far(box: Box, device: DeviceSettings, host: str, number: int) -> Iterator[Finding]:
    port = masked(device.port)
    if box.agent_pid:  # many serial servers take one caller only, and that is the agent
        yield ok(_("{name}: {port}"), name=device.name, port=port)
        return
    try:
        socket.create_connection((host, number), CONNECT_MAX_S).close()
    except OSError as error:
        yield bad(
            _("{name}: {port} does not answer: {why}"),
            f"ping -c 3 {shlex.quote(host)}",
            name=device.name,
            port=port,
            why=error,
        )
    else:
        yield ok(_("{name}: {port}"), name=device.name, port=port)
