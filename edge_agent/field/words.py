"""The technician's words: English stands in the code with {names} in braces, and is translated when shown."""

from __future__ import annotations

import os
import re
import ssl
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from config import mistakes
from config.one_line import one_line
from config.port_urls import port_url
from config.sentences import sentence
from config.text import catalogue
from drivers.errors import BadOptions, BadPort, NoDetector, UnknownDriver, UnknownKind
from drivers.ports.base import masked
from drivers.registry import driver as known_driver

_PACKAGE = Path(__file__).parents[1]


def _(sentence: str) -> str:
    """Marks a sentence for the catalogues."""
    return sentence


class Said(str):
    """What a camera's program or port said, in English; told in the reader's language by `filled`."""

    __slots__ = ()


_GIVEN_SO = _("on the command line a list is written a,b,c and a group as JSON")


def filled(sentence: str, args: Mapping[str, object], lang: str) -> str:
    """The sentence in a language, its braces filled; what stands in them cannot drive a terminal.

    An error among them is told by `reason`, what a camera said by `told`.
    """
    translated = catalogue(_PACKAGE, lang).gettext(sentence) if sentence else ""
    if not args:
        return translated
    texts = {name: _worded(arg, lang) for name, arg in args.items()}
    return translated.format_map({name: one_line(str(text)) for name, text in texts.items()})


def _worded(arg: object, lang: str) -> object:
    if isinstance(arg, Exception):
        return reason(arg, lang)
    return told(arg, lang) if isinstance(arg, Said) else arg


def told(said: str, lang: str) -> str:
    """What a camera said, `where: why`; as it is where we have no words for it."""
    what, colon, why = said.rpartition(": ")
    for english, form in _CAMERAS.items():
        if found := form.fullmatch(why):
            words = filled(english, found.groupdict(), lang)
            return filled(_("{what}: {why}"), {"what": what, "why": words}, lang) if colon else words
    return said


def reason(error: Exception, lang: str) -> str:
    """What went wrong, in the reader's language and without numbers, as far as we have words for it."""
    match error:
        case UnknownDriver():
            close = ", ".join(error.close)
            says = _("no driver is called {name}; did you mean {close}?")
            if not close:
                says = _("no driver is called {name}; there are {known}")
            return filled(says, {"name": error.name, "close": close, "known": ", ".join(error.known)}, lang)
        case UnknownKind():
            says = _("no kind of port is called {name}; there are {known}")
            return filled(says, {"name": error.kind, "known": ", ".join(error.known)}, lang)
        case BadOptions():
            told = [_option(error.driver, *each, lang) for each in zip_longest(error.mistakes, error.found)]
            return filled(_("; "), {}, lang).join(told)
        case BadPort(url=url) if url:
            return filled(_("port {port}: {why}"), {"port": masked(url), "why": _port(error, lang)}, lang)
        case NoDetector(why=why, path=path) if why in DETECTORS:
            return filled(DETECTORS[why], {"path": path}, lang)
    # Some are raised "from None": their messages are whole, but for what the system said.
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, OSError):
            return _systems(error, cause, lang)
    return str(error)


def is_wrong_command(error: Exception) -> bool:
    """Whether the words on the command line are to be changed, not the machine."""
    return isinstance(error, UnknownDriver | BadOptions | BadPort)


def _port(error: BadPort, lang: str) -> str:
    """As `config check` says it; what only this machine can know, as the port does."""
    try:
        port_url(error.url)
    except PydanticCustomError as wrong:
        context = wrong.context or {}
        return _checked(context["says"], context["hint"], context["args"], lang)
    return filled(error.why, error.named, lang)


def _checked(says: str, hint: str, args: Mapping[str, object], lang: str) -> str:
    """A sentence of the settings' check, and what was probably meant."""
    told = [mistakes.filled(says, args, lang)]
    if hint:
        told.append(filled(hint, {}, lang) if hint == _GIVEN_SO else mistakes.filled(hint, args, lang))
    return filled(_("; "), {}, lang).join(told)


def _option(driver: str, mistake: str, wrong: Mapping[str, Any] | None, lang: str) -> str:
    path, found, known = mistake.partition(": no such option; there are ")
    if not found:
        if wrong is not None:
            path = ".".join(map(str, wrong["loc"]))
            says, hint, args = sentence(wrong, description=_described(driver, wrong["loc"]), secret=False)
            if wrong["type"] in _SEVERAL:
                hint = _GIVEN_SO
            why = _checked(says, hint, args, lang)
            mistake = filled(_("{what}: {why}"), {"what": path, "why": why}, lang) if path else why
        return filled(_("options of {driver}: {mistake}"), {"driver": driver, "mistake": mistake}, lang)
    says = _("{driver} has no option {name}; there are {known}")
    return filled(says, {"driver": driver, "name": path, "known": known}, lang)


