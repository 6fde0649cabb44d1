"""People counted in the pictures of a camera, by line and by zone; see README.md."""

from __future__ import annotations

from drivers.base import Driver
from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.protocol import CameraDecoder
from drivers.counter.camera.story import simulate

Options = CameraOptions

DRIVER = Driver(
    name="counter.camera",
    title={"en": "Camera (counted in the box)", "zh_CN": "摄像头（盒内客流统计）"},
    options=CameraOptions,
    decoder=CameraDecoder,
    simulate=simulate,
    ports=("camera", "sim", "file", "replay", "pty"),  # the others are what its worker would say
)
