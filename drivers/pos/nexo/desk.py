"""What is answered at once, because no money hangs on it; and how what nobody can act on is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from drivers.pos.nexo.answers import Body, failed, moment, success
from drivers.pos.nexo.documents import DOCUMENT_BYTES_MAX
from drivers.pos.nexo.fields import found, text
from drivers.pos.nexo.protocol import Header, Letter, Message, write_message

PATHS = ("/", "/nexo", "/nexo/")
NOT_FOUND, NOT_POST, TOO_LARGE, NOT_UNDERSTOOD, NOT_TRUSTED = 404, 405, 413, 400, 401
_NOT_UNDERSTOOD = ("json", "format")


def refused(method: str, target: str, size_bytes: int) -> int:
    """The HTTP status of a request that is none of ours; 0 for one that is."""
    if target.partition("?")[0] not in PATHS:
        return NOT_FOUND
    if method != "POST":
        return NOT_POST
    return TOO_LARGE if size_bytes > DOCUMENT_BYTES_MAX else 0


def rejected(letter: Letter, raw: bytes) -> tuple[int, bytes]:
    """Status and document for a message that cannot be believed or understood: a terminal's Reject event.

    It is never secured: who cannot be trusted, or has no key, is to read it.
    """
    header = letter.header or Header("Event")
    event = {
        "EventToNotify": "Reject",
        "TimeStamp": moment(0),
        "EventDetails": f"message={letter.problem or 'format'}",
        "RejectedMessage": base64.b64encode(raw[:1024]).decode(),
    }
    said = header._replace(category="Event", message_class="Event")
    status = NOT_UNDERSTOOD if letter.problem in _NOT_UNDERSTOOD else NOT_TRUSTED
    return status, write_message(said, "Notification", event)


def unknown(message: Message) -> Body:
    """A request that this terminal has no answer to."""
    return failed(message, "not_supported")


def _done(message: Message, *, busy: bool) -> Body:
    return success()


def _diagnosis(message: Message, *, busy: bool) -> Body:
    status = {"GlobalStatus": "Busy" if busy else "OK", "CommunicationOKFlag": True}
    return success() | {"LoggedSaleID": [message.header.sale_id], "POIStatus": status}


def _display(message: Message, *, busy: bool) -> Body:
    outputs = message.body.get("DisplayOutput")
    shown: list[Any] = outputs if isinstance(outputs, list) else [outputs]
    return {
        "OutputResult": [
            {
                "Device": text(each, "Device") or "CustomerDisplay",
                "InfoQualify": text(each, "InfoQualify") or "Display",
                **success(),
            }
            for each in shown[:10]
        ]
    }


def _print(message: Message, *, busy: bool) -> Body:
    """There is no printer here: the till is told, and prints by itself."""
    qualifier = text(found(message.body, "PrintOutput"), "DocumentQualifier") or "Document"
    said = {"Result": "Failure", "ErrorCondition": "UnavailableDevice"}
    return {"DocumentQualifier": qualifier, "Response": said}


def _input(message: Message, *, busy: bool) -> Body:
    """Nobody types anything for the till here."""
    asked = found(message.body, "InputData")
    return {
        "InputResult": {
            "Device": text(asked, "Device") or "CustomerInput",
            "InfoQualify": text(asked, "InfoQualify") or "Input",
            **unknown(message),
        }
    }


AT_ONCE: Mapping[str, Callable[..., Body]] = {
    "Diagnosis": _diagnosis,
    "Display": _display,
    "Print": _print,
    "Input": _input,
    "EnableService": _done,
    "Login": _done,
    "Logout": _done,
}
