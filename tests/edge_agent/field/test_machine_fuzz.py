"""Whatever stands in /proc and /sys, looking at it raises nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.field.holders import holder, holders_of
from edge_agent.field.inputs import keyboards
from edge_agent.field.machine import Machine, Who
from edge_agent.field.recording import NoRecording, recorded
from edge_agent.field.serial_lines import serial_lines

WHO = Who("ada", 1000, frozenset({1000}))
FILES = (
    "sys/class/input/event0/device/capabilities/key",
    "sys/class/input/event0/device/name",
    "sys/class/tty/ttyUSB0/device/idVendor",
    "sys/class/tty/ttyUSB0/type",
    "proc/7/status",
    "proc/7/cgroup",
    "proc/7/comm",
    "proc/locks",
    "run/lock/LCK..ttyUSB0",
)
LINES = st.sampled_from(
    [b"Uid:\t\n", b"Uid: a b\n", b"1: FLOCK  ADVISORY  WRITE 7 00:05:9 0 EOF\n", b"0 -1 g\n", b"  7\n"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.binary(max_size=60) | LINES, min_size=len(FILES), max_size=len(FILES)))
def test_no_machine_makes_it_raise(tmp_path: Path, texts: list[bytes]) -> None:
    root = tmp_path / "machine"
    shutil.rmtree(root, ignore_errors=True)
    for name, text in zip((*FILES, "dev/ttyUSB0", "dev/input/event0"), (*texts, b"", b""), strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)
    machine = Machine(root)
    assert len(serial_lines(machine, WHO)) <= 1
    keyboards(machine, WHO)
    holders_of(machine, ["/dev/ttyUSB0", "/dev/none"])
    assert holder(machine, 7).pid == 7


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.binary(max_size=200)
    | st.text(max_size=50).map(lambda said: f'{{"t_ms":0,"hex":"{said}"}}'.encode())
)
def test_no_file_makes_reading_a_recording_raise_anything_else(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x").write_bytes(text)
    try:
        list(recorded(tmp_path / "x"))
    except NoRecording:
        return
    assert text == b"" or text.startswith(b"{")
