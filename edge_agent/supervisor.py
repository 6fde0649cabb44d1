"""A task for each device: opens its port, listens, and when it is gone tries again, with patience.

One device failing never touches another: here, and nowhere else in the agent, every `Exception` is caught.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from drivers.base import Decoder, Display, Heard, Lasting
from drivers.errors import PortEnded, PortGone, PortRested
from drivers.ports.base import masked
from edge_agent.displaying import told_at
from edge_agent.errors import StoreBroken
from edge_agent.session import Session
from edge_agent.store.outbox import Outbox
from edge_agent.tally import Tally
from edge_agent.terminals import Terminals
from edge_agent.till import Till
from sync.contract.clock import Clock
from sync.contract.events import DeviceState
from sync.link.base import full_jitter_s

log = logging.getLogger(__name__)

BACK_OFF_FIRST_S = 0.5
BACK_OFF_MOST_S = 10.0
STEADY_S = 1.0  # open for this long, and a device counts as up: one that flaps does not fill the outbox

State = Literal["starting", "up", "blocked", "down", "off"]
Hear = Callable[[list[Heard]], Awaitable[None]]


class DeviceWish(Protocol):
    """A device as the settings want it (config.edge.DeviceSettings)."""

    @property
    def name(self) -> str: ...
    @property
    def driver(self) -> str: ...
    @property
    def port(self) -> str: ...
    @property
    def till(self) -> str: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def options(self) -> Any: ...


class DeviceStatus(msgspec.Struct, frozen=True):
    """A device as pages and metrics show it."""

    name: str
    driver: str
    port: str
    state: State
    till: str = ""
    last_event_wall_ms: int = 0
    events_total: int = 0
    rate_per_min: int = 0
    problems_total: int = 0
    last_problem: str = ""


Listen = Callable[[DeviceWish, Decoder, Hear, asyncio.Event], Awaitable[None]]
"""Opens the device's port and pumps until PortGone; calls `hear([])` once when the port is open. The event is
set when the decoder was told something though nothing was heard."""


class Supervisor:
    """The devices of the store."""

    def __init__(
        self,
        *,
        till: Till,
        outbox: Outbox,
        clock: Clock,
        chance: random.Random,
        make_decoder: Callable[[DeviceWish], Decoder],
        listen: Listen,
        terminals: Terminals | None = None,
        currency: str = "CNY",
    ) -> None:
        self._currency = currency
        self._till, self._outbox, self._clock, self._chance = till, outbox, clock, chance
        self._make_decoder, self._listen, self._terminals = make_decoder, listen, terminals
        self._devices: dict[str, _Device] = {}
        self._disk_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def apply(self, wishes: Sequence[DeviceWish]) -> None:
        """Starts, stops and starts anew only what differs from the wishes before."""
        wanted = {wish.name: wish for wish in wishes}
        stale = [
            device
            for name, device in self._devices.items()
            if name not in wanted or not _same(device.wish, wanted[name])
        ]
        for device in stale:
            await device.stop()
        # At once: what is set up anew is at no moment gone, and of what is gone the last was said before.
        self._devices = {
            name: known if (known := self._devices.get(name)) and known not in stale else _Device(self, wish)
            for name, wish in wanted.items()
        }

    async def stop(self) -> None:
        """Closes every port; what was heard is on disk."""
        await asyncio.gather(*(device.stop() for device in self._devices.values()))
        self._devices.clear()

    def status(self) -> list[DeviceStatus]:
        return [device.status() for device in self._devices.values()]

    def disk_failed(self, error: StoreBroken) -> None:
        """A device could not record: that is no device's fault, and the agent must end."""
        if not self._disk_failed.done():
            self._disk_failed.set_exception(error)

    async def watch_disk(self) -> None:
        """Ends only when a device could not record, with that error (StoreBroken)."""
        await self._disk_failed


