"""The counter against films that it met only when it was made, where a folder has them.

`held_out_clips.json` says where each film is from, and our labels of it: each crossing's frame and way, made
by hand before the counter saw the film, with how far off it may be told if not 15 frames, and `free` for one
that need not be told. The films are other people's and never kept here: TILLBEAM_CLIPS/held_out/NAME.* holds
them. Two things were learned from them: how finely narrow people are looked at, and that pieces of people who
walk far do not say how large one is. From those of `unseen_clips.json`, labelled by others who had not seen
the counter, nothing was: what is reached there is what a new camera may expect.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("TILLBEAM_CLIPS", ""))
HELD_OUT, UNSEEN = "held_out_clips.json", "unseen_clips.json"
ESCALATORS = ("escalator_close", "escalator_steps")  # steps that walk: known to fail
pytestmark = pytest.mark.skipif(
    not os.environ.get("TILLBEAM_CLIPS") or not (FOLDER / "held_out").is_dir(),
    reason="TILLBEAM_CLIPS does not say where held-out clips are",
)


def label_of(clip: dict[str, Any]) -> dict[str, Any]:
    """As score.py reads it."""
    crossings = [
        {
            "frame": frame,
            "dir": way,
            "tol": more[0] if more else 15,
            "scored": True,
            "optional": "free" in more,
        }
        for frame, way, *more in clip["crossings"]
    ]
    sure = [each["dir"] for each in crossings if not each["optional"]]
    totals = {"in_": sure.count("in"), "out": sure.count("out")}
    return {**clip, "crossings": crossings, "totals": totals}


def counted(clip: dict[str, Any], *, drawn: bool) -> list[dict[str, Any]]:
    from drivers.counter.camera.films import count_film
    from drivers.counter.camera.options import CameraOptions

    ax, ay, bx, by = clip["line"]
    options = CameraOptions.model_validate(
        {
            "lines": {"line": {"a": (ax, ay), "b": (bx, by), "in": clip["in"]}},
            "anchor": clip["anchor"],
            "persons": [(0, 0, *clip["person"])] if drawn else [],
        }
    )
    film = next((FOLDER / "held_out").glob(f"{clip['name']}.*"))
    return [each for each in count_film(film, options, warmup_frames=clip["warmup_frames"]) if "dir" in each]


def scored(clip: dict[str, Any], folder: Path, *, drawn: bool) -> dict[str, int]:
    label, found = folder / f"{clip['name']}.json", folder / f"{clip['name']}.jsonl"
    label.write_text(json.dumps(label_of(clip)))
    found.write_text("".join(json.dumps(each) + "\n" for each in counted(clip, drawn=drawn)))
    command = [sys.executable, FOLDER / "score.py", label, found]
    said: dict[str, int] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return said


@pytest.mark.parametrize(
    ("labels", "drawn", "least"),
    [(HELD_OUT, True, 0.9), (HELD_OUT, False, 0.88), (UNSEEN, True, 0.8), (UNSEEN, False, 0.7)],
)
def test_clips_that_it_met_only_when_it_was_made(
    labels: str, drawn: bool, least: float, tmp_path: Path
) -> None:
    """0.92 is the goal. 0.91 to 0.92 are reached, drawn or learned; unseen, 0.83 to 0.84 and 0.72 to 0.79."""
    known = json.loads((Path(__file__).parent / labels).read_text())
    clips = [clip for clip in known if clip["name"] not in ESCALATORS]
    # Spawned: cv2 has threads in this process once other tests have used it, and a fork would wait for them.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        asked = [pool.submit(scored, clip, tmp_path, drawn=drawn) for clip in clips]
        said = [each.result() for each in asked]
    tp, wrong = sum(each["tp"] for each in said), sum(each["fp"] + each["fn"] for each in said)
    assert 2 * tp / (2 * tp + wrong) >= least, said
