"""`tillbeam-edge count`: a film counted as a camera's pictures are, to try settings out before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from drivers.decode import options_of
from drivers.errors import DriverError
from drivers.registry import driver
from edge_agent.field.screen import FAILED, WRONG, Screen
from edge_agent.field.words import _, filled, is_wrong_command

DRIVER = "counter.camera"
UNNAMED = "line"
CORNERS_LEAST = 3
_TWICE = _("{name} is given twice; each line and each zone has a name of its own")


class Counting(NamedTuple):
    """What is to be counted, as it was typed."""

    film: Path
    lines: Sequence[str]  # [name=]x1,y1,x2,y2
    inward: Sequence[str]  # one for each line, or one for all
    zones: Sequence[str]  # name=x,y;x,y;x,y
    persons: Sequence[str]  # x,y,width,height
    anchor: str
    warmup_frames: int
    options: Mapping[str, str]


def count(wish: Counting, *, as_json: bool, lang: str) -> int:
    """The exit status: 0 counted, 1 the film cannot be read, 2 a wrong command."""
    screen = Screen(as_json=as_json, lang=lang)
    try:
        from drivers.counter.camera.camera import NoFilm
        from drivers.counter.camera.films import count_film
        from drivers.counter.camera.options import CameraOptions
    except ModuleNotFoundError as error:
        says = _("Counting needs {module}; install it with: pip install 'tillbeam[vision]'")
        screen.complain(says, module=error.name or "")
        return FAILED
    try:
        options = options_of(driver(DRIVER), _options(wish))
        assert isinstance(options, CameraOptions)
        if not (options.lines or options.zones):
            screen.complain(_("Nothing is counted without a line or a zone: give --line or --zone."))
        for told in count_film(wish.film, options, warmup_frames=wish.warmup_frames):
            typer.echo(json.dumps(told, ensure_ascii=False) if as_json else _sentence(told, lang))
            if told.get("missing"):
                says = _("{path}: {missing} of its pictures could not be read; it is damaged, or not whole")
                screen.complain(says, path=wish.film, missing=told["missing"])
    except _Typo as typo:
        screen.complain(typo.says, **typo.args_of)
        return WRONG
    except NoFilm as error:
        screen.complain(_("{path}: this is no film, or not a whole one"), path=error.path)
        return FAILED
    except DriverError as error:
        screen.complain("{why}", why=error)
        return WRONG if is_wrong_command(error) else FAILED
    except BrokenPipeError:
        raise
    except OSError as error:
        screen.complain(_("What was counted cannot be written: {why}"), why=error)
        return FAILED
    return 0


class _Typo(Exception):
    """What was typed is no line, zone or box."""

    def __init__(self, says: str, **args: object) -> None:
        super().__init__(says)
        self.says, self.args_of = says, args


def _options(wish: Counting) -> dict[str, Any]:
    if len(wish.inward) not in (1, len(wish.lines)) and wish.lines:
        raise _Typo(_("--in is given once for all lines, or once for each of them: up, down, left or right"))
    lines: dict[str, Any] = {}
    for number, text in enumerate(wish.lines):
        name, _equals, rest = text.rpartition("=")
        x1, y1, x2, y2 = _numbers(
            rest, 4, _("A line is written x1,y1,x2,y2 or name=x1,y1,x2,y2, not {given}")
        )
        name = name or (UNNAMED if len(wish.lines) == 1 else f"{UNNAMED}{number + 1}")
        if name in lines:
            raise _Typo(_TWICE, name=name)
        inward = wish.inward[min(number, len(wish.inward) - 1)]
        lines[name] = {"a": (x1, y1), "b": (x2, y2), "in": inward}
    zones: dict[str, Any] = {}
    for text in wish.zones:
        says = _("A zone is written name=x,y;x,y;x,y with at least three corners, not {given}")
        name, equals, rest = text.partition("=")
        if not equals or not name:
            raise _Typo(says, given=text)
        if name in zones:
            raise _Typo(_TWICE, name=name)
        zones[name] = [_numbers(corner, 2, says) for corner in rest.split(";")]
        if len(zones[name]) < CORNERS_LEAST:
            raise _Typo(says, given=text)
    boxes = [
        _numbers(text, 4, _("A person is written x,y,width,height, not {given}")) for text in wish.persons
    ]
    drawn = {"lines": lines, "zones": zones, "persons": boxes, "anchor": wish.anchor}
    given = {key: value for key, value in drawn.items() if value}
    for twice in sorted(given.keys() & wish.options.keys()):
        raise _Typo(_("{name} is given by --set and by an option of its own: give it once"), name=twice)
    return given | dict(wish.options)


def _numbers(text: str, count: int, says: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise _Typo(says, given=text)
    if not all(0 <= number <= 1 for number in numbers):
        raise _Typo(_("Places are fractions of the picture, from 0 to 1, not {given}"), given=text)
    return numbers


def _sentence(told: Mapping[str, Any], lang: str) -> str:
    if "dir" in told:
        way = filled(_("in") if told["dir"] == "in" else _("out"), {}, lang)
        return filled(_("{t_s} s  {line}: {way}"), dict(told) | {"way": way}, lang)
    if "zone" in told:
        return filled(_("{enter_s} s to {leave_s} s in {zone}: {dwell_s} s"), told, lang)
    says = _(
        "{in} in, {out} out; {frames} frames, {fps_one_core} a second on one core, {ms_per_frame_p50} ms each"
    )
    return filled(says, told, lang)