class _Device:
    def __init__(self, house: Supervisor, wish: DeviceWish) -> None:
        self._house, self.wish = house, wish
        self._tally = Tally(house._clock)
        self._state: State = "starting" if wish.enabled else "off"
        self._announced: State = "starting"
        self._rising: asyncio.TimerHandle | None = None
        self._saying: set[asyncio.Task[None]] = set()
        self._decoder: Decoder | None = None  # of the port before, when it lasts
        self._task = asyncio.ensure_future(self._keep_going()) if wish.enabled else None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, *self._saying, return_exceptions=True)
        self._sink()

    def status(self) -> DeviceStatus:
        tally = self._tally
        return DeviceStatus(
            name=self.wish.name,
            driver=self.wish.driver,
            port=masked(self.wish.port),
            state="blocked" if self._state == "up" and tally.blocked else self._state,
            till=self.wish.till,
            last_event_wall_ms=tally.last_event_wall_ms,
            events_total=tally.events_total,
            rate_per_min=tally.rate_per_min,
            problems_total=tally.problems_total,
            last_problem=tally.last_problem,
        )

    async def _keep_going(self) -> None:
        house = self._house
        waits = full_jitter_s(house._chance, BACK_OFF_FIRST_S, BACK_OFF_MOST_S)
        while True:
            began = house._clock.mono_ms()
            try:
                await self._once()
                why = "the port ended"
            except StoreBroken as error:
                house.disk_failed(error)
                return
            except PortEnded as error:
                self._sink()
                self._tally.problem(str(error))
                self._state = "down"
                await self._announce("down", str(error))
                return  # until it is set up anew: read again, all of it would count twice
            except PortRested:
                continue  # a till that dials for each of its transactions
            except PortGone as error:
                why = str(error)
            except Exception as error:
                log.exception("device %s failed", self.wish.name)
                self._decoder = None
                why = f"{type(error).__name__}: {error}"
            self._sink()
            self._tally.problem(why)
            self._state = "down"
            await self._announce("down", why)
            if house._clock.mono_ms() - began >= BACK_OFF_MOST_S * 1000:
                waits = full_jitter_s(house._chance, BACK_OFF_FIRST_S, BACK_OFF_MOST_S)
            await asyncio.sleep(next(waits))

    def _decoder_for_a_port(self) -> Decoder:
        if isinstance(self._decoder, Lasting):
            self._decoder.reopened(self._house._clock.mono_ms())
            return self._decoder
        self._decoder = self._house._make_decoder(self.wish)
        return self._decoder

    async def _once(self) -> None:
        house = self._house
        decoder = self._decoder_for_a_port()
        stirred = asyncio.Event()
        session = Session(
            device=self.wish.name,
            till_name=self.wish.till,
            till=house._till,
            outbox=house._outbox,
            tally=self._tally,
            answer=lambda answer: decoder.answer(answer, house._clock.mono_ms()),
            terminals=house._terminals,
            stir=stirred.set,
            fail=house.disk_failed,
            currency=house._currency,
        )

        async def hear(heard: list[Heard]) -> None:
            self._rise()
            await session.hear(heard)

        showing = asyncio.create_task(self._show(decoder, stirred)) if isinstance(decoder, Display) else None
        try:
            await house._listen(self.wish, decoder, hear, stirred)
        finally:
            if showing is not None:
                showing.cancel()
            await session.end()

    async def _show(self, display: Display, stirred: asyncio.Event) -> None:
        """What happens at its till, for a device that shows it to the customer."""
        house = self._house
        async for told in told_at(house._till, self.wish.till):
            display.show(told, house._clock.mono_ms())
            stirred.set()

    def _rise(self) -> None:
        """The port is open: up at once on the page, and as an event when it stays."""
        self._state = "up"
        if self._announced != "up" and self._rising is None:
            self._rising = asyncio.get_running_loop().call_later(STEADY_S, self._announce_soon)

    def _sink(self) -> None:
        if self._rising is not None:
            self._rising.cancel()
            self._rising = None

    def _announce_soon(self) -> None:
        task = asyncio.ensure_future(self._announce("up", ""))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _announce(self, state: Literal["up", "down"], detail: str) -> None:
        if state == self._announced:
            return
        self._announced = state
        try:
            await self._house._outbox.accept(
                [DeviceState(device=self.wish.name, state=state, detail=detail[:200])]
            )
        except StoreBroken as error:
            self._house.disk_failed(error)


def _same(one: DeviceWish, other: DeviceWish) -> bool:
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("driver", "port", "till", "enabled", "options")
    )
