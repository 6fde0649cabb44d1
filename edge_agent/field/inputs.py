"""What else a device may be plugged into: readers that type like a keyboard, pins, smart card readers."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import struct
import threading
from pathlib import Path
from typing import Literal

import msgspec

from drivers.ports.winscard import LIBRARY, Context, ScardError
from edge_agent.field.machine import Machine, Who
from edge_agent.field.rights import Rights, rights_of
from edge_agent.field.serial_lines import Usb, usb_of

PCSC_MAX_S = 3.0
_LONG_BITS = struct.calcsize("l") * 8
_DIGITS_AND_ENTER = (*range(2, 12), 28)  # KEY_1 … KEY_0, KEY_ENTER: what every card reader types
_SMART_CARD = "0b"  # the USB class of CCID readers


class Keyboard(msgspec.Struct, frozen=True, kw_only=True):
    """Something that types digits and Enter: a keyboard, or a reader that passes for one."""

    kind: Literal["keyboard"] = "keyboard"
    device: str
    steady: str
    title: str
    rights: Rights | None


class GpioChip(msgspec.Struct, frozen=True, kw_only=True):
    """A row of pins."""

    kind: Literal["gpiochip"] = "gpiochip"
    device: str
    rights: Rights | None
    library: bool  # gpiozero is installed


class CardSlot(msgspec.Struct, frozen=True, kw_only=True):
    """A smart card reader on USB."""

    kind: Literal["smartcard"] = "smartcard"
    device: str  # where it is plugged in: "1-1.3"
    usb: Usb
    library: bool  # libpcsclite is installed
    service: bool  # pcscd listens


class PcscReader(msgspec.Struct, frozen=True, kw_only=True):
    """A reader by the name that PC/SC gives it."""

    kind: Literal["pcsc"] = "pcsc"
    name: str


def keyboards(machine: Machine, who: Who) -> list[Keyboard]:
    """Every input that could be a reader."""
    steady = {
        f"/dev/input/{link.resolve().name}": machine.name_of(link)
        for folder in ("by-path", "by-id")  # a name by id, where there is one, counts more
        for link in machine.entries(f"/dev/input/{folder}")
        if link.name.endswith("-event-kbd")
    }
    found = []
    for event in machine.entries("/sys/class/input"):
        if not event.name.startswith("event") or not _types_digits(machine, event):
            continue
        device = f"/dev/input/{event.name}"
        found.append(
            Keyboard(
                device=device,
                steady=steady.get(device, device),
                title=machine.text(event / "device/name"),
                rights=rights_of(machine, device, who, write=False),
            )
        )
    return found


def gpio_chips(machine: Machine, who: Who) -> list[GpioChip]:
    """Every row of pins."""
    library = importlib.util.find_spec("gpiozero") is not None
    chips = [path.name for path in machine.entries("/dev") if path.name.startswith("gpiochip")]
    return [
        GpioChip(device=f"/dev/{chip}", rights=rights_of(machine, f"/dev/{chip}", who), library=library)
        for chip in chips
    ]


def card_slots(machine: Machine) -> list[CardSlot]:
    """Every smart card reader on USB, whether or not the library that speaks with it is here."""
    library = pcsc_library()
    service = machine.at("/run/pcscd/pcscd.comm").exists()
    readers = {
        interface.resolve().parent
        for interface in machine.entries("/sys/bus/usb/devices")
        if machine.text(interface / "bInterfaceClass") == _SMART_CARD
    }
    return [
        CardSlot(device=reader.name, usb=usb_of(machine, reader), library=library, service=service)
        for reader in sorted(readers)
    ]


def pcsc_readers() -> list[PcscReader]:
    """The readers that pcscd knows; none while it does not run, or hangs."""
    found: list[PcscReader] = []

    def ask() -> None:
        with contextlib.suppress(OSError, ScardError):
            context = Context()
            try:
                found.extend(PcscReader(name=name) for name in context.readers())
            finally:
                context.release()

    asking = threading.Thread(target=ask, daemon=True)  # a pcscd that hangs answers nothing, for ever
    asking.start()
    asking.join(PCSC_MAX_S)
    return list(found)


def pcsc_library() -> bool:
    """Whether the library that speaks with pcscd is installed."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def _types_digits(machine: Machine, event: Path) -> bool:
    """From the input's bitmap of keys: words of a `long`, the highest first."""
    try:
        words = [int(word, 16) for word in machine.text(event / "device/capabilities/key").split()]
    except ValueError:
        return False
    bits = sum(word << _LONG_BITS * place for place, word in enumerate(reversed(words)))
    return all(bits >> key & 1 for key in _DIGITS_AND_ENTER)
