"""What a camera's worker and its decoder say to each other: one JSON object a line.

    port    {"kind": "rtsp", "place": "rtsp://…", "door": "/…/eyes/door.sock", …}      once, first of all
    decoder {"options": {"lines": {"door": {"a": [0.1, 0.5], "b": [0.9, 0.5], "in": "down"}}, …}}
    worker  {"t_ms": 5200, "state": "up"}
            {"t_ms": 9130, "crossed": {"line": "door", "way": "in"}}                    one person
            {"t_ms": 61400, "visited": {"zone": "shoes", "dwell_ms": 42000}}            somebody left
            {"t_ms": 61400, "occupancy": {"shoes": 2, "till": 0}}                       all zones, on change
            {"t_ms": 65000, "stats": {"frames_per_s": 10.0, "look_ms": 2.4, …}}         every 5 s

`t_ms` is the worker's own clock, milliseconds since it began. No picture, and nothing of a person but a
count, has a place here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec

from drivers.counter.camera.options import CameraOptions

State = Literal["up", "down", "frozen", "dark", "covered", "moved", "late", "flooded", "resting", "clear"]
STATES: tuple[State, ...] = get_args(State)
COUNTING: tuple[State, ...] = ("up", "clear", "late")

STATS_EVERY_S = 5.0  # so that a worker that says nothing can be told from an empty shop
LINE_BYTES_MAX = 16 * 1024
PEOPLE_MAX = 10_000

_Named = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
_Ms = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Setup(msgspec.Struct, frozen=True, omit_defaults=True):
    """The port's first line to its worker: which camera, and where its pictures may be asked for."""

    kind: str  # v4l2, rtsp, http, file, sim
    place: str  # with its password: it travels on this pipe, where no list of processes shows it
    loop: bool = False  # a file begins again at its end
    speed: float = 1.0  # of a file or a simulated camera
    door: str = ""  # a Unix socket; empty: nobody may ask
    timezone: str = ""  # of the hours; empty: the machine's


class Told(msgspec.Struct, frozen=True):
    """The decoder's line: `CameraOptions` as JSON."""

    options: dict[str, Any]


class Crossed(msgspec.Struct, frozen=True):
    """One person over a line."""

    line: _Named
    way: Literal["in", "out"]


class Left(msgspec.Struct, frozen=True):
    """One person was in a zone, and is no longer."""

    zone: _Named
    dwell_ms: _Ms


class Stats(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the worker does, over the last seconds."""

    frames_per_s: float = 0.0  # looked at
    offered_per_s: float = 0.0  # that the camera gave
    look_ms: float = 0.0  # one frame, in the middle
    people: int = 0  # in the picture
    opened: int = 0  # how often the camera was
    rss_mib: int = 0


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a worker: when, and one of the others."""

    t_ms: _Ms
    crossed: Crossed | None = None
    visited: Left | None = None
    occupancy: (
        Annotated[
            dict[_Named, Annotated[int, msgspec.Meta(ge=0, le=PEOPLE_MAX)]], msgspec.Meta(max_length=64)
        ]
        | None
    ) = None
    state: State | None = None
    detail: Annotated[str, msgspec.Meta(max_length=500)] = ""  # of the state
    stats: Stats | None = None


_setup: msgspec.json.Decoder[Setup] = msgspec.json.Decoder(Setup)
_told: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)
_said: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def encode_line(said: Said | Setup | Told) -> bytes:
    """As it travels, with its line end."""
    return msgspec.json.encode(said) + b"\n"


def read_said(line: bytes) -> Said | None:
    """None when it is none of ours."""
    try:
        return _said.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_setup(line: bytes) -> Setup:
    """Raises msgspec.DecodeError; it comes from our own port."""
    return _setup.decode(line)


def told(options: CameraOptions) -> Told:
    """The line that sets a worker up."""
    return Told(options.model_dump(mode="json", by_alias=True))


def read_told(line: bytes) -> CameraOptions:
    """Raises msgspec.DecodeError, or pydantic's ValidationError."""
    return CameraOptions.model_validate(_told.decode(line).options)
