"""A process that counts people in pictures from a file, so that its memory can be looked at (`bench.camera`).

    python -P -m bench.camera_memory FILE WIDTH HEIGHT OPTIONS

FILE holds pictures as they are in memory, one after the other. For each line on its input, a number of days,
it counts: a minute of pictures for 0; else, in each hour of those days, some pictures and then a jump to the
next. It answers with one line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from drivers.counter.camera.counter import Counter
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.shapes import Picture

RATE = 10.0
MINUTE = 600  # frames
EACH_HOUR = 15


def main() -> int:
    path, size = Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3]))
    cv2.setNumThreads(1)
    counter = Counter(CameraOptions.model_validate_json(sys.argv[4]))
    pictures = _pictures(path, size)
    t_s, crossings = 0.0, 0
    for line in sys.stdin:
        days = int(line)
        for _ in range(24 * days or 1):
            for _ in range(EACH_HOUR if days else MINUTE):
                crossings += len(counter.look(next(pictures), t_s).crossings)
                t_s += 1 / RATE
            t_s = (t_s // 3600 + 1) * 3600 if days else t_s
        print(json.dumps({"t_s": t_s, "crossings": crossings}), flush=True)
    return 0


def _pictures(path: Path, size: tuple[int, int]) -> Iterator[Picture]:
    """Those in the file, over and over; one is in memory at a time."""
    each = size[0] * size[1] * 3
    count = path.stat().st_size // each
    number = 0
    while True:
        flat = np.fromfile(path, np.uint8, each, offset=number % count * each)
        yield flat.reshape(size[1], size[0], 3)
        number += 1


if __name__ == "__main__":
    sys.exit(main())
