"""A camera in the network, as far as one can be had here: MJPEG over HTTP, which comes and goes."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.counter.camera.camera import CameraGone, Frame, Live, Pace, open_camera, open_network, open_v4l2
from drivers.counter.camera.words import Setup

WITHIN_S = 15.0
LOGIN = base64.b64encode(b"door:secret").decode()


class Camera(BaseHTTPRequestHandler):
    """Twenty pictures a second to whoever knows the password, until it is told to stop."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Basic {LOGIN}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=picture")
        self.end_headers()
        number = 0
        try:
            while self.server.on.is_set():  # type: ignore[attr-defined]
                number += 1
                picture = np.full((90, 160, 3), number % 200, np.uint8)
                jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def camera() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    server.on = threading.Event()  # type: ignore[attr-defined]
    server.on.set()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.on.clear()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()
        server.server_close()


def address(camera: ThreadingHTTPServer, login: str = "door:secret@") -> str:
    return f"http://{login}127.0.0.1:{camera.server_address[1]}/video.mjpg?key=secret"


def frame_of(live: Live, rung: threading.Event) -> Frame:
    until_s = time.monotonic() + WITHIN_S
    while (frame := live.frame(time.monotonic())) is None:
        assert rung.wait(until_s - time.monotonic())
        rung.clear()
    return frame


def test_pictures_come_from_the_network_and_their_end_is_told(camera: ThreadingHTTPServer):
    rung = threading.Event()
    live = open_camera(Setup("http", address(camera)), 10, time.monotonic, rung.set)
    assert isinstance(live, Live)
    first, second = frame_of(live, rung), frame_of(live, rung)
    assert first.picture.shape == (90, 160, 3)
    assert second.t_s > first.t_s
    camera.on.clear()  # type: ignore[attr-defined]
    while not live.closed:
        rung.wait(0.05)
        with contextlib.suppress(CameraGone):
            live.frame(time.monotonic())
    with pytest.raises(CameraGone, match="no more pictures came"):
        live.frame(time.monotonic())


def test_a_wrong_password_is_told_as_one_of_the_things_it_may_be(camera: ThreadingHTTPServer):
    with pytest.raises(CameraGone, match="gives no picture; are path and password right") as gone:
        open_network(address(camera, "door:wrong@"))
    assert "wrong@" not in str(gone.value)
    assert "key" not in str(gone.value)


def test_a_camera_that_does_not_answer_is_told_by_its_host():
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    with pytest.raises(CameraGone, match=rf"^127\.0\.0\.1:{number}: Connection refused$"):
        open_network(f"rtsp://door:secret@127.0.0.1:{number}/stream")


def test_a_camera_that_is_not_plugged_in_is_told_by_its_name():
    with pytest.raises(CameraGone, match=r"^/dev/video77: No such file or directory$"):
        open_v4l2("/dev/video77")
    with pytest.raises(CameraGone, match=r"^/dev/null: it is no camera, or another program has it$"):
        open_v4l2("/dev/null")


def test_a_film_that_is_not_there_or_is_none_is_told(tmp_path: Path):
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam")
    for name, why in (("nothing.mp4", "No such file"), ("letter.mp4", "it is no film")):
        with pytest.raises(CameraGone, match=f"{name}: {why}"):
            open_camera(Setup("file", str(tmp_path / name)), 10, time.monotonic, print)


def test_a_camera_is_let_go_when_it_is_closed(camera: ThreadingHTTPServer):
    rung = threading.Event()
    live = Live(lambda: open_network(address(camera)), Pace(10), time.monotonic, rung.set)
    frame_of(live, rung)
    live.close()
    until_s = time.monotonic() + WITHIN_S
    while not live.closed:
        assert time.monotonic() < until_s
        time.sleep(0.01)
