"""What the pages of cameras say, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.errors import NoDetector
from edge_agent.field.words import DETECTORS, reason, told
from edge_agent.reloading import Taken
from edge_agent.web.words import translator


def states(lang: str) -> dict[str, str]:
    """How a camera is: as its worker says (`CameraState`); as the box says when that one does not answer."""
    _ = translator(lang)
    return {
        "up": _("sees"),
        "clear": _("sees"),
        "down": _("no picture comes"),
        "frozen": _("the picture stands still"),
        "dark": _("it is dark"),
        "covered": _("something is before the lens"),
        "moved": _("the camera was moved"),
        "late": _("the box cannot keep up"),
        "flooded": _("the whole picture changes"),
        "resting": _("rests by its schedule"),
        "starting": _("is being started"),
        "blocked": _("blocked"),
        "off": _("off"),
    }


def for_list(lang: str) -> dict[str, Any]:
    """The functions that `cameras.html` calls."""
    known = states(lang)
    return {"state_text": lambda code: known.get(code, code), "told": lambda said: told(said, lang)}


def for_page(lang: str, detector: str = "") -> dict[str, Any]:
    """What the page's own program says; {names} in braces are filled there. `detector`: its file."""
    _ = translator(lang)
    return {
        "states": states(lang),
        "kinds": {"line": _("Line"), "zone": _("Zone"), "mask": _("Mask"), "person": _("Person")},
        "fresh": {"line": _("line"), "zone": _("zone")},  # a new one's name, before its number
        "corner": _("{name}, corner {number}: {x} % from the left, {y} % from the top"),
        "between": _("{name}: a new corner after corner {number}"),
        "arrow": _("{name}: in is {way}. Press to turn."),
        "ways": {
            "up": _("upwards"),
            "down": _("downwards"),
            "left": _("to the left"),
            "right": _("to the right"),
        },
        "inside": _("{n} there now"),
        "picture": _("{wide} × {high}, {rate} pictures/s, {cost} ms each"),
        "detector": _("Detector: {seen} of {all} people seen, {cost} ms a look"),
        "no_detector": {
            why: _("It counts without its detector: {why}").replace(
                "{why}", reason(NoDetector(why, detector), lang)
            )
            for why in DETECTORS
        },
        "stale": _("No picture for {n} s"),
        "never": _("No picture since this page was opened"),
        "full": _("No more of these fit."),
        "bad_name": _("A name has 1 to 40 characters, without spaces and : = ; ,"),
        "twice": _("This name is there already."),
        "trying": {
            "tracks": _("Counted by the lines as they are drawn now, not saved yet."),
            "pictures": _(
                "Not saved yet. With other masks or persons the kept pictures are counted again, four a"
                " second: {done} of {all} so far. Once it is saved every picture counts."
            ),
        },
        "unsaved": _("Not saved yet"),
        "saved": _("As in the settings file"),
        "keeping": _("Pictures are kept from now on, in memory only. Come back in a minute."),
        "loading": _("{n} pictures"),
        "compared": _("Compared: {seconds} s of {all} s"),
        "forgot": _(
            "The camera no longer knows the first {seconds} s: they are left out, and so are {n} counted by"
            " hand in them."
        ),
        "timeless": _(
            "No difference is told: numbers that were typed, or pressed before playing, are of a longer time."
        ),
        "gone": _("The camera no longer has these minutes to compare with. Load the last minutes again."),
        "pieces": {"play": _("Play"), "pause": _("Pause")},
    }


def refusal(reason: str, detail: str, lang: str) -> str:
    """Why a drawing was not saved, or its save not taken back."""
    _ = translator(lang)
    texts = {
        "drawing": _("Something drawn is not complete, or there is too much of it."),
        "device": _("There is no such camera in the settings any more."),
        "changed": _(
            "Not saved: somebody changed the settings file meanwhile. Press again to put your drawing into it"
            " as it is now; everything else in it stays."
        ),
        "scattered": _("Not saved: what changed stands in several files ({detail}). Put it into one."),
        "shared": _("Not saved: another device has its settings from the same place ({detail})."),
        "shape": _("Not saved: the file is written in a way that no program should change: {detail}"),
        "rights": _("Not saved: the new file could not have the rights of the old one: {detail}"),
        "disk": _("Not saved: the settings file cannot be written: {detail}. See the manual: cameras."),
        "nothing": _("There is nothing to take back: the file was changed since."),
        "settings": _("Not saved: the settings would not be right: {detail}"),
    }
    return texts.get(reason, reason).replace("{detail}", detail)


def saved(file: Path, taken: Taken, lang: str) -> str:
    """The file was written, and what the agent did with it."""
    _ = translator(lang)
    return _after(_("Saved in {file}.").replace("{file}", file.name), taken, _)


def undone(file: Path, taken: Taken, lang: str) -> str:
    """The camera's last save is no longer in the file, and what the agent did with it."""
    _ = translator(lang)
    return _after(
        _("The last save of this camera is taken back in {file}.").replace("{file}", file.name), taken, _
    )


def _after(said: str, taken: Taken, _: Callable[[str], str]) -> str:
    then, more = _("The camera counts by it now."), ""
    if taken.refused:
        then, more = _("The agent goes on with its old settings:"), f" {taken.refused}"
    elif taken.needs_restart:
        then, more = (
            _("A restart is needed for other changes in the file:"),
            f" {', '.join(taken.needs_restart)}",
        )
    return _("{said} {then}").replace("{said}", said).replace("{then}", then) + more
