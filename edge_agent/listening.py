"""Real ports for the devices that the settings name."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.base import Decoder
from drivers.counter.camera.eye import door
from drivers.registry import driver
from edge_agent.supervisor import DeviceWish, Hear, Listen
from sync.contract.clock import Clock

if TYPE_CHECKING:
    from drivers.ports import Nursery


def decoder_of(wish: DeviceWish) -> Decoder:
    """A new conversation with the device."""
    return driver(wish.driver).decoder(wish.options)


EYES = "eyes"  # the folder, in the state folder, where cameras may be asked for pictures


def listener(clock: Clock, eyes: Path | None = None, timezone: str = "") -> Listen:
    """Opens a device's real port, and pumps. Cameras have their sockets in `eyes`, and their hours there."""

    nursery: Nursery | None = None  # of all cameras

    async def listen(wish: DeviceWish, decoder: Decoder, hear: Hear, stirred: asyncio.Event) -> None:
        # Brings pyserial, which a simulated store can do without.
        from drivers.ports import Nursery, Surroundings, open_port
        from drivers.pump import pump

        nonlocal nursery
        nursery = nursery or Nursery()

        kind = driver(wish.driver)
        port = await open_port(
            wish.port,
            clock=clock,
            defaults=kind.port_defaults,
            scenes=partial(kind.simulate, wish.options),
            around=Surroundings(door(eyes, wish.name) if eyes else None, timezone, nursery),
        )
        try:
            await hear([])
            await pump(decoder, port, clock, hear, stirred)
        finally:
            await port.close()

    return listen
