"""What counting people in a camera's pictures costs, against the plain pipeline of cv2 on the same pictures.

Drawn people walk through a drawn shop at 640×360 and 10 frames/s; drawing is not measured. The same pictures
go to the counter and to the plain pipeline (MOG2 → morphology → contours: the physical part), one thread,
processor time. Then an empty shop; then memory: of real workers that count the same film from a file, one and
then four; and of a counter in a process of its own, before and after a month whose hours are jumped over.

    ms_per_frame_p50, _p95       of the counter, pictures in which people walk
    idle_ms_per_frame            of the counter, on average, in an empty shop
    plain_ms_per_frame           of the plain pipeline on the pictures as they come (median)
    plain_small_ms_per_frame     of the plain pipeline on pictures made small first, as the counter's
    times_plain, _plain_small    ms_per_frame_p50 over each of them
    decode_ms_per_frame          reading the same film from a file, by its format: what comes before counting
    rss_mib                      resident memory of the first camera's worker, OpenCV, decoder and all
    nursery_mib                  what the process that it was forked from has beside that
    further_rss_mib              what each of three further workers has alone (USS): what it adds to the box
    further_pss_mib              that, and its equal part of what all of them share (PSS)
    rss_before_a_month_mib       resident memory of a counter in a process of its own, without a camera
    rss_after_a_month_mib        of the same after a month
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, median
from typing import Any

import cv2

from bench import camera_workers, rig
from bench.report import options, percentile, report
from drivers.counter.camera import simulator
from drivers.counter.camera.counter import LOOKED_AT_PX, Counter
from drivers.counter.camera.drawn.film import Film
from drivers.counter.camera.shapes import Picture

ROOT = Path(__file__).resolve().parents[1]
SIZE = (640, 360)
RATE = 10.0
SEED = 5
SETTLES_S = 5.0  # until a counter knows the floor
MONTH_FRAMES = 150  # of the film that is given over and over
CODECS = {"mjpeg": ("MJPG", ".avi"), "mpeg4": ("mp4v", ".mp4")}


def main() -> int:
    asked = options(
        "Counting people from a camera, against the plain pipeline of cv2.",
        seconds=(40, "of film with people, and half of that without"),
        days=(30, "of the month in which memory is to stay as it is"),
        each=(60, "seconds that one real worker, and then four, count before their memory is read"),
        folder=("", "where to write films; var/bench if empty"),
    )
    cv2.setNumThreads(1)
    busy = simulator.film(SEED, "busy", lasts_s=SETTLES_S + asked.seconds)
    empty = simulator.film(SEED, "nobody", lasts_s=SETTLES_S + asked.seconds / 2)
    found = counting(busy)
    found["idle_ms_per_frame"] = round(fmean(_took_ms(empty, Counter(empty.options).look)), 3)
    with rig.folder(asked.folder) as where:
        found["decode_ms_per_frame"] = {name: decoding(busy, where, name) for name in CODECS}
        found |= asyncio.run(camera_workers.memory(written(busy, where, "mpeg4"), busy.options, asked.each))
        found |= month(busy, where, asked.days)
    report(found, asked.json)
    return 0


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────


def counting(film: Film) -> dict[str, Any]:
    """The counter and the plain pipelines over one film."""
    counter_ms = median(took_ms := _took_ms(film, Counter(film.options).look))
    plain_ms = median(_took_ms(film, plain(SIZE[0])))
    small_ms = median(_took_ms(film, plain(LOOKED_AT_PX)))
    return {
        "ms_per_frame_p50": round(counter_ms, 3),
        "ms_per_frame_p95": round(percentile(took_ms, 95), 3),
        "plain_ms_per_frame": round(plain_ms, 3),
        "plain_small_ms_per_frame": round(small_ms, 3),
        "times_plain": round(counter_ms / plain_ms, 2),
        "times_plain_small": round(counter_ms / small_ms, 2),
    }


def plain(wide: int) -> Callable[[Picture, float], object]:
    """What every tutorial does, as often as a picture comes."""
    model = cv2.createBackgroundSubtractorMOG2(history=500, varThreshold=16, detectShadows=True)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))

    def look(picture: Picture, t_s: float) -> object:
        high = picture.shape[0] * wide // picture.shape[1]
        if wide != picture.shape[1]:
            picture = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        _, moved = cv2.threshold(model.apply(picture), 200, 255, cv2.THRESH_BINARY)
        moved = cv2.morphologyEx(cv2.morphologyEx(moved, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
        contours, _ = cv2.findContours(moved, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        return [cv2.boundingRect(contour) for contour in contours]

    return look


def _took_ms(film: Film, look: Callable[[Picture, float], object]) -> list[float]:
    """Processor time of each picture after it has settled."""
    took_ms = []
    for t_s, picture in film.frames(RATE, SIZE):
        began_s = time.thread_time()
        look(picture, t_s)
        if t_s >= SETTLES_S:
            took_ms.append((time.thread_time() - began_s) * 1000)
    return took_ms


def decoding(film: Film, where: Path, name: str) -> float:
    """Of each picture out of a file, processor time."""
    path = written(film, where, name)
    capture = cv2.VideoCapture(str(path), cv2.CAP_ANY, [cv2.CAP_PROP_N_THREADS, 1])
    count, began_s = 0, time.process_time()
    while capture.read()[0]:
        count += 1
    capture.release()
    return round((time.process_time() - began_s) * 1000 / max(1, count), 3)


def written(film: Film, where: Path, name: str) -> Path:
    """The film as a file, in one of CODECS."""
    fourcc, suffix = CODECS[name]
    path = where / f"film{suffix}"
    if not path.exists():
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), RATE, SIZE)
        for _, picture in film.frames(RATE, SIZE):
            writer.write(picture)
        writer.release()
    return path


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────


def month(film: Film, where: Path, days: int) -> dict[str, float]:
    """Of a process that counts for so many days; `bench.camera_memory` is what it is."""
    pictures = where / "pictures.raw"
    with pictures.open("wb") as file:
        for picture in _pictures(film):
            file.write(picture.tobytes())
    command = [sys.executable, "-P", "-m", "bench.camera_memory", str(pictures), *map(str, SIZE)]
    command.append(film.options.model_dump_json(by_alias=True))
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True) as one:
        _say(one, 0)
        before_mib = rig.memory_mib(one.pid)
        _say(one, days)
        return {"rss_before_a_month_mib": before_mib, "rss_after_a_month_mib": rig.memory_mib(one.pid)}


def _pictures(film: Film) -> Iterator[Picture]:
    for number in range(MONTH_FRAMES):
        yield film.picture(SETTLES_S + number / RATE, SIZE)


def _say(to: subprocess.Popen[str], days: int) -> None:
    """Let it count so many days more; back when it has."""
    assert to.stdin
    assert to.stdout
    to.stdin.write(f"{days}\n")
    to.stdin.flush()
    json.loads(to.stdout.readline())
