"""Real ports for the devices that the settings name."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from drivers.base import Decoder
from drivers.counter.camera.eye import door
from drivers.registry import driver
from edge_agent.supervisor import DeviceWish, Hear, Listen
from sync.contract.clock import Clock


def decoder_of(wish: DeviceWish) -> Decoder:
    """A new conversation with the device."""
    return driver(wish.driver).decoder(wish.options)


EYES = "eyes"  # the folder, in the state folder, where cameras may be asked for pictures


def listener(clock: Clock, eyes: Path | None = None, timezone: str = "") -> Listen:
    """Opens a device's real port, and pumps. Cameras have their sockets in `eyes`, and their hours there."""

    async def listen(wish: DeviceWish, decoder: Decoder, hear: Hear, stirred: asyncio.Event) -> None:
        # Brings pyserial, which a simulated store can do without.
        from drivers.ports import Surroundings, open_port
        from drivers.pump import pump

        kind = driver(wish.driver)
        port = await open_port(
            wish.port,
            clock=clock,
            defaults=kind.port_defaults,
            scenes=partial(kind.simulate, wish.options),
            around=Surroundings(door(eyes, wish.name) if eyes else None, timezone),
        )
        try:
            await hear([])
            await pump(decoder, port, clock, hear, stirred)
        finally:
            await port.close()

    return listen
