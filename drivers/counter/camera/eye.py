"""What the technician's page may ask a camera's worker, and how: the one way by which pictures leave it.

    page    {"ask":"look"}\n                                                       one line of JSON
    worker  {"say":"sight", …, "jpegs_bytes":[18204]}\n  18204 bytes of JPEG       one line, then the pictures

Each camera has a Unix socket of its own, `door(folder, device)`, that only the agent's user may open (0600,
in a folder 0700). A connection may ask as often as it likes, one thing after the other; `ask` makes one for
each question. Pictures are in the worker's memory and nowhere else, and nothing of this is ever stored.

* `Look`: the picture now, and what is seen in it. The box is a small one: ask no more than four times a
  second. The worker draws nothing into a picture; whoever shows it draws lines, zones and boxes above it.
* `Past`: small pictures of the last three minutes. They are kept only while somebody asks, and for a quarter
  of an hour after that: the first question has an empty answer, and begins the keeping.
* `Recount`: who would have been counted by other lines and zones. The tracks of the last ten minutes are
  always there, so this needs no pictures. With other masks or boxes around persons the kept pictures are
  counted again, a few for each time it is asked: ask until none is `left`. That, too, has them kept.

Every place is a fraction of the picture from its top left corner; `t_s` is the worker's own clock, seconds
that never go back, the same in all answers of one worker: by another `worker` it is another clock, and
nothing of both may be compared. This file needs neither OpenCV nor numpy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from drivers.counter.camera.options import CORNERS_MAX, LINES_MAX, PERSONS_MAX, ZONES_MAX, Anchor, Way
from drivers.errors import DriverError

QUESTION_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = 1024 * 1024  # of the line before the pictures
JPEGS_BYTES_MAX = 16 * 1024 * 1024  # of all pictures of one answer
ANSWER_WAIT_S = 5.0  # a worker that says nothing for so long does not live

LOOK_WIDTH_MAX = 640  # pixels of the picture that `Look` gives
PAST_WIDTH_MAX = 320
PAST_PER_S = 4
PAST_S = 180.0
PAST_KEPT_S = 15 * 60.0  # pictures are kept so long after the last question
PAST_GIVEN_MAX = 120  # pictures in one answer
TRACKS_S = 600.0

Spot = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, top, width, height
Corners = Annotated[tuple[Spot, ...], msgspec.Meta(min_length=3, max_length=CORNERS_MAX)]
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class EyeShut(DriverError):
    """Nobody answers behind the door: the worker does not run, is being started, or does not live."""


class _Word(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    pass


class LineDrawn(_Word, frozen=True):
    """A line as it is counted, or as it might be."""

    a: Spot
    b: Spot
    inward: Way


Lines = Annotated[dict[Named, LineDrawn], msgspec.Meta(max_length=LINES_MAX)]
Zones = Annotated[dict[Named, Corners], msgspec.Meta(max_length=ZONES_MAX)]
Masks = Annotated[tuple[Corners, ...], msgspec.Meta(max_length=ZONES_MAX)]
Persons = Annotated[tuple[Rectangle, ...], msgspec.Meta(max_length=PERSONS_MAX)]

# ── questions ────────────────────────────────────────────────────────────────────────────────────────────


class Look(_Word, frozen=True, tag_field="ask", tag="look"):
    """The picture now. `width`: pixels, at most LOOK_WIDTH_MAX; 0 leaves the picture out."""

    width: Annotated[int, msgspec.Meta(ge=0, le=LOOK_WIDTH_MAX)] = LOOK_WIDTH_MAX


class Past(_Word, frozen=True, tag_field="ask", tag="past"):
    """Kept pictures after `after_s`, the oldest first, at most `most`; 0: only from when on.

    In a crowd they are fewer, since where everybody was has to fit: ask on until `until_s` was taken.
    """

    after_s: float = -1.0
    most: Annotated[int, msgspec.Meta(ge=0, le=PAST_GIVEN_MAX)] = PAST_GIVEN_MAX


class Recount(_Word, frozen=True, tag_field="ask", tag="recount"):
    """Who passed these lines and was in these zones between `from_s` and `until_s`.

    `masks` and `persons` as in the settings; None: those by which it counts.
    """

    lines: Lines = {}
    zones: Zones = {}
    masks: Masks | None = None
    persons: Persons | None = None
    anchor: Anchor = "centroid"
    from_s: float = 0.0
    until_s: float = 1e12


Question = Look | Past | Recount

# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────


class SeenNow(_Word, frozen=True):
    """Somebody in the picture."""

    track: int
    x: float  # of what crosses lines
    y: float
    box: Rectangle
    sure: bool = False  # has walked: counts when they cross


class CrossedNow(_Word, frozen=True):
    """Somebody went over a line."""

    t_s: float
    line: Named
    way: Literal["in", "out"]
    track: int = 0  # 0: not known


class VisitedNow(_Word, frozen=True):
    """Somebody was in a zone."""

    zone: Named
    entered_s: float
    left_s: float


class DetectorNow(_Word, frozen=True):
    """How the detector does that was wanted; see `witness.Figures`."""

    why: str = ""  # it is not asked: a word of NoDetector
    looks: int = 0
    look_ms: float = 0.0
    seen: int = 0  # tracks that it took for people …
    unseen: int = 0  # … and those at which it looked in vain


class Sight(_Word, frozen=True, tag_field="say", tag="sight"):
    """What the camera sees. No picture while it is `down` or `resting`, or when none was asked for."""

    t_s: float  # when this was answered
    state: str  # as `CameraState` has it; `starting` before the first
    detail: str = ""
    picture_s: float = 0.0  # when the picture was taken; 0: there is none
    wide: int = 0  # the camera's own picture, pixels
    high: int = 0
    frames_per_s: float = 0.0  # looked at, in the last seconds
    look_ms: float = 0.0  # what one frame costs to look at, in the middle
    people: tuple[SeenNow, ...] = ()
    occupancy: dict[Named, int] = {}
    crossed: tuple[CrossedNow, ...] = ()  # of the last minute
    totals: dict[Named, tuple[int, int]] = {}  # in and out over each line since the worker began
    detector: DetectorNow | None = None  # none is wanted
    persons: tuple[Rectangle, ...] = ()  # sizes of people that were learned, far and near; else empty
    lines: Lines = {}  # by which it counts
    zones: Zones = {}
    worker: str = ""  # who answers
    jpegs_bytes: tuple[int, ...] = ()


class Kept(_Word, frozen=True, tag_field="say", tag="kept"):
    """The last minutes: times of the pictures that follow, and where people were."""

    t_s: float
    from_s: float = 0.0  # of the oldest picture that is kept; 0: none
    until_s: float = 0.0  # of the newest
    tracks_from_s: float = 0.0  # as far back as `Recount` can go
    taken_s: tuple[float, ...] = ()
    tracks: dict[int, tuple[tuple[float, float, float], ...]] = {}  # t_s, x, y, within those times
    worker: str = ""  # who answers
    jpegs_bytes: tuple[int, ...] = ()


class Recounted(_Word, frozen=True, tag_field="say", tag="recounted"):
    """Who was counted by other lines and zones, in order of time."""

    from_s: float
    until_s: float
    crossed: tuple[CrossedNow, ...] = ()
    visited: tuple[VisitedNow, ...] = ()
    pictures: int | None = None  # counted again so far; None: by the tracks
    left: int = 0  # pictures that are still to be counted: ask again
    worker: str = ""  # who answers
    jpegs_bytes: tuple[int, ...] = ()


class Refused(_Word, frozen=True, tag_field="say", tag="refused"):
    """The question could not be read, or not be answered."""

    why: str
    jpegs_bytes: tuple[int, ...] = ()


Answer = Sight | Kept | Recounted | Refused

_questions: msgspec.json.Decoder[Question] = msgspec.json.Decoder(Question)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def read_question(line: bytes) -> Question:
    """Raises ValueError, which says why."""
    try:
        return _questions.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a question: {error}") from None


def write_answer(answer: Answer, jpegs: tuple[bytes, ...] = ()) -> bytes:
    """The line and the pictures behind it."""
    said = msgspec.structs.replace(answer, jpegs_bytes=tuple(map(len, jpegs)))
    return b"".join((msgspec.json.encode(said), b"\n", *jpegs))


async def ask(door: Path, question: Question, wait_s: float = ANSWER_WAIT_S) -> tuple[Answer, list[bytes]]:
    """What the worker behind that door answers, with its pictures. Raises EyeShut."""
    import asyncio  # 5 MB, which a worker has no use for

    try:
        async with asyncio.timeout(wait_s):
            return await _asked(door, question)
    except TimeoutError:
        raise EyeShut(f"{door.name}: no answer in {wait_s:g} s") from None
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, msgspec.DecodeError) as error:
        raise EyeShut(f"{door.name}: {error}") from error


async def _asked(door: Path, question: Question) -> tuple[Answer, list[bytes]]:
    import asyncio

    with near(door) as place:
        reader, writer = await asyncio.open_unix_connection(place, limit=ANSWER_BYTES_MAX)
    try:
        writer.write(msgspec.json.encode(question) + b"\n")
        answer = _answers.decode(await reader.readuntil(b"\n"))
        if sum(answer.jpegs_bytes) > JPEGS_BYTES_MAX:
            raise ValueError("pictures without an end")
        return answer, [await reader.readexactly(size) for size in answer.jpegs_bytes]
    finally:
        writer.close()


def door(folder: Path, device: str) -> Path:
    """Where the camera of that name is asked; `folder` is `eyes` in the agent's state folder."""
    return folder / f"{device}.sock"


@contextmanager
def near(door: Path) -> Iterator[str]:
    """The socket by a short name: a path may be long, but the address of a socket has 108 bytes.

    Raises OSError when its folder is not there.
    """
    folder = os.open(door.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{door.name}"
    finally:
        os.close(folder)
