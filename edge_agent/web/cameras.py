"""The technician's page of a camera: see, draw, try on the last minutes, save, undo.

    page ──► door? ──► the camera's worker, through its eye      pictures, who is seen, who would be counted
                  └──► the settings file, by `config.write_back`, then as on SIGHUP

Pictures go from the worker to the page and are kept nowhere on the way; every answer is `no-store`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from config.edge import DeviceSettings
from config.mistakes import BadSettings
from config.write_back import NotWritten, Standing, WriteBack
from drivers.counter.camera.eye import (
    LOOK_WIDTH_MAX,
    PAST_GIVEN_MAX,
    EyeShut,
    Look,
    Past,
    Question,
    Sight,
    ask,
    door,
    write_answer,
)
from drivers.counter.camera.options import CameraOptions
from edge_agent.field.words import told
from edge_agent.health import Status
from edge_agent.reloading import Taken
from edge_agent.web import asked, camera_words, render
from edge_agent.web.camera_asked import RecountAsked, SaveAsked, UndoAsked, drawing_of
from edge_agent.web.money import Html
from edge_agent.web.technicians import Technicians

DRIVER = "counter.camera"
LOOKS_PER_S = 4  # of all pages of one camera together: what its worker is to be asked at most
LIST_WAIT_S = 1.0  # a list does not wait long for one that hangs
FRAMES = "application/octet-stream"  # a line of JSON, then the pictures whose sizes it tells
NO_STORE = {"cache-control": "no-store"}


class Seat(NamedTuple):
    """A camera in the list."""

    device: DeviceSettings
    running: str  # as the box sees it: up, down, …
    problem: str
    sight: Sight | None  # as its worker sees it


@dataclass(kw_only=True)
class Cameras:
    """What the pages work on."""

    devices: Callable[[], Sequence[DeviceSettings]]  # in force
    writer: WriteBack
    reload: Callable[[], Awaitable[Taken]]
    eyes: Path  # the folder of the workers' sockets
    pin: str  # of the technician; empty: on this machine only
    mono_s: Callable[[], float]


class CameraPages:
    """The handlers; built once by `app.build`."""

    def __init__(self, cameras: Cameras, *, status: Callable[[], Status], lang: str, html: Html) -> None:
        self._cameras, self._status, self._lang, self._html = cameras, status, lang, html
        self._door = Technicians(pin=cameras.pin, mono_s=cameras.mono_s, lang=lang, html=html)
        self._saving = asyncio.Lock()
        self._turns: dict[str, _Turn] = {}

    def routes(self) -> list[Route]:
        one = "/edge/camera/{name}"
        return [
            *self._door.routes(),
            Route("/edge/cameras", self.list_page),
            Route(one, self.page),
            Route(f"{one}/look", self.look),
            Route(f"{one}/past", self.past),
            Route(f"{one}/recount", self.recount, methods=["POST"]),
            Route(f"{one}/save", self.save, methods=["POST"]),
            Route(f"{one}/undo", self.undo, methods=["POST"]),
        ]

    # Pages

    async def list_page(self, request: Request) -> Response:
        if away := self._door.turned_away(request, page=True):
            return away
        seats = await asyncio.gather(*(self._seat(device) for device in self._all()))
        words = camera_words.for_list(self._lang_of(request))
        pin = bool(self._cameras.pin)
        return self._html(request, "cameras.html", seats=seats, status=self._status(), pin=pin, **words)

    async def page(self, request: Request) -> Response:
        if away := self._door.turned_away(request, page=True):
            return away
        device = self._one(request)
        if device is None:
            answer = self._html(request, "no_camera.html", camera=request.path_params["name"][:40])
            answer.status_code = 404
            return answer
        stands = await self._stands(device, self._lang_of(request))
        return self._html(
            request,
            "camera.html",
            camera=device.name,
            stands=stands,
            words=camera_words.for_page(self._lang_of(request), _options(device).detector),
        )

    # Pictures

    async def look(self, request: Request) -> Response:
        """The picture now, and what is seen in it."""
        return await self._answered(request, Look(width=LOOK_WIDTH_MAX))

    async def past(self, request: Request) -> Response:
        """Pictures of the last minutes: `?after=` a moment of the worker's clock, at most `?most=`."""
        try:
            after_s = float(request.query_params.get("after", "-1"))
            most = min(PAST_GIVEN_MAX, max(0, int(request.query_params.get("most", "0"))))
        except ValueError:
            return PlainTextResponse("after and most are numbers", 422)
        return await self._answered(request, Past(after_s=after_s, most=most))

    async def recount(self, request: Request) -> Response:
        """Who would have been counted by a drawing that is not saved."""
        wanted = await asked.body(request, RecountAsked)
        return await self._answered(request, wanted.question() if wanted else None)

    async def _answered(self, request: Request, question: Question | None) -> Response:
        if away := self._door.turned_away(request, page=False):
            return away
        device = self._one(request)
        if device is None:
            return self._said(camera_words.refusal("device", "", self._lang_of(request)), 404)
        if question is None:
            return self._said(camera_words.refusal("drawing", "", self._lang_of(request)), 422)
        turn = self._turns.setdefault(device.name, _Turn(self._cameras.mono_s))
        try:
            async with turn.taken(look=isinstance(question, Look)):
                answer, jpegs = await ask(door(self._cameras.eyes, device.name), question)
        except EyeShut:
            seat = self._seen_by_the_box(device)
            detail = told(seat.problem, self._lang_of(request))
            shut = {"say": "shut", "state": seat.running, "detail": detail, "jpegs_bytes": ()}
            return Response(msgspec.json.encode(shut) + b"\n", media_type=FRAMES, headers=NO_STORE)
        if isinstance(answer, Sight):
            detail = told(answer.detail, self._lang_of(request))
            answer = msgspec.structs.replace(answer, detail=detail)
        return Response(write_answer(answer, tuple(jpegs)), media_type=FRAMES, headers=NO_STORE)

    # Settings

    async def save(self, request: Request) -> Response:
        """Writes the drawing into the settings file, and has the agent take it over."""
        wanted = await asked.body(request, SaveAsked)
        lang = self._lang_of(request)

        def write(device: DeviceSettings) -> Path:
            assert wanted is not None
            before = drawing_of(_options(self._standing(device.name, lang).device))
            changes = {name: value for name, value in wanted.drawing.plain().items() if value != before[name]}
            writer = self._cameras.writer
            return writer.write(device.name, changes, revision=wanted.revision, lang=lang)

        return await self._changed(request, write if wanted else None, camera_words.saved)

    async def undo(self, request: Request) -> Response:
        """Takes the last save back, if nothing else happened to the file since."""
        wanted = await asked.body(request, UndoAsked)
        lang = self._lang_of(request)

        def undo(device: DeviceSettings) -> Path:
            assert wanted is not None
            return self._cameras.writer.undo(device.name, revision=wanted.revision, lang=lang)

        return await self._changed(request, undo if wanted else None, camera_words.undone)

    async def _changed(
        self,
        request: Request,
        change: Callable[[DeviceSettings], Path] | None,
        done: Callable[[Path, Taken, str], str],
    ) -> Response:
        """`change` in a thread, then the settings anew; what came of it, and what stands in the file then."""
        if away := self._door.turned_away(request, page=False):
            return away
        lang, device = self._lang_of(request), self._one(request)
        if device is None:
            return self._said(camera_words.refusal("device", "", lang), 404)
        if change is None:
            return self._said(camera_words.refusal("drawing", "", lang), 422)
        async with self._saving:
            try:
                file = await asyncio.to_thread(change, device)
            except NotWritten as refusal:
                said = camera_words.refusal(refusal.reason, refusal.detail, lang)
                # Whoever has read that it changed may still want to save: over what stands there now.
                stands = await self._stands(device, lang) if refusal.reason == "changed" else {}
                return self._said(said, 409, **stands)
            except BadSettings as bad:
                return self._said(camera_words.refusal("settings", str(bad), lang), 422)
            taken = await self._cameras.reload()
            stands = await self._stands(self._one(request) or device, lang)
        return self._said(done(file, taken, lang), 200, **stands)

    async def _stands(self, device: DeviceSettings, lang: str) -> dict[str, Any]:
        """The drawing that stands in the file; the one in force when the file cannot be read."""
        try:
            found = await asyncio.to_thread(self._standing, device.name, lang)
        except NotWritten as refusal:
            trouble = camera_words.refusal(refusal.reason, refusal.detail, lang)
        except BadSettings as bad:
            trouble = str(bad)
        else:
            return {
                "drawing": drawing_of(_options(found.device)),
                "revision": found.revision,
                "undo": found.undo,
                "trouble": "",
            }
        drawing = drawing_of(_options(device))
        return {"drawing": drawing, "revision": "", "undo": False, "trouble": trouble}

    def _standing(self, name: str, lang: str) -> Standing:
        """The camera as the files have it. Raises NotWritten, BadSettings."""
        found = self._cameras.writer.read(name, lang)
        if found.device.driver != DRIVER:
            raise NotWritten("device", name)
        return found

    # The cameras

    def _all(self) -> list[DeviceSettings]:
        return [device for device in self._cameras.devices() if device.driver == DRIVER]

    def _one(self, request: Request) -> DeviceSettings | None:
        name = request.path_params["name"]
        return next((device for device in self._all() if device.name == name), None)

    def _seen_by_the_box(self, device: DeviceSettings) -> Seat:
        for each in self._status().devices:
            if each.name == device.name:
                return Seat(device, each.state, each.last_problem if each.state == "down" else "", None)
        return Seat(device, "off", "", None)

    async def _seat(self, device: DeviceSettings) -> Seat:
        seat = self._seen_by_the_box(device)
        try:
            answer, _ = await ask(door(self._cameras.eyes, device.name), Look(width=0), LIST_WAIT_S)
        except EyeShut:
            return seat
        return seat._replace(sight=answer if isinstance(answer, Sight) else None)

    def _lang_of(self, request: Request) -> str:
        return render.language(request, self._lang)

    def _said(self, said: str, status: int, **more: Any) -> Response:
        body = msgspec.json.encode({"said": said, **more})
        return Response(body, status, media_type="application/json", headers=NO_STORE)


def _options(device: DeviceSettings) -> CameraOptions:
    assert isinstance(device.options, CameraOptions)
    return device.options


class _Turn:
    """One question at a time to a worker, and pictures no more often than it likes."""

    def __init__(self, mono_s: Callable[[], float]) -> None:
        self._mono_s = mono_s
        self._lock, self._looks = asyncio.Lock(), asyncio.Lock()
        self._looked_s = -1.0

    @contextlib.asynccontextmanager
    async def taken(self, *, look: bool) -> AsyncIterator[None]:
        if look:
            async with self._looks:  # who waits for the next picture holds up no other question
                await asyncio.sleep(max(0.0, self._looked_s + 1 / LOOKS_PER_S - self._mono_s()))
                self._looked_s = self._mono_s()
        async with self._lock:
            yield
