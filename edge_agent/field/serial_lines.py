"""The serial lines of this machine: names that stay, adapters, who holds them, who may use them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.field.holders import Held, Holder, holders_of
from edge_agent.field.machine import Machine, Who
from edge_agent.field.rights import Rights, rights_of

# Where the kernel does not say which are real (a container without /sys), these names are.
USUAL_NAMES = ("ttyUSB", "ttyACM", "ttyAMA", "ttyTHS", "ttymxc", "ttySC", "rfcomm")
_NO_UART = "0"  # the type of a ttyS for which there is no chip (PORT_UNKNOWN)


class Usb(msgspec.Struct, frozen=True):
    """What an adapter says about itself."""

    id: str  # "0403:6001"
    maker: str
    product: str
    serial: str  # empty when it has none, as the cheap ones have


class SerialLine(msgspec.Struct, frozen=True, kw_only=True):
    """One serial line."""

    kind: Literal["serial"] = "serial"
    device: str
    steady: str  # the name to be written into the settings
    by_id: list[str]
    by_path: list[str]
    usb: Usb | None
    driver: str  # the kernel's: ftdi_sio, ch341, cdc_acm
    rights: Rights | None
    holders: list[Holder]
    unseen: int  # processes that could not be looked into; 0 for root


def serial_lines(machine: Machine, who: Who, *, own_pid: int | None = None) -> list[SerialLine]:
    """Every serial line there is, by name. Opens none of them: that alone makes some boards start again."""
    devices = [name for name in _names(machine) if machine.at(f"/dev/{name}").exists()]
    held = holders_of(machine, [f"/dev/{name}" for name in devices], own_pid=own_pid)
    by_id, by_path = (_links(machine, folder) for folder in ("by-id", "by-path"))
    adapters = {name: _usb(machine, name) for name in devices}
    return [_line(machine, name, adapters, by_id, by_path, held, who) for name in devices]


def steady_names(machine: Machine) -> dict[str, list[str]]:
    """Each device's names that stay, by-id first: ``{"/dev/ttyUSB0": ["/dev/serial/by-id/…", …]}``."""
    found: dict[str, list[str]] = {}
    for folder in ("by-id", "by-path"):
        for device, links in _links(machine, folder).items():
            found.setdefault(device, []).extend(links)
    return found


def _line(
    machine: Machine,
    name: str,
    adapters: dict[str, Usb | None],
    by_id: dict[str, list[str]],
    by_path: dict[str, list[str]],
    held: Held,
    who: Who,
) -> SerialLine:
    device = f"/dev/{name}"
    usb = adapters[name]
    # Equal adapters without a serial number have one by-id name between them; whoever came last has it.
    doubtful = usb is not None and not usb.serial and list(adapters.values()).count(usb) > 1
    ids, paths = by_id.get(device, []), by_path.get(device, [])
    ordered = [*paths, *ids] if doubtful else [*ids, *paths]
    driver = machine.at(f"/sys/class/tty/{name}/device/driver")
    return SerialLine(
        device=device,
        steady=ordered[0] if ordered else device,
        by_id=ids,
        by_path=paths,
        usb=usb,
        driver=driver.resolve().name if driver.exists() else "",
        rights=rights_of(machine, device, who),
        holders=held.by[device],
        unseen=held.unseen,
    )


def _names(machine: Machine) -> Sequence[str]:
    known = machine.entries("/sys/class/tty")
    if not known:
        return [path.name for path in machine.entries("/dev") if path.name.startswith(USUAL_NAMES)]
    # Consoles and pseudo-terminals have no device behind them.
    return [
        path.name for path in known if (path / "device").exists() and machine.text(path / "type") != _NO_UART
    ]


def _links(machine: Machine, folder: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for link in machine.entries(f"/dev/serial/{folder}"):
        found.setdefault(f"/dev/{link.resolve().name}", []).append(machine.name_of(link))
    return found


def _usb(machine: Machine, name: str) -> Usb | None:
    """The USB device that the line belongs to: the first folder upwards that has a vendor."""
    place = machine.at(f"/sys/class/tty/{name}/device").resolve()
    for folder in (place, *place.parents):
        if (folder / "idVendor").is_file():
            return usb_of(machine, folder)
        if folder == machine.root:
            break
    return None


def usb_of(machine: Machine, folder: Path) -> Usb:
    """What the USB device in that folder of /sys says about itself."""
    vendor, product, maker, title, serial = (
        machine.text(folder / name) for name in ("idVendor", "idProduct", "manufacturer", "product", "serial")
    )
    return Usb(f"{vendor}:{product}", maker, title, serial)
