"""nexo Retailer JSON as Adyen's Terminal API speaks it: a till asks a terminal over HTTPS.

    POST /nexo/ HTTP/1.1              HTTP/1.1 200 OK
                                                                       secured, both ways:
    {"SaleToPOIRequest": {            {"SaleToPOIResponse": {          {"SaleToPOIRequest": {
      "MessageHeader": {                "MessageHeader": {               "MessageHeader": { … },
        "ProtocolVersion": "3.0",         … the request's own …,         "NexoBlob": "+yjNi5Ji…",
        "MessageClass": "Service",        "MessageType": "Response"},    "SecurityTrailer": {
        "MessageCategory": "Payment",   "PaymentResponse": {               "Hmac": "+kOtDKvb…",
        "MessageType": "Request",         "Response": {                    "Nonce": "fycWn+CS…", … }}}
        "SaleID": "TILL-1",                 "Result": "Success"},
        "ServiceID": "S000001",           … }}}
        "POIID": "EDGE-0001"},
      "PaymentRequest": { … }}}

Amounts are decimal numbers of the currency's own unit. A till's ServiceID is unique for 48 hours.
Sources: nexo Retailer Protocol 3.0; the models of npm @adyen/api-library 32.1.0.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from drivers.pos.nexo.secured import Key, Unsafe

PROTOCOL_VERSION = "3.0"
REFERENCE_MAX = 33  # what a transaction's number has room for: sync/contract/questions.py, TXN_MAX
_PLAIN_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,10}@[A-Za-z0-9._-]{1,22}")
_REQUEST, _RESPONSE = "SaleToPOIRequest", "SaleToPOIResponse"
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Header(NamedTuple):
    """Who speaks to whom about what."""

    category: str  # Payment, StoredValue …
    message_class: str = "Service"
    message_type: str = "Request"
    sale_id: str = ""
    service_id: str = ""
    poi_id: str = ""
    device_id: str = ""
    version: str = PROTOCOL_VERSION

    @property
    def reference(self) -> str:
        """One word for SaleID and ServiceID, short enough for a transaction's number."""
        return reference_of(self.sale_id, self.service_id)

    @property
    def who(self) -> tuple[str, ...]:
        """What the header outside a secured message must have in common with the one inside."""
        return self.category, self.message_type, self.sale_id, self.service_id, self.poi_id

    def written(self, message_type: str) -> dict[str, str]:
        """A MessageHeader."""
        fields = {
            "ProtocolVersion": self.version,
            "MessageClass": self.message_class,
            "MessageCategory": self.category,
            "MessageType": message_type,
            "SaleID": self.sale_id,
            "ServiceID": self.service_id,
            "DeviceID": self.device_id,
            "POIID": self.poi_id,
        }
        return {name: value for name, value in fields.items() if value}


class Message(NamedTuple):
    """A whole plain message."""

    header: Header
    body: Mapping[str, Any]  # what stands under PaymentRequest …


class Letter(NamedTuple):
    """What a document turned out to be; `problem` in a word when it is not to be acted on."""

    header: Header | None = None
    message: Message | None = None
    problem: str = ""  # json, format, plain, secured, header, replay; key, blob, nonce, hmac: see secured.py
    trailer: Mapping[str, Any] | None = None  # of a secured one
    plaintext: str = ""  # what was in it, when it could be opened


def reference_of(sale_id: str, service_id: str) -> str:
    """``S000001@TILL-1``; a name that is too long or too odd is told by its digest."""
    plain = f"{service_id}@{sale_id}"
    if _PLAIN_REFERENCE.fullmatch(plain):
        return plain
    digest = hashlib.sha256(f"{sale_id}\0{service_id}".encode()).hexdigest()
    return digest[:REFERENCE_MAX]


def read_letter(raw: bytes, key: Key | None) -> Letter:
    """What a document says. With a `key`, one that is not secured has the problem ``plain``."""
    try:
        document = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Letter(problem="json")
    inner, message_type = _unwrapped(document)
    header = _header(inner.get("MessageHeader"), message_type)
    if header is None:
        return Letter(problem="format")
    if "NexoBlob" not in inner:
        message = _message(header, inner)
        problem = "format" if message is None else "" if key is None else "plain"
        return Letter(header, message, problem)
    trailer = inner.get("SecurityTrailer")
    if key is None:
        return Letter(header, problem="secured", trailer=trailer)
    try:
        plain = key.open(inner["NexoBlob"], trailer)
    except Unsafe as unsafe:
        return Letter(header, problem=unsafe.problem)
    opened = read_letter(plain, None)
    same = opened.header is not None and opened.header.who == header.who
    return Letter(
        opened.header,
        opened.message,
        opened.problem or ("" if same else "header"),
        trailer,
        plain.decode(errors="replace"),
    )


def write_message(
    header: Header,
    message_type: str,
    body: Mapping[str, Any],
    *,
    key: Key | None = None,
    trailer: Mapping[str, Any] | None = None,
    random_bytes: Callable[[int], bytes] | None = None,
) -> bytes:
    """A whole document: `body` is ``{"Response": …}``. With `key` it is secured, as that with `trailer`."""
    wrapper = _RESPONSE if message_type == "Response" else _REQUEST
    said = {"MessageHeader": header.written(message_type), header.category + message_type: body}
    plain = _ENCODER.encode({wrapper: said})
    if key is None or random_bytes is None:
        return plain
    blob, sealed = key.seal(plain, trailer or {}, random_bytes)
    secured = {"MessageHeader": said["MessageHeader"], "NexoBlob": blob, "SecurityTrailer": sealed}
    return _ENCODER.encode({wrapper: secured})


def _unwrapped(document: Any) -> tuple[Mapping[str, Any], str]:
    """What stands in SaleToPOIRequest or SaleToPOIResponse; a secured message may come without either."""
    if not isinstance(document, dict):
        return {}, ""
    for name, message_type in ((_REQUEST, "Request"), (_RESPONSE, "Response")):
        inner = document.get(name)
        if isinstance(inner, dict):
            return inner, message_type
    return document, ""


def _header(given: Any, message_type: str) -> Header | None:
    if not isinstance(given, dict):
        return None

    def text(name: str, default: str = "") -> str:
        value = given.get(name, default)
        return value if isinstance(value, str) else ""

    header = Header(
        category=text("MessageCategory"),
        message_class=text("MessageClass", "Service"),
        message_type=text("MessageType", message_type),
        sale_id=text("SaleID"),
        service_id=text("ServiceID"),
        poi_id=text("POIID"),
        device_id=text("DeviceID"),
        version=text("ProtocolVersion", PROTOCOL_VERSION),
    )
    return header if header.category else None


def _message(header: Header, inner: Mapping[str, Any]) -> Message | None:
    body = inner.get(header.category + header.message_type)
    return Message(header, body) if isinstance(body, dict) else None
