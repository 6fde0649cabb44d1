"""A camera's worker as a process: it counts, it ends with us, and whatever becomes of it is told."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from drivers.counter.camera import DRIVER
from drivers.counter.camera.camera import PORTS
from drivers.counter.camera.eye import EyeShut, Look, Past, Sight, ask, door
from drivers.counter.camera.words import Setup
from drivers.errors import BadPort, PortEnded, PortGone
from drivers.ports import Surroundings, masked, open_port
from drivers.ports.camera import NETWORK, CameraPort, CameraSource
from sync.clock import SystemClock

PATIENCE_S = 20.0
OPTIONS = DRIVER.decoder(DRIVER.options()).replies()


async def opened(url: str, folder: Path | None = None, options: bytes = OPTIONS) -> CameraPort:
    around = Surroundings(door(folder, "front") if folder else None)
    port = await open_port(url, clock=SystemClock(), around=around)
    assert isinstance(port, CameraPort)
    await port.write(options)
    return port


async def lines(port: CameraPort) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    while True:
        *whole, rest = (rest + await port.read()).split(b"\n")
        for line in whole:
            yield json.loads(line)


async def said(port: CameraPort, key: str) -> dict[str, Any]:
    """The first line with that in it."""
    async with asyncio.timeout(PATIENCE_S):
        async for line in lines(port):
            if key in line:
                return line
    raise AssertionError


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while lives(pid):
            await asyncio.sleep(0.02)


def test_the_port_and_its_worker_mean_the_same_by_a_camera():
    """They agree by JSON alone: a port knows no driver."""
    said, read = (
        [(field.name, field.type, field.default) for field in msgspec.structs.fields(each)]
        for each in (CameraSource, Setup)
    )
    assert said == read
    assert NETWORK == PORTS


async def test_a_worker_says_what_it_sees_and_can_be_asked_until_the_port_is_closed(tmp_path: Path):
    folder = tmp_path / ("a long way down " * 8)  # no socket has an address of so many letters
    port = await opened("camera:sim:42", folder)
    assert await said(port, "state") == {"t_ms": 0, "state": "up"}
    sight, jpegs = await ask(door(folder, "front"), Look())
    assert isinstance(sight, Sight)
    assert (sight.state, sight.jpegs_bytes) == ("up", (len(jpegs[0]),))
    picture = cv2.imdecode(np.frombuffer(jpegs[0], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[:2] == (sight.high, sight.wide)
    assert (door(folder, "front").stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    await ask(door(folder, "front"), Past())
    await port.close()
    await gone(port.pid)
    with pytest.raises(EyeShut):
        await ask(door(folder, "front"), Look())
    with pytest.raises(PortGone):
        await port.read()


async def test_a_worker_stands_back_behind_the_till():
    cpu = min(os.sched_getaffinity(0))
    kind = DRIVER.options.model_validate({"cpus": [cpu, 1023], "nice": 11})
    port = await opened("camera:sim:42", options=DRIVER.decoder(kind).replies())
    await said(port, "state")
    assert os.sched_getaffinity(port.pid) == {cpu}
    assert os.getpriority(os.PRIO_PROCESS, port.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 11
    assert Path(f"/proc/{port.pid}/oom_score_adj").read_text("ascii").strip() == "500"
    await port.close()


async def test_a_worker_that_is_killed_is_told_by_name():
    port = await opened("camera:sim:42")
    os.kill(port.pid, signal.SIGKILL)
    with pytest.raises(PortGone, match="ended by SIGKILL"):
        await said(port, "nothing of the kind")
    await port.close()


async def test_a_worker_that_stands_still_is_given_up_and_killed():
    port = await opened("camera:sim:42")
    await said(port, "state")
    os.kill(port.pid, signal.SIGSTOP)
    port.silence_s = 0.3
    with pytest.raises(PortGone, match=r"said nothing for 0\.3 s"):
        await said(port, "nothing of the kind")
    await port.close()
    await gone(port.pid)


async def test_a_password_is_told_to_the_worker_and_to_nobody_else():
    port = await opened("camera:rtsp://door:Geh%40eim@127.0.0.1:1/password=Dies&channel=1?key=Auch")
    down = await said(port, "state")
    assert down["state"] == "down"
    shown = json.dumps(down) + port.name + repr(port)
    for file in ("cmdline", "environ"):
        shown += Path(f"/proc/{port.pid}/{file}").read_bytes().decode("utf-8", "replace")
    await port.close()
    os_says = str((await asyncio.gather(port.read(), return_exceptions=True))[0])
    for secret in ("Geh", "eim", "Dies", "Auch"):
        assert secret not in shown + os_says
    assert "127.0.0.1:1" in down["detail"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("camera:rtsp://door:p@ss@host:554/a?key=1 x", "camera:rtsp://…@host:554/… x"),
        ("camera:rtsp://door:it's@host", "camera:rtsp://…@host"),
        ("camera:rtsp://door:p@ss/w@host:554/a?key=1 x", "camera:rtsp://… x"),
        ("camera:rtsp://host:554/user=a&password=b&channel=1", "camera:rtsp://host:554/…"),
        ("camera:rtsp://host/user=a&password=p@ss&channel=1", "camera:rtsp://…"),
        ("camera:rtsp://[2001:db8::1]:7447/AbC123", "camera:rtsp://[2001:db8::1]:7447/…"),
        (
            "no picture: RTSP://door:b@host/password=c, http://host#d",
            "no picture: RTSP://…@host/… http://host/…",
        ),
        ("camera:rtmp://host/password=b", "camera:rtmp://host/…"),
        ("http://host/video?user=a&pwd=b", "http://host/…"),
        ("rtsp://192.0.2.30:554/", "rtsp://192.0.2.30:554/"),
        ("camera:/dev/video0", "camera:/dev/video0"),
        ("camera:file:///srv/morning.mp4?loop=1", "camera:file:///srv/morning.mp4?loop=1"),
        ("serial:///dev/ttyUSB0?baud=9600", "serial:///dev/ttyUSB0?baud=9600"),
        ("http-listen://0.0.0.0:8443?cert=a&key=b", "http-listen://0.0.0.0:8443?cert=a&key=b"),
    ],
)
def test_what_is_shown_of_an_address_has_no_password(text: str, shown: str):
    assert masked(text) == shown


async def test_a_blank_in_an_address_is_refused_and_hides_no_password_from_the_mask():
    for place in ("rtsp://door:Geh eim@host/one", "rtsp://host/user=a&password=Geh eim"):
        with pytest.raises(BadPort, match="%20") as bad:
            await open_port(f"camera:{place}", clock=SystemClock())
        assert "Geh" not in str(bad.value)
        assert "eim" not in str(bad.value)


async def test_a_mistake_in_an_address_is_told_without_its_password():
    with pytest.raises(BadPort) as bad:
        await open_port("camera:rtsp://door:secret@:99999/", clock=SystemClock())
    assert "secret" not in str(bad.value)


def film(path: Path, pictures: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 90))
    assert writer.isOpened()
    for number in range(pictures):
        writer.write(np.full((90, 160, 3), 60 + number, np.uint8))
    writer.release()
    return path


async def test_a_film_is_seen_to_its_end_and_not_again(tmp_path: Path):
    port = await opened(f"camera:file:{film(tmp_path / 'a film.avi')}?speed=20")
    with pytest.raises(PortEnded, match="at its end"):
        await said(port, "nothing of the kind")
    await port.close()


async def test_a_box_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PortGone, match=r"cv2 is missing; pip install 'tillbeam\[vision\]'"):
        await open_port("camera:/dev/video0", clock=SystemClock())


async def test_a_worker_that_is_told_nonsense_ends():
    port = await opened("camera:sim:1", options=b"nonsense\n")
    with pytest.raises(PortGone, match=r"its worker ended \(1\): DecodeError"):
        await said(port, "nothing of the kind")
    await port.close()
