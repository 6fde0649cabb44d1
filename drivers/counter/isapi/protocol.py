"""Cameras that count people and push what they count: Hikvision's ISAPI, listening mode.

        POST /anything HTTP/1.1                         a document alone (application/xml, text/xml), or
        Content-Type: multipart/form-data; …            one part of a form, its pictures beside it
        …
        <EventNotificationAlert …> … <peopleCounting> … </EventNotificationAlert>

Documents are found wherever they stand, so bare ones in a file or on a plain connection are read as well. A
push is answered 200 when its people are on disk, for the pump writes our replies after it has recorded what
we heard. No picture is looked at or kept.
"""

from __future__ import annotations

from collections import OrderedDict

from drivers.base import Heard, Note
from drivers.counter.isapi.alerts import Alert, Counts, read_alert, told_of
from drivers.counter.isapi.documents import Documents
from drivers.counter.isapi.options import IsapiOptions
from drivers.counter.isapi.series import Series
from drivers.counter.isapi.xml_tree import Refused, read_xml
from drivers.http_frames import HttpReader, Loose, Piece, Request, write_response
from sync.contract.events import Passed

SERIES_MAX = 256  # cameras × channels × regions; the one not heard of for longest goes
PAUSE_MS = 2000  # no more comes of what has begun
PROBLEMS = {"jump", "incomplete"}


class IsapiDecoder:
    """Documents become people."""

    def __init__(self, options: IsapiOptions) -> None:
        self._options = options
        self._http = HttpReader()
        self._bare = Documents()
        self._series: OrderedDict[tuple[str, str, str], Series] = OrderedDict()
        self._replies = bytearray()
        self.wake_at_ms: int | None = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard = self._pieces(self._http.feed(chunk))
        self.wake_at_ms = now_ms + PAUSE_MS if self._http.waiting or self._bare.waiting else None
        return heard

    def wake(self, now_ms: int) -> list[Heard]:
        if self.wake_at_ms is None or now_ms < self.wake_at_ms:
            return []
        self.wake_at_ms = None
        heard = self._pieces(self._http.pause())
        if self._bare.waiting:
            heard.append(self._bare_cut())
        return heard

    def answer(self, answer: object, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        said = bytes(self._replies)
        self._replies.clear()
        return said

    def _pieces(self, pieces: list[Piece]) -> list[Heard]:
        heard: list[Heard] = []
        for piece in pieces:
            if isinstance(piece, Loose):
                documents = self._bare.feed(piece.chunk, piece.at_byte)
                heard += [one for at_byte, document in documents for one in self._document(at_byte, document)]
            elif isinstance(piece, Request):
                heard += self._request(piece)
        return heard

    def _bare_cut(self) -> Heard:
        at_byte = self._bare.give_up()
        return Heard(at_byte, Note("alert", {"error": "cut"}, "cut"))

    def _request(self, request: Request) -> list[Heard]:
        if self._options.path and request.target.partition("?")[0] != self._options.path:
            self._answer(request, 404)
            return [Heard(request.at_byte, Note("request", {"path": request.target[:200]}, "path"))]
        finder = Documents()
        documents = finder.feed(request.body, 0)
        heard = [one for _, document in documents for one in self._document(request.at_byte, document)]
        broken = finder.waiting or (request.body and not documents)
        if broken:
            heard.append(Heard(request.at_byte, Note("alert", {"error": "no alert"}, "no_alert")))
        refused = any(isinstance(one.what, Note) and "error" in one.what.fields for one in heard)
        self._answer(request, 400 if refused else 200)
        return heard

    def _answer(self, request: Request, status: int) -> None:
        if request.number:
            self._replies += write_response(request.number, status)

    def _document(self, at_byte: int, document: bytes) -> list[Heard]:
        try:
            alert = read_alert(read_xml(document))
        except Refused as refused:
            return [Heard(at_byte, Note("alert", {"error": str(refused)}, "xml"))]
        if not alert.counts:
            kind = "heartbeat" if alert.event.lower() in ("heartbeat", "videoloss") else "alert"
            return [Heard(at_byte, Note(kind, told_of(alert, None)))]
        return [one for counts in alert.counts for one in self._counts(at_byte, alert, counts)]

    def _counts(self, at_byte: int, alert: Alert, counts: Counts) -> list[Heard]:
        key = (alert.mac or alert.ip, alert.channel, counts.region)
        series = self._series.pop(key, None) or Series(self._options)
        self._series[key] = series
        if len(self._series) > SERIES_MAX:
            self._series.popitem(last=False)
        added = series.read(alert, counts)
        fields = told_of(alert, counts)
        if added.why:
            fields["why"] = added.why
        heard = [Heard(at_byte, Note("counts", fields, added.why if added.why in PROBLEMS else ""))]
        if added.inward or added.outward:
            passed = Passed(inward=added.inward, outward=added.outward, line=self._line(alert, counts))
            heard.append(Heard(at_byte, passed))
        return heard

    def _line(self, alert: Alert, counts: Counts) -> str:
        lines = self._options.lines
        for key in (f"{alert.channel}/{counts.region}", alert.channel):
            if key in lines:
                return lines[key][:64]
        region = f" {counts.region}" if counts.region else ""
        return f"{alert.channel_name}{region}".strip()[:64]