def _described(driver: str, place: Sequence[str | int]) -> str:
    """What the manual says of an option; nothing of a part of one."""
    field = known_driver(driver).options.model_fields.get(str(place[0])) if len(place) == 1 else None
    return (field.description or "") if field else ""


def _systems(error: Exception, cause: OSError, lang: str) -> str:
    """The error's message with the system's part of it put into words."""
    words = filled(_said(cause), {}, lang)
    if error is cause:
        what, tail = str(cause.filename or ""), ""
    else:
        says = (str(cause), cause.strerror, os.strerror(cause.errno) if cause.errno else "")
        raw = next((each for each in says if each and each in str(error)), "")
        if not raw:
            return str(error)
        what, _raw, tail = str(error).partition(raw)
        what = what.rstrip(": ")
    return filled(_("{what}: {why}"), {"what": what, "why": words}, lang) + tail if what else words + tail


def _said(error: OSError) -> str:
    """English, as the catalogues have it: "[Errno 111] Connect call failed …" is "Connection refused"."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return _("this port speaks no TLS") if error.reason in _NO_TLS else error.reason or str(error)
    number = error.errno
    if number is None and (first := re.search(r"\[Errno (\d+)\]", str(error))):
        number = int(first[1])  # of several, one for each address of a name
    if number is not None and number > 0:
        return os.strerror(number)
    return error.strerror or str(error)


_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
# What the system says most, so that the catalogues have it.
_SYSTEMS = (
    _("No such file or directory"),
    _("File exists"),
    _("Permission denied"),
    _("Operation not permitted"),
    _("Is a directory"),
    _("Not a directory"),
    _("Device or resource busy"),
    _("No such device"),
    _("No such device or address"),
    _("Input/output error"),
    _("Read-only file system"),
    _("No space left on device"),
    _("Connection refused"),
    _("Connection reset by peer"),
    _("Connection timed out"),
    _("No route to host"),
    _("Network is unreachable"),
    _("Address already in use"),
    _("Cannot assign requested address"),
    _("Name or service not known"),
    _("Temporary failure in name resolution"),
)

# Why a camera's detector is of no use, by `NoDetector.why`.
DETECTORS = {
    "missing": _("{path}: there is no such file"),
    "unreadable": _("{path}: this file cannot be read"),
    "large": _("{path}: this file is larger than 32 MiB; take a smaller model (nano, tiny)"),
    "not_onnx": _("{path}: this is no ONNX model, or has steps that OpenCV does not know"),
    "layout": _(
        "{path}: this model is none of YOLOX, YOLOv5 or YOLOv8 for pictures of 416, 640 or 320 pixels"
    ),
    "failed": _("{path}: this model is damaged, or fails on a picture"),
    "slow": _("{path}: this model takes more than half a second for a picture on this box"),
}

# What a camera's worker and port say (drivers/counter/camera, drivers/ports/camera.py), and how to know it.
_CAMERAS = {
    english: re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\S+)", re.escape(english)))
    for english in (
        *_SYSTEMS,
        _("it answers, but gives no picture; are path and password right?"),
        _("it is no camera, or another program has it"),
        _("it is no film"),
        _("no picture"),
        _("no more pictures came"),
        _("its thread ended"),
        _("it was seen to its end"),
        _("at its end"),
        _("another place"),
        _("{share} % of the picture's width"),
        _("{looked} of {wanted} pictures"),
        _("its worker said nothing for {seconds} s"),
        _("its worker took nothing for {seconds} s"),
        _("its worker closed its line"),
        _("timed out"),
        _("the camera hangs for {seconds} s"),
    )
}

_SEVERAL = ("list_type", "tuple_type", "set_type", "dict_type", "mapping_type", "model_type")
# Why a port's URL cannot be opened on this machine (drivers/ports), so that the catalogues have it.
_PORTS = (
    _("{path} is no input device"),
    _("several readers are called so: {names}"),
    _("{path} does not take {frame} (a pseudo-terminal takes 8N1 only)"),
    _("it needs pins, as in gpio:A=17,B=27, or the two wires gpio:D0=17,D1=27"),
    _("it needs a path"),
    _("it needs a path where a link may be made"),
    _("it needs a seed, as in sim:42"),
    _("this device has no simulator"),
)


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, width: int) -> str:
    """The text with spaces up to `width` columns; a longer one stays as it is."""
    return text + " " * (width - columns(text))
