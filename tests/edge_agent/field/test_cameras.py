"""Cameras as `ports` lists them and `doctor` examines them."""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from config.edge import EdgeSettings
from config.load import load
from drivers.counter.camera.eye import DetectorNow, Sight, door, near, write_answer
from edge_agent.field.cameras import video_cameras
from edge_agent.field.doctor.devices import devices
from edge_agent.field.machine import Who
from edge_agent.field.port_list import as_json, lines, used_ports, yaml_for
from edge_agent.field.words import filled
from edge_agent.listening import EYES
from tests.edge_agent.field.doctoring import ADA, the_one, told

ROOT = Who("root", 0, frozenset({0}))
WEBCAM = "usb-046d_HD_Webcam_A1"


def with_camera(port: str) -> dict[str, Any]:
    return {"devices": [{"name": "front", "driver": "counter.camera", "port": port}]}


def test_a_camera_is_told_once_by_the_name_that_stays(planted: Any) -> None:
    planted.camera("video0", by_id=WEBCAM)
    planted.camera("video1", by_id=WEBCAM, index=1)
    planted.camera("video10", title="bcm2835-codec-decode")
    (camera,) = video_cameras(planted.machine, ROOT)
    assert (camera.device, camera.title) == ("/dev/video0", "HD Webcam")
    assert camera.steady == f"/dev/v4l/by-id/{WEBCAM}-video-index0"


def test_what_is_suggested_for_a_camera_is_taken_by_the_settings(planted: Any, tmp_path: Path) -> None:
    planted.camera("video0", by_id=WEBCAM)
    (camera,) = video_cameras(planted.machine, ROOT)
    path = tmp_path / "edge.yaml"
    path.write_text("devices:\n" + yaml_for(camera) + "\n", encoding="utf-8")
    (device,) = load(path, EdgeSettings, "en", environ={}).settings.devices
    assert (device.driver, device.port) == ("counter.camera", f"camera:{camera.steady}")
    assert used_ports({"front": device.port}, planted.machine) == {"/dev/video0": "front"}
    json.dumps(as_json(camera, "front"))


def test_a_box_that_cannot_look_at_pictures_says_what_to_install(
    planted: Any, box_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.camera("video0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (camera,) = video_cameras(planted.machine, ADA)
    shown = "\n".join(lines(camera, "", "en"))
    assert "tillbeam[vision]" in shown
    assert "ada may not use it" in shown
    found = the_one(devices(box_of(settings=with_camera("camera:/dev/video0"))))
    assert (found.state, found.mend) == ("bad", "/opt/tillbeam/bin/pip install 'tillbeam[vision]'")


def test_a_camera_that_is_well_or_not_there_or_held_is_told(planted: Any, box_of: Any) -> None:
    steady = f"/dev/v4l/by-id/{WEBCAM}-video-index0"
    box = box_of(settings=with_camera(f"camera:{steady}"))
    assert the_one(devices(box)).state == "bad"
    planted.camera("video0", by_id=WEBCAM)
    assert told(devices(box)) == [("ok", f"front: {steady}")]
    planted.process(77, "python3", opens="/dev/video0")
    planted.write("proc/77/cmdline", "/opt/tillbeam/bin/python\0-P\0-m\0drivers.counter.camera.nursery\0")
    assert the_one(devices(box)).state == "ok"
    planted.process(411, "motion", opens="/dev/video0", unit="motion.service")
    found = the_one(devices(box))
    assert (found.state, found.mend) == ("bad", "sudo systemctl stop motion")


def test_a_camera_by_a_name_that_may_change_is_told_the_better_one(planted: Any, box_of: Any) -> None:
    planted.camera("video0", by_id=WEBCAM)
    found = the_one(devices(box_of(settings=with_camera("camera:/dev/video0"))))
    assert (found.state, found.args["url"]) == ("warn", f"camera:/dev/v4l/by-id/{WEBCAM}-video-index0")


def test_a_camera_in_the_network_is_dialled_and_its_password_not_shown(box_of: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        box = box_of(settings=with_camera(f"camera:rtsp://door:secret@127.0.0.1:{number}/s?key=secret"))
        assert told(devices(box)) == [("ok", f"front: camera:rtsp://…@127.0.0.1:{number}/…")]
    found = the_one(devices(box))
    assert found.state == "bad"
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("sight", "state", "says"),
    [
        (Sight(t_s=1, state="up", frames_per_s=9.8, look_ms=2.1), "ok", "up, 9.8 pictures a second, 2.1 ms"),
        (Sight(t_s=1, state="covered"), "bad", "something hangs in front of the camera"),
        (Sight(t_s=1, state="late", detail="3 of 50 pictures"), "warn", "too slow for it (3 of 50 pictures)"),
        (Sight(t_s=1, state="up", detector=DetectorNow(why="missing")), "warn", "there is no such file"),
    ],
)
def test_of_an_agent_that_runs_what_its_camera_sees_is_told(
    planted: Any, box_of: Any, sight: Sight, state: str, says: str
) -> None:
    box = box_of(agent_pid=77, settings=with_camera("camera:/dev/video0"))
    answering = door(box.settings.state_dir / EYES, "front")
    answering.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening:
        with near(answering) as place:
            listening.bind(place)
        listening.listen()

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(1000)
                line.sendall(write_answer(sight))

        answering_thread = threading.Thread(target=answer)
        answering_thread.start()
        found = the_one(devices(box))
        answering_thread.join()
    assert (found.state, says in filled(found.says, found.args, "en")) == (state, True), found
    assert "picture" not in filled(found.says, found.args, "zh_CN")


def test_what_a_camera_counts_is_heard_and_recorded_by_sniff_and_no_picture_is(
    edge: Any, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    done = edge("sniff", "camera:sim:42", "--record", str(kept), "--seconds", "7")
    assert done.returncode == 0, done.stderr
    assert "state=up" in done.stdout
    recorded = b"".join(bytes.fromhex(json.loads(line)["hex"]) for line in kept.read_text().splitlines())
    assert recorded.startswith(b'{"t_ms":0,"state":"up"}')
    assert len(recorded) < 4000
    again = edge("replay", str(kept), "--driver", "counter.camera")
    assert "state=up" in again.stdout
