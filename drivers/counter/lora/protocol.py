"""People counters on LoRaWAN: Milesight and IMBUILDINGS, by way of whoever receives the radio.

        network server  →  POST {"deviceInfo": {"devEui": …}, "fCnt": 7, "fPort": 85, "data": "BMwSABYA"}
        gateway or test →  {"devEUI": …, "data": …}     04CC12001600     or the payload's own bytes

A frame is told by its device, session and counter, and counts once however often it is pushed. A push is
answered 200 when its people are on disk: the pump writes our replies after it has recorded what we heard.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from drivers.base import Heard, Note
from drivers.counter.lora import imbuildings, milesight
from drivers.counter.lora.intake import OBJECT_BYTES_MAX, Intake, payload_places
from drivers.counter.lora.options import LoraOptions
from drivers.counter.lora.series import Added, Device
from drivers.counter.lora.uplinks import Uplink, from_json, from_line
from drivers.http_frames import HttpReader, Loose, Request, write_response
from sync.contract.events import Passed

DEVICES_MAX = 256  # the one not heard of for longest goes
PAUSE_MS = 200  # what came until then is a whole payload
HTTP_PAUSE_MS = 2000


class LoraDecoder:
    """Uplinks become people."""

    def __init__(self, options: LoraOptions) -> None:
        self._options = options
        self._http = HttpReader()
        self._intake = Intake()
        self._devices: OrderedDict[str, Device] = OrderedDict()
        self._replies = bytearray()
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard: list[Heard] = []
        for piece in self._http.feed(chunk):
            if isinstance(piece, Loose):
                heard += self._loose(piece)
            elif isinstance(piece, Request):
                heard += self._request(piece)
        self._wish(now_ms)
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        if self.wake_at_ms is None or now_ms < self.wake_at_ms:
            return []
        heard = [
            one for piece in self._http.pause() if isinstance(piece, Loose) for one in self._loose(piece)
        ]
        heard += [one for at_byte, what in self._intake.pause() for one in self._taken(at_byte, what)]
        self.wake_at_ms = None
        return heard

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        said = bytes(self._replies)
        self._replies.clear()
        return said

    def _wish(self, now_ms: int) -> None:
        if self._http.waiting:
            self.wake_at_ms = now_ms + HTTP_PAUSE_MS
        else:
            self.wake_at_ms = now_ms + PAUSE_MS if self._intake.waiting else None

    def _loose(self, piece: Loose) -> list[Heard]:
        taken = self._intake.feed(piece.chunk, piece.at_byte)
        return [one for at_byte, what in taken for one in self._taken(at_byte, what)]

    def _request(self, request: Request) -> list[Heard]:
        if self._options.path and request.target.partition("?")[0] != self._options.path:
            self._answer(request, 404)
            return [Heard(request.at_byte, Note("request", {"path": request.target[:200]}, "path"))]
        try:
            said = json.loads(request.body[: OBJECT_BYTES_MAX + 1]) if request.body else None
        except (ValueError, RecursionError):
            self._answer(request, 400)
            return [Heard(request.at_byte, Note("request", {"error": "no JSON"}, "json"))]
        heard = self._json(request.at_byte, said)
        self._answer(request, 200)
        return heard

    def _answer(self, request: Request, status: int) -> None:
        if request.number:
            self._replies += write_response(request.number, status)

    def _taken(self, at_byte: int, what: Any) -> list[Heard]:
        if isinstance(what, str):
            uplink = from_line(what)
            return self._uplink(at_byte, uplink) if uplink else []
        return self._raw(at_byte, what) if isinstance(what, bytes) else self._json(at_byte, what)

    def _json(self, at_byte: int, said: Any) -> list[Heard]:
        try:
            uplink = from_json(said)
        except ValueError as error:
            return [Heard(at_byte, Note("uplink", {"error": str(error)}, "payload"))]
        if uplink is None:
            return [Heard(at_byte, Note("other"))]
        return self._uplink(at_byte, uplink)

    def _raw(self, at_byte: int, data: bytes) -> list[Heard]:
        """Bytes without any frame: what they end with, if that is a whole payload, else junk."""
        for place in payload_places(data):
            fields, understood = self._fields(Uplink(data[place:]))
            if fields and understood == len(data) - place:
                junk = [Heard(at_byte, Note("junk", {"bytes": place}, "junk"))] if place else []
                return junk + self._uplink(at_byte + place, Uplink(data[place:]))
        return [Heard(at_byte, Note("junk", {"bytes": len(data)}, "junk"))] if data.strip() else []

    def _fields(self, uplink: Uplink) -> tuple[dict[str, Any], int]:
        """The payload's fields, and how many of its bytes are understood."""
        model = self._options.model
        if model in ("auto", "imbuildings"):
            fields = imbuildings.read_payload(uplink.payload, uplink.port)
            if fields is not None:
                return fields, len(uplink.payload)
        if model == "imbuildings":
            return {}, 0
        return milesight.read_payload(uplink.payload, "" if model == "auto" else model)

    def _uplink(self, at_byte: int, uplink: Uplink) -> list[Heard]:
        fields, understood = self._fields(uplink)
        name = uplink.device or str(fields.get("device_id") or fields.get("sn") or "")
        device = self._devices.pop(name, None) or Device(self._options)
        self._devices[name] = device
        if len(self._devices) > DEVICES_MAX:
            self._devices.popitem(last=False)
        told = self._told(uplink) | fields
        if understood < len(uplink.payload):
            told["rest"] = uplink.payload[understood:].hex()
        if not device.is_new(uplink):
            return [Heard(at_byte, Note("uplink", told | {"why": "replay"}))]
        added = device.read(fields, overtaken=device.overtaken(uplink))
        why = next((each.why for each in added if each.why), "")
        problem = "jump" if why == "jump" else "unknown" if "rest" in told else ""
        note = Heard(at_byte, Note("uplink", told | ({"why": why} if why else {}), problem))
        return [note, *(Heard(at_byte, each) for each in self._passed(name, uplink, added))]

    def _told(self, uplink: Uplink) -> dict[str, Any]:
        known = {
            "dev_eui": uplink.device,
            "name": uplink.name,
            "f_port": uplink.port,
            "f_cnt": uplink.counter,
        }
        return {name: value for name, value in known.items() if value not in ("", None)}

    def _passed(self, device: str, uplink: Uplink, added: list[Added]) -> list[Passed]:
        found = []
        for each in added:
            inward, outward = (
                (each.outward, each.inward) if self._options.swap else (each.inward, each.outward)
            )
            if inward or outward:
                line = self._line(device, uplink.name, each.line)
                found.append(Passed(inward=inward, outward=outward, line=line))
        return found

    def _line(self, device: str, name: str, line: str) -> str:
        lines = self._options.lines
        for key in (f"{device}/{line}", device):
            if key in lines:
                return lines[key][:64]
        return (f"{name} {line}" if line else name).strip()[:64]
