"""What went wrong, told to a technician: words instead of numbers, in his language where we have them."""

from __future__ import annotations

import errno
import ssl
from pathlib import Path

import pytest

from drivers.counter.camera.camera import CameraGone, film, open_v4l2
from drivers.decode import options_of
from drivers.errors import BadOptions, BadPort, PortGone, UnknownDriver
from drivers.registry import driver
from edge_agent.field.words import Said, filled, is_wrong_command, reason, told


def from_the_system(says: str, cause: OSError) -> PortGone:
    error = PortGone(says)
    error.__cause__ = cause
    return error


REFUSED = OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)")
BOTH = OSError(f"Multiple exceptions: {REFUSED}, {REFUSED}")
NO_TLS = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
NO_TLS.reason = "WRONG_VERSION_NUMBER"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (FileNotFoundError(errno.ENOENT, "x", "a.bin"), "a.bin: No such file or directory"),
        (from_the_system(f"tcp://x:9: {REFUSED}", REFUSED), "tcp://x:9: Connection refused"),
        (from_the_system(f"tcp://x:9: {BOTH}", BOTH), "tcp://x:9: Connection refused"),
        (NO_TLS, "this port speaks no TLS"),
        (
            from_the_system(f"no TLS with x: {NO_TLS.strerror}", NO_TLS),
            "no TLS with x: this port speaks no TLS",
        ),
        (from_the_system("x: another program has it open", OSError(errno.EBUSY, "busy")), None),
        (PortGone("tcp://x:9: it hung up"), None),
        (UnknownDriver("x", ["a.b"]), "no driver is called x; there are a.b"),
        (BadOptions("a.b", ["x: no such option; there are y"]), "a.b has no option x; there are y"),
        (BadOptions("a.b", ["y: too long"]), "options of a.b: y: too long"),
        (
            BadPort("port …", "tcp://u:secret@x:", "…"),
            "port tcp://…@x:: host and port number are wanted; tcp://192.0.2.7:4001",
        ),
        (
            BadPort(
                "port …", "serial:///dev/tty?bits=7", "{path} takes no {frame}", {"path": "a", "frame": 7}
            ),
            "port serial:///dev/tty?bits=7: a takes no 7",
        ),
        (
            from_the_system("a: No such file or directory", OSError(errno.ENOENT, "could not open")),
            "a: No such file or directory",
        ),
    ],
)
def test_an_error_is_told_in_words(error: Exception, says: str | None) -> None:
    assert reason(error, "en") == (says or str(error))
    assert filled("{why}", {"why": error}, "en") == (says or str(error))


def test_what_pydantic_finds_in_options_is_told_in_both_languages() -> None:
    with pytest.raises(BadOptions) as told:
        options_of(driver("pos.zvt"), {"transport": "foo", "card_wait_s": "long"})
    assert reason(told.value, "en") == (
        "options of pos.zvt: transport: 'foo' is not among the choices; there are auto, serial, tcp; "
        "options of pos.zvt: card_wait_s: a whole number is wanted here"
    )
    chinese = reason(told.value, "zh_CN")
    assert "不是可选的值" in chinese
    assert "wanted" not in chinese


def test_a_list_or_group_on_the_command_line_is_no_yaml() -> None:
    with pytest.raises(BadOptions) as told:
        options_of(driver("counter.modbus"), {"units": "1"})
    assert "a group as JSON" in reason(told.value, "en")


def test_only_what_was_typed_wrong_is_a_wrong_command() -> None:
    assert is_wrong_command(BadOptions("a.b", ["x: y"]))
    assert not is_wrong_command(PortGone("x"))


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("192.0.2.30:554: Connection refused", "192.0.2.30:554：连接被拒绝"),
        ("camera:file:/srv/morning.mp4: at its end", "camera:file:/srv/morning.mp4：已到结尾"),
        ("14 % of the picture's width", "画面宽度的 14 %"),
        ("3 of 50 pictures", "50 帧中的 3 帧"),
        ("camera:sim:4: its worker said nothing for 20 s", "camera:sim:4：工作进程 20 秒没有消息"),
        ("cam.local:554: timed out", "cam.local:554：超时"),
        (
            "camera:rtsp://h/…: its worker ended (2): the camera hangs for 60 s",
            "camera:rtsp://h/…: its worker ended (2)：摄像头 60 秒没有反应",
        ),
        ("front: a word that is new", "front: a word that is new"),
        ("error", "error"),
        ("", ""),
    ],
)
def test_what_a_camera_says_is_told_in_chinese_as_far_as_there_are_words(said: str, chinese: str) -> None:
    assert told(said, "zh_CN") == chinese
    assert told(said, "en") == said
    assert filled("({detail})", {"detail": Said(said)}, "zh_CN") == f"({chinese})"


def test_what_a_camera_that_gives_no_picture_says_has_words(tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear Sir or Madam")
    for place in ("/dev/video77", "/dev/null"):
        with pytest.raises(CameraGone) as gone:
            open_v4l2(place)
        assert told(str(gone.value), "zh_CN").startswith(f"{place}：")
    with pytest.raises(CameraGone) as gone:
        list(film(letter, loop=False))
    assert told(str(gone.value), "zh_CN").startswith(f"{letter}：")
