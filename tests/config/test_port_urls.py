"""Where a device is plugged in, as it is written."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_core import PydanticCustomError

from config.port_urls import PARAMETERS, port_url
from drivers.errors import BadPort, DriverError
from drivers.ports import KINDS, open_port
from drivers.ports.gpio import open_gpio
from drivers.ports.serial_line import PARAMETERS as SERIAL_PARAMETERS
from sync.clock import SystemClock

GOOD = [
    "serial:///dev/serial/by-id/usb-FTDI_FT232R-if00-port0?baud=9600&bits=8&parity=N&stop=1",
    "tcp://10.0.0.5:4001",
    "tcp://[2001:db8::1]:4001",
    "tcp-listen://0.0.0.0:4001",
    "udp://0.0.0.0:4001",
    "http-listen://0.0.0.0:8443?cert=/etc/tillbeam/pos.crt&key=/etc/tillbeam/pos.key&answer_s=150",
    "file:receipt.bin",
    "replay:morning.jsonl?speed=10",
    "sim:42",
    "pty:/run/tillbeam/reader",
    "gpio:A=17,B=27",
    "evdev:///dev/input/by-id/usb-MagTek_USB_Swipe_Reader-event-kbd",
    "pcsc:ACS ACR122U PICC Interface 00 00",
    "inline:serial:///dev/ttyUSB0,serial:///dev/ttyUSB1?baud=38400&flow=rtscts",
    "camera:/dev/v4l/by-id/usb-046d_HD_Webcam-video-index0",
    "camera:rtsp://door:p%40ss@[2001:db8::1]:8554/stream2?profile=2&x",
    "camera:http://192.0.2.30/video.mjpg?user=door",
    "camera:http://192.0.2.30:8080/video.mjpg?user=door@shop",
    "camera:rtsp://door:p@ss@192.0.2.30/stream2?x@y",
    "camera:file:/srv/a morning.mp4?loop=1&speed=4",
    "camera:sim:42",
]

BAD = [
    ("/dev/ttyUSB0", "this is no port; for example serial:///dev/ttyUSB0"),
    ("seriel:///dev/ttyUSB0", "no port is opened by 'seriel:'; did you mean 'serial'?"),
    ("sim:", "nothing stands after 'sim:'"),
    ("serial://ttyUSB0", "the whole path of the device is wanted; serial:///dev/"),
    ("evdev:event3", "the whole path of the device is wanted; evdev:///dev/input/by-id/"),
    ("evdev:///dev/input/event3?grab=no", "'evdev:' has no parameter 'grab'; remove it"),
    ("serial:///dev/ttyUSB0?buad=9600", "'serial:' has no parameter 'buad'; did you mean 'baud'?"),
    ("serial:///dev/ttyUSB0?baud=fast", "baud=fast is no number from 50 to 4000000"),
    ("serial:///dev/ttyUSB0?parity=X", "'X' is not among the choices; there are E, M, N, O, S"),
    ("tcp://10.0.0.5", "host and port number are wanted; tcp://192.0.2.7:4001"),
    ("http-listen://0.0.0.0", "host and port number are wanted; http-listen://192.0.2.7:4001"),
    ("http-listen://0.0.0.0:8443?cert=a.crt", "cert and key belong together; http-listen://"),
    ("http-listen://0.0.0.0:8443?answer_s=0", "answer_s=0 is no number from 1 to 600"),
    (
        "inline:serial:///dev/ttyUSB0",
        "two lines are wanted, the till's and the device's; inline:serial:///dev/",
    ),
    ("inline:serial:///dev/ttyUSB0,serial:ttyUSB1", "two lines are wanted"),
    ("camera:video0", "this is no camera: a device, an rtsp:// or http:// address"),
    ("camera:", "nothing stands after 'camera:'; camera:/dev/video0"),
    ("camera:rtsp:///stream2", "a camera's address has a host"),
    ("camera:rtsp://[2001:db8::1/stream2", "a camera's address has a host"),
    ("camera:rtsp://host:badport/", "the port number in a camera's address is from 1 to 65535"),
    ("camera:rtsp://host:99999/", "the port number"),
    ("camera:rtsp://host:0/", "the port number"),
    ("camera:rtsp://door:p#ss@192.0.2.30/stream2", "a password with #, /, ? or a blank in it is written"),
    ("camera:rtsp://door:12#4@192.0.2.30/stream2", "a password with #"),
    ("camera:rtsp://door:p/ss@192.0.2.30/stream2", "a password with #"),
    ("camera:http://door:p?ss@192.0.2.30/video.mjpg", "a password with #"),
    ("camera:file:", "a film has a path"),
    ("camera:file:/a.mp4?looop=1", "'camera:file:' has no parameter 'looop'; did you mean 'loop'?"),
    ("camera:file:/a.mp4?zzz=1", "'camera:file:' has no parameter 'zzz'; there are loop, speed"),
    ("camera:file:/a.mp4?loop=yes", "'yes' is not among the choices; there are 0, 1"),
    ("camera:file:/a.mp4?speed=-3", "speed=-3 is no number from 0.01 to 1000"),
    ("camera:sim:any", "this is no camera"),
    ("tcp://10.0.0.5:4001?x=1", "'tcp:' has no parameter 'x'; remove it"),
]


@pytest.mark.parametrize("url", GOOD)
def test_a_port_of_each_kind_is_taken(url: str):
    assert port_url(url) == url


def test_there_is_an_example_of_every_kind():
    assert {url.partition(":")[0] for url in GOOD} == set(KINDS)


@pytest.mark.parametrize(("url", "says"), BAD)
def test_what_is_wrong_with_a_port_is_told(url: str, says: str):
    with pytest.raises(PydanticCustomError) as bad:
        port_url(url)
    assert bad.value.message().startswith(says)


@pytest.mark.parametrize(("url", "_says"), BAD)
def test_what_is_refused_here_could_not_be_opened_either(url: str, _says: str):
    with pytest.raises(BadPort):
        asyncio.run(open_port(url, clock=SystemClock()))


def test_the_parameters_are_those_that_the_ports_take():
    assert set(PARAMETERS["serial"]) == set(SERIAL_PARAMETERS)
    assert open_gpio is not None
    for kind, known in PARAMETERS.items():
        for name in known:
            url = {
                "serial": "serial:///none",
                "inline": "inline:serial:///none,serial:///nothing",
                "http-listen": "http-listen://127.0.0.1:0",
                "replay": "replay:none",
                "sim": "sim:1",
                "gpio": "gpio:A=1,B=2",
                "camera:file": "camera:file:/none.mp4",
            }[kind]
            with pytest.raises(DriverError) as error:
                asyncio.run(open_port(f"{url}?{name}=no-such-value", clock=SystemClock()))
            assert "no parameter called" not in str(error.value)
