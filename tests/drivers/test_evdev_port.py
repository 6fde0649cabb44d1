"""The port of keyboard readers; a FIFO and a made-up ioctl stand in for the kernel's device."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.base import Heard
from drivers.cardreader.keyboard import encode_keys
from drivers.cardreader.wedge.protocol import WedgeDecoder, WedgeOptions
from drivers.errors import BadPort, PortGone, PortHeld
from drivers.ports.base import read_url
from drivers.ports.evdev import EVIOCGLED, EVIOCGRAB, INPUT_EVENT, EvdevPort, open_evdev
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.questions import CardShown

WITHIN_S = 5


class Kernel:
    """What the ioctls of an input device do: one may grab it, its lights are told."""

    def __init__(self, lights: int = 0) -> None:
        self.grabbed_by: int | None = None
        self.lights = lights
        self.grabs = 0

    def __call__(self, fd: int, request: int, argument: bytes | int) -> bytes | int:
        if request == EVIOCGRAB:
            if self.grabbed_by is not None:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            self.grabbed_by = fd
            self.grabs += 1
            return 0
        assert request == EVIOCGLED
        return self.lights.to_bytes(8, "little")


@pytest.fixture
def device(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A path to open, and the descriptor on which the "kernel" says its events."""
    path = tmp_path / "usb-Reader-event-kbd"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    yield path, fd
    os.close(fd)


def opened(path: Path, kernel: Callable[[int, int, bytes | int], bytes | int]) -> asyncio.Future[EvdevPort]:
    return asyncio.ensure_future(open_evdev(read_url(f"evdev://{path}"), ioctl=kernel))


async def swipes(port: EvdevPort, count: int) -> list[str]:
    shown: asyncio.Queue[str] = asyncio.Queue()

    async def hear(heard: list[Heard]) -> None:
        for one in heard:
            if isinstance(one.what, CardShown):
                shown.put_nowait(one.what.number)

    pumping = asyncio.create_task(pump(WedgeDecoder(WedgeOptions()), port, SystemClock(), hear))
    try:
        return [await asyncio.wait_for(shown.get(), WITHIN_S) for _ in range(count)]
    finally:
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)


async def test_a_swipe_is_read_from_the_grabbed_device(device: tuple[Path, int]) -> None:
    path, kernel_fd = device
    kernel = Kernel()
    port = await opened(path, kernel)
    assert kernel.grabs == 1
    os.write(kernel_fd, encode_keys(";9912345678=3012?", size=INPUT_EVENT.size))
    assert await swipes(port, 1) == ["9912345678"]
    await port.close()
    with pytest.raises(PortGone):
        await port.read()


async def test_caps_lock_that_was_on_before_is_known(device: tuple[Path, int]) -> None:
    path, kernel_fd = device
    port = await opened(path, Kernel(lights=0b010))
    typed = encode_keys("04a1b2c3d4e580")  # typed without shift; with caps lock on these are capitals
    os.write(kernel_fd, typed)
    heard = WedgeDecoder(WedgeOptions()).feed(await port.read() + await port.read(), 0)
    assert heard[0].what.fields["text"] == "04A1B2C3D4E580"  # type: ignore[union-attr]
    await port.close()


async def test_a_device_that_another_has_grabbed_is_held(device: tuple[Path, int]) -> None:
    path, _ = device
    kernel = Kernel()
    first = await opened(path, kernel)
    with pytest.raises(PortHeld, match="another program"):
        await opened(path, kernel)
    await first.close()


async def test_what_is_no_input_device_is_told(device: tuple[Path, int], tmp_path: Path) -> None:
    with pytest.raises(BadPort, match="no input device"):
        await open_evdev(read_url(f"evdev://{device[0]}"))  # the real ioctl
    with pytest.raises(PortGone, match="No such file"):
        await open_evdev(read_url(f"evdev://{tmp_path / 'nothing'}"))
    with pytest.raises(BadPort, match="whole path"):
        await open_evdev(read_url("evdev:event3"))
    with pytest.raises(BadPort, match="no parameter"):
        await open_evdev(read_url(f"evdev://{device[0]}?grab=no"))


async def test_an_unplugged_reader_is_gone_and_is_grabbed_again_when_it_is_back(
    device: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kernel_fd = device
    kernel = Kernel()
    port = await opened(path, kernel)
    await port.read()  # the lights
    real_read = os.read

    def unplugged(fd: int, size: int) -> bytes:
        if fd == port._fd:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return real_read(fd, size)

    with monkeypatch.context() as pulled:
        pulled.setattr(os, "read", unplugged)
        with pytest.raises(PortGone, match="No such device"):
            await asyncio.wait_for(port.read(), WITHIN_S)
    await port.close()
    kernel.grabbed_by = None  # the kernel lets go with the device
    again = await opened(path, kernel)
    os.write(kernel_fd, encode_keys(";9912345678=3012?", size=INPUT_EVENT.size))
    assert await swipes(again, 1) == ["9912345678"]
    assert kernel.grabs == 2
    await again.close()


async def test_events_in_any_pieces_make_the_same_swipes(device: tuple[Path, int]) -> None:
    path, kernel_fd = device
    port = await opened(path, Kernel())
    chance = random.Random(1)
    typed = b"".join(encode_keys(f";99123456{n:02d}=3012?", size=INPUT_EVENT.size) for n in range(3))

    async def say() -> None:
        place = 0
        while place < len(typed):
            events = chance.randint(1, 40) * INPUT_EVENT.size
            os.write(kernel_fd, typed[place : place + events])
            place += events
            await asyncio.sleep(0)

    saying = asyncio.create_task(say())
    assert await swipes(port, 3) == ["9912345600", "9912345601", "9912345602"]
    await saying
    await port.close()
