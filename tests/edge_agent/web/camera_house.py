"""A store's box with cameras whose workers are pretended: their eyes answer what a test says."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from config.edge import EdgeSettings
from config.load import load
from drivers.counter.camera.eye import (
    Answer,
    CrossedNow,
    Kept,
    Look,
    Past,
    Question,
    Recount,
    Recounted,
    Refused,
    SeenNow,
    Sight,
    door,
    near,
    read_question,
    write_answer,
)
from edge_agent.app import Edge, World
from edge_agent.listening import EYES
from edge_agent.reloading import SettingsFile
from edge_agent.serving import open_pages

SETTINGS = """\
# 杭州店
state_dir: state
language: en
web: {{port: {port}{web}}}
devices:
  - name: entrance # over the door
    driver: counter.camera
    port: {camera}   # until the real one is there
    options:
      anchor: 'foot'   # from the side
      lines: # in is down
        door: {{a: [0.2, 0.5], b: [0.8, 0.5], in: down}}  # main door
      zones:
        shoes: [[0.1, 0.6], [0.4, 0.6], [0.4, 0.95], [0.1, 0.95]]
  - name: back
    driver: counter.camera
    port: sim:43
  - name: reader
    driver: cardreader.rdm6300
    port: tcp://127.0.0.1:1

outbox: {{keep_days: 7}}  # a week
"""
# 64 × 36 pixels: a brighter box on green.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB"
    "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P"
    "T09PT09PT09PT09PT09PT0//wAARCAAkAEADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QA"
    "tRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3"
    "ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLD"
    "xMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QA"
    "tREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2"
    "Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6"
    "wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDJooopHEFFW7GGOXf5i5xjHP1qa6to"
    "Y7dnRMMMYOT61qqUnHmMJV4qfJ1M6iiisjcKKKKACiiigC/pn/LX8P61Pe/8ej/h/OqljNHFv8xsZxjj61NdXMMluyI+WOMD"
    "B9a64Sj7K1+5wVISde9tLozqKKK5DvCiiigAooooAKKKKACiiigAooooA//Z"
)


def settings_text(port: int, *, web: str = "", camera: str = "") -> str:
    return SETTINGS.format(port=port, web=web, camera=camera or "sim:42")


@dataclass
class FakeEye:
    """What one pretended worker says; a test changes it as it likes."""

    sight: Sight = field(
        default_factory=lambda: Sight(
            t_s=100.0,
            state="up",
            picture_s=100.0,
            wide=640,
            high=360,
            frames_per_s=10.0,
            look_ms=2.5,
            people=(SeenNow(track=7, x=0.5, y=0.4, box=(0.45, 0.3, 0.1, 0.2), sure=True),),
            occupancy={"shoes": 2},
            totals={"door": (3, 1)},
        )
    )
    crossed: tuple[CrossedNow, ...] = ()  # of the last minutes, by any line of that name
    pictures_s: tuple[float, ...] = ()
    room: int = 120  # pictures in one answer; in a crowd they are few
    worker: str = "first"
    forgot_s: float = 0.0  # nothing from before is known any more
    refuses: str = ""  # why it cannot count anew
    waiting: int = 0  # pictures that it has yet to count again, three for each question
    counted: int | None = None  # … and has
    asked: list[Question] = field(default_factory=list)

    def answer(self, question: Question) -> tuple[Answer, tuple[bytes, ...]]:
        self.asked.append(question)
        said, jpegs = self._answer(question)
        return said if isinstance(said, Refused) else msgspec.structs.replace(said, worker=self.worker), jpegs

    def _answer(self, question: Question) -> tuple[Answer, tuple[bytes, ...]]:
        match question:
            case Look(width=width):
                return self.sight, (JPEG,) if width and self.sight.picture_s else ()
            case Past(after_s=after_s, most=most):
                taken = tuple(t_s for t_s in self.pictures_s if t_s > after_s)[: min(most, self.room)]
                tracks = {7: tuple((t_s, 0.5, 0.4) for t_s in taken)}
                from_s, until_s = (self.pictures_s[0], self.pictures_s[-1]) if self.pictures_s else (0.0, 0.0)
                kept = Kept(t_s=self.sight.t_s, from_s=from_s, until_s=until_s, taken_s=taken, tracks=tracks)
                return kept, (JPEG,) * len(taken)
            case Recount() if self.refuses:
                return Refused(why=self.refuses), ()
            case Recount(lines=lines, from_s=from_s, until_s=until_s):
                from_s = max(from_s, self.forgot_s)
                if question.masks:
                    self.counted = (self.counted or 0) + min(3, self.waiting)
                    self.waiting -= min(3, self.waiting)
                    until_s = min(until_s, self.pictures_s[self.counted - 1])
                counted = tuple(
                    one for one in self.crossed if one.line in lines and from_s <= one.t_s <= until_s
                )
                again = {"pictures": self.counted, "left": self.waiting} if question.masks else {}
                return Recounted(from_s=from_s, until_s=until_s, crossed=counted, **again), ()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(write_answer(*self.answer(read_question(line))))
            await writer.drain()
        writer.close()

    def goes_on(self, **more: Any) -> None:
        """The sight with something changed."""
        self.sight = msgspec.structs.replace(self.sight, **more)


@dataclass
class CameraHouse:
    """The box: its pages at `url`, its settings in `file`, the camera `entrance` as `eye` has it."""

    url: str
    file: Path
    edge: Edge
    eye: FakeEye

    def devices(self) -> dict[str, Any]:
        return {device.name: device for device in self.edge.settings.devices}


async def _no_device(*_: object) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def camera_house(
    folder: Path, port: int, *, web: str = "", camera: str = ""
) -> AsyncIterator[CameraHouse]:
    """The pages on 127.0.0.1; `web`: further settings of theirs, as YAML in a flow.

    With the port of a real `camera` its own worker is started, and nothing is pretended.
    """
    file = folder / "edge.yaml"
    file.write_text(settings_text(port, web=web, camera=camera))
    loaded = load(file, EdgeSettings, environ={})
    async with AsyncExitStack() as down:
        edge = Edge(loaded.settings, World() if camera else World(listen=_no_device))
        await edge.start()
        down.push_async_callback(edge.stop)
        eyes = loaded.settings.state_dir / EYES
        eyes.mkdir(mode=0o700, exist_ok=True)
        eye = FakeEye()
        if not camera:
            with near(door(eyes, "entrance")) as place:
                server = await asyncio.start_unix_server(eye.serve, place)
            down.callback(server.close)
        settings = SettingsFile(edge, file, loaded, environ={}, lang="en", tell=lambda taken: None)
        pages = await open_pages(edge, settings)
        assert pages is not None
        down.push_async_callback(pages.stop)
        yield CameraHouse(f"http://127.0.0.1:{port}", file, edge, eye)
