"""What a store's devices may have once only: a name, a serial line, a camera, a till's payment terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, PydanticKnownError

from config.mistakes import _, wrong
from drivers.errors import UnknownDriver
from drivers.registry import driver

# What a driver that lacks a library, or an outsider's that is none, raises when it is asked for.
BROKEN = (ImportError, AttributeError, TypeError)


def doubles_in(devices: Any) -> Iterator[InitErrorDetails]:
    """The mistakes in a raw list of devices, each at the later of two."""
    names: dict[str, int] = {}
    lines: dict[str, int] = {}
    cameras: dict[str, int] = {}
    paying: dict[str, int] = {}
    for index, device in enumerate(devices if isinstance(devices, list) else []):
        name, port = _text(device, "name"), _text(device, "port")
        if name and (first := names.setdefault(name, index)) != index:
            says = _("the name '{name}' is taken by devices[{first}]")
            yield _details(
                wrong(says, _("give each device its own"), name=name, first=first), index, "name", name
            )
        line = port.partition("?")[0]
        if line.startswith("serial:") and (first := lines.setdefault(line, index)) != index:
            says = _("this serial line is already taken by devices[{first}]")
            yield _details(wrong(says, _("one line serves one device"), first=first), index, "port", port)
        if port.startswith("camera:/") and (first := cameras.setdefault(port, index)) != index:
            says = _("this camera is already looked at by devices[{first}]")
            hint = _("one device may have several lines and zones")
            yield _details(wrong(says, hint, first=first), index, "port", port)
        till = _text(device, "till") or "1"
        if _pays(device) and (first := paying.setdefault(till, index)) != index:
            says = _("till '{till}' has the payment terminal devices[{first}] already")
            hint = _("one till has one payment terminal: name another till")
            yield _details(wrong(says, hint, till=till, first=first), index, "till", till)


def _pays(device: Any) -> bool:
    """Whether it is a payment terminal that is switched on."""
    given = device.get("enabled") if isinstance(device, Mapping) else getattr(device, "enabled", True)
    with suppress(UnknownDriver, *BROKEN):
        return given is not False and driver(_text(device, "driver")).pays
    return False


def _text(device: Any, field: str) -> str:
    value = device.get(field) if isinstance(device, Mapping) else getattr(device, field, None)
    return value if isinstance(value, str) else ""


def _details(error: PydanticCustomError, index: int, field: str, value: str) -> InitErrorDetails:
    return InitErrorDetails(type=error, loc=(index, field), input=value)


def again(found: ErrorDetails) -> InitErrorDetails:
    """One of pydantic's findings, to be raised once more together with ours."""
    context = found.get("ctx", {})
    kind: str | PydanticCustomError = found["type"]
    try:
        PydanticKnownError(found["type"], context)  # type: ignore[arg-type]
    except KeyError:
        kind = PydanticCustomError(found["type"], found["msg"], context)
    return InitErrorDetails(type=kind, loc=found["loc"], input=found["input"], ctx=context)
