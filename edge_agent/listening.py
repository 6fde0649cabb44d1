"""Real ports for the devices that the settings name."""

from __future__ import annotations

import asyncio
from functools import partial

from drivers.base import Decoder
from drivers.registry import driver
from edge_agent.supervisor import DeviceWish, Hear, Listen
from sync.contract.clock import Clock


def decoder_of(wish: DeviceWish) -> Decoder:
    """A new conversation with the device."""
    return driver(wish.driver).decoder(wish.options)


def listener(clock: Clock) -> Listen:
    """Opens a device's real port, and pumps."""

    async def listen(wish: DeviceWish, decoder: Decoder, hear: Hear, stirred: asyncio.Event) -> None:
        from drivers.ports import open_port  # brings pyserial, which a simulated store can do without
        from drivers.pump import pump

        kind = driver(wish.driver)
        port = await open_port(
            wish.port, clock=clock, defaults=kind.port_defaults, scenes=partial(kind.simulate, wish.options)
        )
        try:
            await hear([])
            await pump(decoder, port, clock, hear, stirred)
        finally:
            await port.close()

    return listen
