"""The counter against labelled clips of real people, where a folder has them.

TILLBEAM_CLIPS is a folder with `labels/NAME.json`, `score.py` and the films as `NAME.*`; the films are other
people's and never kept here. The same settings for all; only line, zones, anchor and drawn persons differ.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

FOLDER = Path(os.environ.get("TILLBEAM_CLIPS", ""))
pytestmark = pytest.mark.skipif(
    not os.environ.get("TILLBEAM_CLIPS"), reason="TILLBEAM_CLIPS does not say where labelled clips are"
)

SHOP_FRONT = (0.047, 0.21)
DOOR = [(0.43, 0.23, 0.14, 0.28), (0.41, 0.61, 0.18, 0.23)]  # around who steps out and who has: lower, wider
PERSONS = {  # width and height of a box drawn around somebody, in fractions of the picture
    "courtyard_loiter": (0.15, 0.40),
    "femb_plaza": (0.11, 0.20),
    "pavement_strollers": (0.16, 0.29),
    "pavement_walkers": (0.155, 0.36),
    "intel_table_dwell": (0.17, 0.80),
}
LIGHTS = ("a lamp goes off and on", "it grows dark and light", "lamps flicker")
FROM_ABOVE = ("courtyard_loiter", "femb_plaza", "pavement_strollers", "pavement_walkers")


def counted(name: str, light: str = "") -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """(label, crossings, visits) of one clip, in this one of LIGHTS."""
    from drivers.counter.camera import films
    from drivers.counter.camera.options import CameraOptions

    label = json.loads((FOLDER / "labels" / f"{name}.json").read_text())
    film = next(path for path in FOLDER.glob(f"{name}.*"))
    w, h = PERSONS.get(name, SHOP_FRONT)
    drawn = DOOR if name == "metro_alight_crush" else [(0, 0, w, h)]
    line = label["line"]
    options = CameraOptions.model_validate(
        {
            "lines": {"line": {"a": line["p1"], "b": line["p2"], "in": line["in_direction"]}},
            "zones": {zone["name"]: zone["polygon"] for zone in label["zones"]},
            "anchor": label["anchor"],
            "persons": drawn,
        }
    )
    with mock.patch.object(films, "film", under(light, film, label["fps"])):
        told = list(films.count_film(film, options, warmup_frames=label["warmup_frames"]))[:-1]
    return label, [each for each in told if "dir" in each], [each for each in told if "zone" in each]


def under(light: str, path: Path, frames_per_s: float) -> Callable[..., Iterator[tuple[float, Any]]]:
    """`camera.film` with the light of its pictures changed in the middle half."""
    from drivers.counter.camera import trouble
    from drivers.counter.camera.camera import film, pictures_said

    quarter_s = pictures_said(path) / frames_per_s / 4
    change: Callable[[Any, float], Any] = {
        "": lambda picture, _: picture,
        LIGHTS[0]: lambda picture, t_s: trouble.light_step(picture, t_s, at_s=2 * quarter_s),
        LIGHTS[1]: lambda picture, t_s: trouble.light_ramp(picture, t_s, at_s=quarter_s, over_s=quarter_s),
        LIGHTS[2]: trouble.flicker,
    }[light]
    return lambda *asked, **named: ((t_s, change(picture, t_s)) for t_s, picture in film(*asked, **named))


@pytest.fixture(scope="module")
def clips() -> dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]]:
    names = sorted(path.stem for path in (FOLDER / "labels").glob("*.json"))
    # Spawned: cv2 has threads in this process once other tests have used it, and a fork would wait for them.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return dict(zip(names, pool.map(counted, names), strict=True))


def scored(clips: Any, names: Iterable[str], folder: Path) -> dict[str, int]:
    """True and false positives and false negatives in all, and in and out of both."""
    sums = dict.fromkeys(("tp", "fp", "fn", "in", "true_in", "out", "true_out"), 0)
    for name in names:
        found = folder / f"{name}.jsonl"
        found.write_text("".join(json.dumps(each) + "\n" for each in clips[name][1]))
        label = FOLDER / "labels" / f"{name}.json"
        said = subprocess.run(
            [sys.executable, FOLDER / "score.py", label, found], check=True, capture_output=True
        ).stdout
        for key in sums:
            sums[key] += json.loads(said)[key]
    return sums


def f1(sums: dict[str, int]) -> float:
    return 2 * sums["tp"] / (2 * sums["tp"] + sums["fp"] + sums["fn"])


def test_people_from_above_are_counted(clips: Any, tmp_path: Path) -> None:
    """All 24 in and 31 out are found: one that is missed is more than 3 % of either way."""
    sums = scored(clips, FROM_ABOVE, tmp_path)
    assert f1(sums) >= 0.97, sums
    assert abs(sums["in"] - sums["true_in"]) <= 0.03 * sums["true_in"], sums
    assert abs(sums["out"] - sums["true_out"]) <= 0.03 * sums["true_out"], sums


def test_all_clips_together(clips: Any, tmp_path: Path) -> None:
    """0.92 is the goal; 0.956 is reached, and 0.93 to 0.956 with small changes anywhere before it."""
    assert f1(sums := scored(clips, clips, tmp_path)) >= 0.92, sums


def test_a_crush_at_a_door(clips: Any, tmp_path: Path) -> None:
    """22 of 27 and two false is the goal, and reached; 21 to 24, none to three, with small changes."""
    sums = scored(clips, ["metro_alight_crush"], tmp_path)
    assert sums["tp"] >= 22, sums
    assert sums["fp"] <= 2, sums


def test_visits_of_a_table_are_told_to_half_a_second(clips: Any) -> None:
    label, _, visits = clips["intel_table_dwell"]
    assert len(label["dwell"]) == 6
    apart = [
        min(
            abs(visit["enter_s"] - truth["enter"] / label["fps"])
            + abs(visit["leave_s"] - truth["exit"] / label["fps"])
            for visit in visits
        )
        for truth in label["dwell"]
    ]
    assert sum(apart) / len(apart) <= 0.5, apart
    assert len(visits) == 6, visits


def test_light_that_changes_is_nobody(clips: Any, tmp_path: Path) -> None:
    """Five false events in all is the goal. 7 to 12 are told; 3 to 12 in as many looks without it."""
    several = list(product(clips, LIGHTS))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(counted, *zip(*several, strict=True)))
    false = {
        (name, light): scored({name: one}, [name], tmp_path)["fp"]
        for (name, light), one in zip(several, found, strict=True)
    }
    anyway = len(LIGHTS) * scored(clips, clips, tmp_path)["fp"]
    assert sum(false.values()) <= anyway + 5, {which: count for which, count in false.items() if count}
