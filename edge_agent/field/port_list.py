"""`tillbeam-edge ports`: everything a device can be plugged into, and what the settings say for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from edge_agent.field.cameras import VideoCamera, video_cameras
from edge_agent.field.inputs import (
    CardSlot,
    GpioChip,
    Keyboard,
    PcscReader,
    card_slots,
    gpio_chips,
    keyboards,
    pcsc_readers,
)
from edge_agent.field.machine import Machine, Who
from edge_agent.field.rights import Rights
from edge_agent.field.serial_lines import SerialLine, serial_lines
from edge_agent.field.suggested import device_yaml, serial_url
from edge_agent.field.words import _, filled, padded

FOR_THE_SETTINGS = _("for the settings, under devices:")
_LABEL_WIDTH = 8
HELD_BY = _("{pid} {program} of {user}; to free it: {mend}")
Plug = SerialLine | Keyboard | GpioChip | CardSlot | PcscReader | VideoCamera
VISION = "/opt/tillbeam/bin/pip install 'tillbeam[vision]'"


def plugs(machine: Machine, who: Who, *, own_pid: int | None = None) -> list[Plug]:
    """Every place for a device on this machine."""
    return [
        *serial_lines(machine, who, own_pid=own_pid),
        *keyboards(machine, who),
        *gpio_chips(machine, who),
        *card_slots(machine),
        *pcsc_readers(),
        *video_cameras(machine, who),
    ]


def as_json(plug: Plug, used_by: str) -> dict[str, Any]:
    """One object: the plug, the device of the settings that uses it, and the YAML for one that would."""
    return {**msgspec.to_builtins(plug), "used_by": used_by, "yaml": yaml_for(plug)}


def yaml_for(plug: Plug) -> str:
    """What to write into the settings; empty where another plug says it better."""
    match plug:
        case SerialLine():
            remark = f"tillbeam-edge sniff {plug.device}"
            return device_yaml(_label(plug.device), serial_url(plug.steady), remark=remark)
        case Keyboard():
            return device_yaml(_label(plug.device), f"evdev://{plug.steady}", "cardreader.wedge")
        case GpioChip():
            return device_yaml("door", "gpio:A=17,B=27", "counter.beam")
        case PcscReader():
            return device_yaml("card-1", json.dumps(f"pcsc:{plug.name}"), "cardreader.pcsc")
        case VideoCamera():
            return device_yaml(_label(plug.device), f"camera:{plug.steady}", "counter.camera")
        case CardSlot():
            return ""


def lines(plug: Plug, used_by: str, lang: str) -> Iterator[str]:
    """The plug for a person: a headline, then what there is to know, indented."""
    yield _headline(plug, lang)
    for label, text in _facts(plug, used_by, lang):
        yield f"    {label} {text}"
    if not used_by and (yaml := yaml_for(plug)):
        yield f"    {filled(FOR_THE_SETTINGS, {}, lang)}"
        yield from (f"    {line}" for line in yaml.splitlines())


def used_ports(devices: Mapping[str, str], machine: Machine) -> dict[str, str]:
    """Which file is whose: ``{"/dev/ttyUSB0": "card-1"}``, given ``{"card-1": "serial:///dev/serial/…"}``."""
    found = {}
    for name, url in devices.items():
        path = device_path(url)
        if path:
            found[machine.name_of(machine.at(path).resolve()) if machine.at(path).exists() else path] = name
    return found


def device_path(url: str) -> str:
    """The device file in a port's URL (``serial:///dev/…``, ``camera:/dev/…``); empty when there is none."""
    kind, _colon, rest = url.partition(":")
    place = rest.partition("?")[0]
    path = "/" + place.lstrip("/")
    return (
        path
        if kind in ("serial", "evdev", "file", "camera")
        and place.startswith("/")
        and path.startswith("/dev/")
        else ""
    )


def _headline(plug: Plug, lang: str) -> str:
    match plug:
        case SerialLine(usb=usb):
            about = f"USB {usb.id} {usb.maker} {usb.product}".strip() if usb else _on_board(lang)
            return filled(
                "{device}  {about}  {driver}", _args(plug.device, about, plug.driver), lang
            ).rstrip()
        case Keyboard():
            says = _("{device}  keyboard or card reader: {about}")
            return filled(says, _args(plug.device, plug.title), lang)
        case GpioChip():
            return filled(_("{device}  pins"), _args(plug.device), lang)
        case CardSlot():
            about = f"USB {plug.usb.id} {plug.usb.maker} {plug.usb.product}"
            return filled(_("{device}  smart card reader: {about}"), _args(plug.device, about), lang)
        case VideoCamera():
            return filled(_("{device}  camera: {about}"), _args(plug.device, plug.title), lang)
        case PcscReader():
            return filled(_("PC/SC reader: {about}"), _args("", plug.name), lang)


def _args(device: str, about: str = "", driver: str = "") -> dict[str, object]:
    return {"device": device, "about": about, "driver": driver}


def _on_board(lang: str) -> str:
    return filled(_("on the board"), {}, lang)


def _facts(plug: Plug, used_by: str, lang: str) -> Iterator[tuple[str, str]]:
    def label(text: str) -> str:
        return padded(filled(text, {}, lang), _LABEL_WIDTH)

    if used_by:
        yield label(_("used by")), used_by
    if isinstance(plug, SerialLine):
        yield (
            label(_("by id")),
            ", ".join(plug.by_id) or label(_("none: its adapter has no name that stays")),
        )
        yield label(_("by path")), ", ".join(plug.by_path) or "-"
    if isinstance(plug, Keyboard | VideoCamera) and plug.steady != plug.device:
        yield label(_("by id")), plug.steady
    if isinstance(plug, SerialLine | Keyboard | GpioChip | VideoCamera):
        yield label(_("rights")), _rights(plug.rights, lang)
    if isinstance(plug, SerialLine):
        for each in plug.holders:
            args = {"pid": each.pid, "program": each.program, "user": each.user, "mend": each.mend}
            yield label(_("held by")), filled(HELD_BY, args, lang)
        if not plug.holders:
            free = _("nobody") if not plug.unseen else _("nobody we can see; all: sudo tillbeam-edge ports")
            yield label(_("held by")), filled(free, {}, lang)
    if isinstance(plug, GpioChip) and not plug.library:
        yield label(_("missing")), "/opt/tillbeam/bin/pip install gpiozero lgpio"
    if isinstance(plug, VideoCamera) and not plug.library:
        yield label(_("missing")), VISION
    if isinstance(plug, CardSlot) and not (plug.library and plug.service):
        yield label(_("missing")), "sudo apt-get install pcscd libccid"


def _rights(rights: Rights | None, lang: str) -> str:
    if rights is None:
        return "-"
    may = _("{user} may use it ({owner}:{group} {mode})")
    may_not = _("{user} may not use it ({owner}:{group} {mode}); then log in again: {mend}")
    return filled(may if rights.usable else may_not, msgspec.to_builtins(rights), lang)


def _label(device: str) -> str:
    """A name for the settings: ``/dev/ttyUSB0`` → ``ttyusb0``."""
    return device.rpartition("/")[2].lower()
