"""`tillbeam-edge count` on a film of drawn people."""

from __future__ import annotations

import itertools
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from drivers.counter.camera import films
from drivers.counter.camera.drawn.film import Film
from drivers.counter.camera.films import Frames, Took
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.simulator import film
from edge_agent.cli import app

RATE, SIZE = 10.0, (320, 180)


@pytest.fixture(scope="module")
def drawn() -> Film:
    return film(1001, "walkers", "clear", lasts_s=20.0)


@pytest.fixture(scope="module")
def path(drawn: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as a file, of MJPEG pictures."""
    path = tmp_path_factory.mktemp("films") / "door.avi"
    save(path, [picture for _, picture in drawn.frames(RATE, SIZE)])
    return path


def save(path: Path, pictures: list[Picture]) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, SIZE)
    for picture in pictures:
        writer.write(picture)
    writer.release()


def line_of(drawn: Film) -> list[str]:
    ((_, line),) = drawn.options.lines.items()
    boxes = [part for box in drawn.options.persons for part in ("--person", ",".join(map(str, box)))]
    return ["--line", f"{line.a.x},{line.a.y},{line.b.x},{line.b.y}", "--in", line.inward, *boxes]


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["count", *args])
    return result.exit_code, result.stdout, result.stderr


def told(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_crossing_has_its_frame_and_the_last_line_sums_them_up(drawn: Film, path: Path) -> None:
    status, text, _ = run("--video", str(path), *line_of(drawn), "--json")
    *crossings, summary = told(text)
    true = {way: sum(crossing.way == way for crossing in drawn.crossings) for way in ("in", "out")}
    assert status == 0
    assert {way: summary[way] for way in ("in", "out")} == true
    assert len(drawn.crossings) >= 5
    for crossing, truth in zip(
        sorted(crossings, key=lambda c: c["t_s"]), sorted(drawn.crossings, key=lambda c: c.t_s), strict=True
    ):
        assert crossing["t_s"] == pytest.approx(truth.t_s, abs=0.8)
        assert crossing["frame"] == pytest.approx(crossing["t_s"] * RATE, abs=1)
    assert summary["frames"] == 200
    assert summary["fps_one_core"] > 0
    assert 0 < summary["ms_per_frame_p50"] <= summary["ms_per_frame_p95"]
    assert summary["rss_mib"] > 10


def test_who_is_beyond_the_line_at_the_end_is_in_the_sums(drawn: Film, tmp_path: Path) -> None:
    path = tmp_path / "cut.avi"
    first = min(drawn.crossings, key=lambda crossing: crossing.t_s)
    for more_s in (0.1, 0.2, 0.3, 0.4):
        save(path, [picture for t_s, picture in drawn.frames(RATE, SIZE) if t_s < first.t_s + more_s])
        *crossings, summary = told(run("--video", str(path), *line_of(drawn), "--json")[1])
        assert summary[first.way] == len(crossings)
    assert [crossing["dir"] for crossing in crossings] == [first.way]


def test_frames_of_the_warm_up_do_not_count(drawn: Film, path: Path) -> None:
    _, text, _ = run("--video", str(path), *line_of(drawn), "--warmup-frames", "200", "--json")
    assert [(each["in"], each["out"]) for each in told(text)] == [(0, 0)]


def test_several_lines_have_names_and_directions_of_their_own(path: Path) -> None:
    lines = ["--line", "a=0,0.5,1,0.5", "--in", "down", "--line", "b=0,0.5,1,0.5", "--in", "up"]
    _, text, _ = run("--video", str(path), *lines, "--json")
    ways = {name: [c["dir"] for c in told(text) if c.get("line") == name] for name in ("a", "b")}
    assert ways["a"]
    assert [{"in": "out", "out": "in"}[way] for way in ways["a"]] == ways["b"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--line", "0,0.5,1"], "x1,y1,x2,y2"),
        (["--zone", "shoes=0,0;1"], "x,y;x,y;x,y"),
        (["--zone", "0,0;1,0;1,1"], "x,y;x,y;x,y"),
        (["--person", "1,2"], "x,y,width,height"),
        (["--line", "0,0,1,1", "--in", "sideways"], "up, down, left, right"),
        (["--line", "0,0,7,1"], "fractions of the picture, from 0 to 1, not 0,0,7,1"),
        (["--line", "10,200,300,200"], "fractions of the picture"),
        (["--line", "0,0,nan,1"], "fractions of the picture"),
        (["--person", "-0.1,0,0.2,0.2"], "fractions of the picture"),
        (["--zone", "shoes=0,0;1,1"], "at least three corners"),
        (["--set", "bogus=1"], "bogus"),
        (["--line", "0,0,1,1", "--in", "up", "--in", "down"], "--in"),
        (["--line", "0,0.5,0,0.5"], "both ends of this line are in one place"),
        (["--line", "0,0.5,1,0.5", "--in", "left"], "up or down for a level line"),
        (["--line", "door=0,0,1,1", "--line", "door=0,1,1,0"], "door is given twice"),
        (["--zone", "a=0,0;1,0;1,1", "--zone", "a=0,0;1,0;0,1"], "a is given twice"),
        (["--person", "0.4,0.4,0,0.2"], "this must be more than 0"),
        (["--set", "persons=[[0.4,0.4,0.1]]"], "a box is written [x, y, width, height]"),
        (["--set", "hours=8-20"], "08:00-22:00"),
    ],
)
def test_a_slip_of_the_pen_is_told_in_a_word(path: Path, args: list[str], says: str) -> None:
    status, text, error = run("--video", str(path), *args)
    assert (status, text) == (2, "")
    assert says in error


def test_what_the_driver_takes_as_a_list_of_lists_is_set_as_json(drawn: Film, path: Path) -> None:
    line = line_of(drawn)[:4]
    boxes = json.dumps([list(box) for box in drawn.options.persons])
    *_, summary = told(run("--video", str(path), *line, "--set", f"persons={boxes}", "--json")[1])
    assert summary["in"] + summary["out"] >= 5
    everywhere = "masks=[[[0,0],[1,0],[1,1],[0,1]]]"
    assert [
        (each["in"], each["out"])
        for each in told(run("--video", str(path), *line, "--set", everywhere, "--json")[1])
    ] == [(0, 0)]


def test_without_a_line_or_zone_it_says_that_nothing_is_counted(path: Path) -> None:
    status, text, error = run("--video", str(path), "--json")
    assert status == 0
    assert [each["frames"] for each in told(text)] == [200]
    assert "give --line or --zone" in error


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing.mp4", "No such file or directory"),
        ("notes.txt", "this is no film, or not a whole one"),
        (".", "this is no film, or not a whole one"),
    ],
)
def test_a_film_that_is_none_is_told_so(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    wanted = ["--video", str(tmp_path / name), "--line", "0,0.5,1,0.5"]
    assert run(*wanted) == (1, "", f"{tmp_path / name}: {says}\n")


def test_a_film_that_is_not_there_is_told_in_chinese() -> None:
    status, _, error = run("--video", "/nothing.mp4", "--line", "0,0.5,1,0.5", "--lang", "zh_CN")
    assert (status, error) == (1, "/nothing.mp4：文件或目录不存在\n")


def test_times_become_the_frames_nearest_to_them() -> None:
    frames = Frames()
    for t_s in (0.0, 0.1, 0.5, 0.6):
        frames.add(t_s)
    assert [frames.at(t_s) for t_s in (-1.0, 0.04, 0.06, 0.4, 0.56, 9.0)] == [0, 0, 1, 2, 3, 3]


def test_how_long_pictures_took_is_told_by_those_in_the_middle_and_the_slow_ones(
    drawn: Film, path: Path
) -> None:
    took_ms = random.Random(1).sample([n / 10 for n in range(1, 201)], 200)
    ticks_s = [0.0, *(s for ms in took_ms for s in (0.005, ms / 1000))]  # 5 ms between two are not its own
    now_s = itertools.accumulate(itertools.chain(ticks_s, itertools.repeat(0.0)))
    *_, summary = films.count_film(path, drawn.options, processor_s=lambda: next(now_s))
    assert summary["looked_at"] == 200
    assert summary["ms_per_frame_p50"] == pytest.approx(10.0, rel=0.01)
    assert summary["ms_per_frame_p95"] == pytest.approx(19.0, rel=0.01)


def test_a_film_of_a_day_needs_no_more_memory_to_tell_how_long_its_pictures_took() -> None:
    chance, took = random.Random(2), Took()
    for _ in range(100_000):
        took.add(chance.lognormvariate(1.0, 3.0))
    took.add(0.0)
    took.add(1e9)
    assert len(took._by_step) < 3000
    assert took.at(0.5) == pytest.approx(math.e, rel=0.05)
    assert Took().at(0.5) == 0.0


def test_a_detector_that_is_not_there_is_told_before_anything_is_counted(drawn: Film, path: Path) -> None:
    missing = path.with_name("people.onnx")
    status, text, complaint = run("--video", str(path), *line_of(drawn), "--set", f"detector={missing}")
    assert (status, text) == (1, "")
    assert complaint == f"{missing}: there is no such file\n"


def test_of_a_film_that_was_cut_off_the_missing_pictures_are_told(
    drawn: Film, path: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.avi"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    status, text, complaint = run("--video", str(cut), *line_of(drawn), "--json")
    *_, summary = told(text)
    assert status == 0
    assert 0 < summary["frames"] < 100
    assert summary["frames"] + summary["missing"] == 200
    assert f"{summary['missing']} of its pictures could not be read" in complaint
    whole = told(run("--video", str(path), *line_of(drawn), "--json")[1])[-1]
    assert "missing" not in whole


@pytest.mark.parametrize("boxes", [[], ["--person", "0.4,0.4,0.1,0.2"]])
def test_a_film_without_a_picture_is_none(path: Path, tmp_path: Path, boxes: list[str]) -> None:
    empty = tmp_path / "empty.avi"
    head = path.read_bytes()
    empty.write_bytes(head[: head.index(b"movi") + 4])
    wanted = ["--video", str(empty), "--line", "0,0.5,1,0.5", *boxes]
    assert run(*wanted) == (1, "", f"{empty}: this is no film, or not a whole one\n")


def test_a_visit_that_began_in_the_warm_up_does_not_count_however_long_ago(
    drawn: Film, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films, "TIMES_KEPT", 10)
    everywhere = ["--zone", "all=0,0;1,0;1,1;0,1", "--set", "visit_min_s=1", *line_of(drawn)[4:], "--json"]
    visits = [each for each in told(run("--video", str(path), *everywhere)[1]) if "zone" in each]
    entered_s = sorted(visit["enter_s"] for visit in visits)
    warm_up = str(round(entered_s[2] * RATE) + 1)
    later = told(run("--video", str(path), *everywhere, "--warmup-frames", warm_up)[1])
    assert sorted(each["enter_s"] for each in later if "zone" in each) == entered_s[3:]


def test_what_cannot_be_written_is_told_in_a_word(drawn: Film, path: Path) -> None:
    command = [sys.executable, "-P", "-m", "edge_agent", "count", "--video", str(path), *line_of(drawn)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "What was counted cannot be written: No space left on device\n"


def test_what_is_given_by_set_and_by_its_own_option_is_given_twice(path: Path) -> None:
    wanted = ["--video", str(path), "--line", "0,0.5,1,0.5", "--anchor", "centroid", "--set", "anchor=foot"]
    status, text, error = run(*wanted)
    assert (status, text) == (2, "")
    assert error == "anchor is given by --set and by an option of its own: give it once\n"
