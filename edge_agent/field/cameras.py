"""Cameras at this machine: what the kernel calls a video device, as far as it gives pictures."""

from __future__ import annotations

import importlib.util
from typing import Literal

import msgspec

from edge_agent.field.machine import Machine, Who
from edge_agent.field.rights import Rights, rights_of

# Of a board's chip.
_NO_CAMERAS = ("codec", "isp", "decoder", "encoder", "jpeg-dec", "jpeg-enc", "hevc", "m2m")


class VideoCamera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera on USB or on the board."""

    kind: Literal["camera"] = "camera"
    device: str
    steady: str  # a name that stays; the device itself where there is none
    title: str
    rights: Rights | None
    library: bool  # OpenCV is installed


def vision_library() -> bool:
    """Whether this program can look at pictures."""
    return all(importlib.util.find_spec(name) is not None for name in ("cv2", "numpy"))


def video_cameras(machine: Machine, who: Who) -> list[VideoCamera]:
    """Every video device that gives pictures; most cameras have a second one, which does not."""
    steady = {
        f"/dev/{link.resolve().name}": machine.name_of(link)
        for folder in ("by-path", "by-id")  # a name by id, where there is one, counts more
        for link in machine.entries(f"/dev/v4l/{folder}")
    }
    library = vision_library()
    found = []
    for node in machine.entries("/sys/class/video4linux"):
        title = machine.text(node / "name")
        second = machine.text(node / "index") not in ("", "0")
        if not node.name.startswith("video") or second or any(word in title.lower() for word in _NO_CAMERAS):
            continue
        device = f"/dev/{node.name}"
        found.append(
            VideoCamera(
                device=device,
                steady=steady.get(device, device),
                title=title,
                rights=rights_of(machine, device, who),
                library=library,
            )
        )
    return found
