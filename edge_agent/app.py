"""The store's agent, put together: the only place that builds things.

Everything with an effect comes in as an argument, so that the whole agent also runs in a simulated loop:
clock, chance, disk, line, ports. It boots and serves its tills with no network and with a centre that never
answers; it ends, with an error, when a part it cannot do without has ended. Never a live zombie.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge_agent.clocks import Calendar, kernel_boot, ntp_synced
from edge_agent.errors import BadIdentity, NotEnrolled
from edge_agent.health import Alarms, Health, Status, metrics_text, rss_mib
from edge_agent.identity import FILE_NAME, Identity, read_identity
from edge_agent.leasing import Habits, Leasing
from edge_agent.listening import EYES, decoder_of, listener
from edge_agent.paying import Caps
from edge_agent.payments import Payments
from edge_agent.pins import HashPin, Pins, hash_in_thread
from edge_agent.shift import Shifts
from edge_agent.store.database import Database, open_database
from edge_agent.store.history import History
from edge_agent.store.lines import Connect, connect_in_thread
from edge_agent.store.outbox import Limits, Outbox
from edge_agent.store.owner import claim
from edge_agent.store.replica import Replica
from edge_agent.store.room import Disk, RealDisk
from edge_agent.store.vault import Vault
from edge_agent.supervisor import Listen, Supervisor
from edge_agent.terminals import Terminals
from edge_agent.till import Till
from edge_agent.uplink import Patience, Uplink
from edge_agent.wedge import is_bank_card
from sync.clock import SystemClock
from sync.contract.clock import Clock
from sync.link.base import Dialler
from sync.slots import RealSlotDisk, SlotDisk

if TYPE_CHECKING:
    from config.edge import EdgeSettings

log = logging.getLogger(__name__)

DATABASE_NAME = "edge.db"
ANCHOR_NAME = "edge.anchor"
NOT_ENROLLED = "-"  # the store's name on pages until it is enrolled
_MIB = 1024 * 1024


def edge_version() -> str:
    """The version of the installed package."""
    try:
        return installed_version("tillbeam")
    except PackageNotFoundError:  # run from a source tree
        return "0"


@dataclass(kw_only=True)
class World:
    """What the agent touches. The defaults are the real ones."""

    clock: Clock = field(default_factory=SystemClock)
    chance: random.Random = field(default_factory=random.SystemRandom)
    random_bytes: Callable[[int], bytes] = os.urandom
    connect: Connect = connect_in_thread
    boot: Callable[[], str] = kernel_boot
    synced: Callable[[], bool] = ntp_synced
    disk: Callable[[EdgeSettings], Disk] | None = None
    anchor: Callable[[EdgeSettings], SlotDisk] | None = None
    hash_pin: HashPin = hash_in_thread
    dialler: Callable[[EdgeSettings, Identity], Dialler] | None = None
    listen: Listen | None = None
    memory_mib: Callable[[], int] = rss_mib
    identity: Identity | None = None  # None: read from the state folder
    tend_s: float = 1.0
    look_s: float = 2.0


class Edge:
    """One store's agent, from `start` to `stop`."""

    outbox: Outbox
    replica: Replica | None
    till: Till
    history: History
    shifts: Shifts
    calendar: Calendar
    supervisor: Supervisor
    health: Health
    alarms: Alarms
    uplink: Uplink | None
    leasing: Leasing | None  # without an identity there is no money
    payments: Payments | None
    terminals: Terminals | None

    def __init__(self, settings: EdgeSettings, world: World | None = None, *, restored: bool = False) -> None:
        """`restored`: a person says that this whole disk was put back in time."""
        self.settings, self._restored = settings, restored
        self.world = world or World()
        self.version = edge_version()
        self._db: Database | None = None
        self._core: dict[asyncio.Task[None], str] = {}
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Opens the disk, listens to the devices, begins to dial. Raises EdgeError."""
        settings, world = self.settings, self.world
        identity = self._identity()
        disk = world.disk(settings) if world.disk else _real_disk(settings)
        path = settings.state_dir / DATABASE_NAME
        self._db = await open_database(path, world.connect, world.random_bytes, disk.size_max_mib)
        try:
            if identity:
                await claim(self._db, identity.store, identity.store_key)
            await self._build(self._db, identity, disk)
        except BaseException:
            await self.stop()
            raise

    async def _build(self, db: Database, identity: Identity | None, disk: Disk) -> None:
        settings, world = self.settings, self.world
        clock = world.clock
        self.calendar = await Calendar.open(db, clock, world.boot(), world.synced)
        limits = Limits(
            group_max=settings.outbox.group_max,
            keep_days=settings.outbox.keep_days,
            disk=disk,
            tend_s=world.tend_s,
        )
        self.outbox = await Outbox.open(db, clock, self.calendar, limits)
        self._begin("outbox", self.outbox.run())
        self._begin("outbox housekeeping", self.outbox.tend())
        self.alarms = Alarms(self.outbox, clock)
        if db.moved_aside:
            await self.alarms.set("database_replaced", True, db.moved_aside.name)
        self.replica = await Replica.open(db, identity.store, identity.store_key) if identity else None
        self.uplink, self.leasing, self.payments, self.terminals = None, None, None, None
        if identity and self.replica:
            await self._open_money(db, identity, self.replica)
        self.till = Till(
            identity=identity,
            replica=self.replica,
            outbox=self.outbox,
            clock=clock,
            now_ms=self.calendar.now_ms,
            random_bytes=world.random_bytes,
            country=settings.country,
            zone=ZoneInfo(settings.timezone) if settings.timezone else None,
            payment_card=lambda number: is_bank_card(self.settings, number),
            payments=self.payments,
            presented=self.leasing.presented if self.leasing else lambda card, member: None,
        )
        if self.payments:
            self.terminals = Terminals(
                till=self.till,
                payments=self.payments,
                clock=clock,
                now_ms=self.calendar.now_ms,
                boot=self.calendar.boot,
            )
        self.history = History(db)
        self.shifts = await Shifts.open(
            db, self.outbox, stamp=self.calendar.stamp, now_ms=self.calendar.now_ms, till_of=self._till_of
        )
        self.supervisor = Supervisor(
            till=self.till,
            outbox=self.outbox,
            clock=clock,
            chance=world.chance,
            make_decoder=decoder_of,
            listen=world.listen or listener(clock, settings.state_dir / EYES, settings.timezone or ""),
            terminals=self.terminals,
            currency=settings.currency,
        )
        if identity and self.replica:
            self.uplink = Uplink(
                store=identity.store,
                dialler=(world.dialler or _mqtt)(settings, identity),
                outbox=self.outbox,
                replica=self.replica,
                calendar=self.calendar,
                clock=clock,
                chance=world.chance,
                alarm=self.alarms.set,
                version=self.version,
                leasing=self.leasing,
                patience=Patience(
                    window=settings.uplink.window,
                    receipt_timeout_s=settings.uplink.receipt_timeout_s,
                    stuck_after_s=settings.uplink.stuck_after_s,
                    publish_timeout_s=1.5 * settings.centre.keepalive_s + 5,
                ),
            )
        self.health = Health(
            store=identity.store if identity else settings.store or NOT_ENROLLED,
            version=self.version,
            outbox=self.outbox,
            calendar=self.calendar,
            clock=clock,
            alarms=self.alarms,
            link=self._link,
            devices=self.supervisor.status,
            free_bytes=disk.free_bytes,
            heartbeat_s=settings.health.heartbeat_s,
            look_s=world.look_s,
            memory_mib=world.memory_mib,
        )
        self._begin("devices", self.supervisor.watch_disk())
        if self.terminals:
            await self.terminals.begin()
        await self.supervisor.apply(settings.devices)
        if self.uplink:
            self._begin("uplink", self.uplink.run())
        if self.leasing:
            self._begin("leases", self.leasing.run())
        if self.terminals:
            self._begin("terminals", self.terminals.tend())
        self._begin("health", self.health.run())

    async def _open_money(self, db: Database, identity: Identity, replica: Replica) -> None:
        """Leases, held against the anchor, and what tills may ask of them."""
        settings, world, money = self.settings, self.world, self.settings.money
        clock, boot = world.clock, self.calendar.boot
        anchor = (world.anchor or _real_anchor)(settings)
        vault = await Vault.open(
            db,
            self.outbox,
            anchor,
            clock,
            boot=boot,
            store=identity.store,
            store_key=identity.store_key,
            restored=self._restored,
        )
        pins = Pins(clock.mono_ms, world.hash_pin)
        self.leasing = Leasing(
            vault=vault,
            pins=pins,
            clock=clock,
            store_key=identity.store_key,
            random_bytes=world.random_bytes,
            online=self._online,
            wake=self.outbox.grown.set,
            alarm=self.alarms.set,
            news=lambda card: self.till.news(card),
            habits=Habits(
                ask_wait_s=money.ask_wait_s,
                idle_s=money.idle_s,
                keep=money.keep_minor,
                journal_days=money.journal_days,
                tend_s=world.tend_s,
            ),
        )
        replica.take_leases = self.leasing.take
        self.payments = Payments(
            vault=vault,
            leasing=self.leasing,
            pins=pins,
            replica=replica,
            outbox=self.outbox,
            clock=clock,
            now_ms=self.calendar.now_ms,
            boot=boot,
            store_key=identity.store_key,
            random_bytes=world.random_bytes,
            online=self._online,
            caps=Caps(
                offline_card=money.offline_card_minor,
                offline_store=money.offline_store_minor,
                offline_top_store=money.offline_top_store_minor,
                top=money.top_max_minor,
                balance=money.balance_max_minor,
                pays_per_hour=money.pays_per_hour,
            ),
        )

    def status(self) -> Status:
        return self.health.status()

    def metrics(self) -> bytes:
        return metrics_text(self.health.status())

    async def reload(self, settings: EdgeSettings) -> None:
        """Takes over what can be taken over while running: devices and health."""
        self.settings = settings
        self.health.heartbeat_s = settings.health.heartbeat_s
        await self.supervisor.apply(settings.devices)

    @property
    def alive(self) -> bool:
        """Whether every part that the agent cannot do without is running."""
        return bool(self._core) and not any(task.done() for task in self._core)

    def ask_to_stop(self) -> None:
        """Makes `run` return. May be called from a signal handler of the loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Until asked to stop. Raises what ended a part that should never end."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([stopping, *self._core], return_when=asyncio.FIRST_COMPLETED)
            for task, name in self._core.items():
                if task.done():
                    log.error("the %s has ended", name)
                    task.result()
                    raise RuntimeError(f"the {name} has ended")
        finally:
            stopping.cancel()

    async def stop(self) -> None:
        """Closes ports, line and disk, in that order. What was accepted is on disk."""
        if hasattr(self, "supervisor"):
            await self.supervisor.stop()
        for task in self._core:
            task.cancel()
        await asyncio.gather(*self._core, return_exceptions=True)
        self._core.clear()
        if self._db is not None:
            await self._db.close()
            self._db = None

    def _begin(self, name: str, work: Awaitable[None]) -> None:
        self._core[asyncio.ensure_future(work)] = name

    def _online(self) -> bool:
        return self.uplink is not None and self.uplink.greeted

    def _link(self) -> tuple[str, str]:
        if self.uplink is None:
            return "offline", "not enrolled"
        return self.uplink.state, self.uplink.last_error

    def _till_of(self, device: str) -> str:
        return next((each.till for each in self.settings.devices if each.name == device), "")

    def _identity(self) -> Identity | None:
        identity = self.world.identity
        if identity is None:
            try:
                identity = read_identity(self.settings.state_dir / FILE_NAME)
            except NotEnrolled as error:
                log.warning("%s; tills and counters are recorded, members are not known", error)
                return None
        if self.settings.store and identity.store != self.settings.store:
            raise BadIdentity(
                f"the settings are for store {self.settings.store}, but we are {identity.store}"
            )
        return identity


def _real_disk(settings: EdgeSettings) -> Disk:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    return RealDisk(settings.state_dir, settings.outbox.max_mib, settings.outbox.ballast_mib * _MIB)


def _real_anchor(settings: EdgeSettings) -> SlotDisk:
    return RealSlotDisk(settings.money.anchor or settings.state_dir / ANCHOR_NAME)


def _mqtt(settings: EdgeSettings, identity: Identity) -> Dialler:
    from sync.link.mqtt import MqttDialler, Tls  # paho is only needed by a store that has been enrolled

    tls = settings.centre
    ca_file = tls.ca
    if ca_file is None and identity.ca:
        ca_file = settings.state_dir / "centre-ca.pem"
        if not ca_file.exists() or ca_file.read_text("ascii", "replace") != identity.ca:
            ca_file.write_text(identity.ca, "ascii")  # not at every start: a disk may be full
    return MqttDialler(
        settings.centre.broker or identity.mqtt_url,
        login=identity.login,
        password=identity.password,
        client_id=identity.login,  # so that a copied box and this one throw each other out
        tls=Tls(ca_file, tls.certificate, tls.key),
        keepalive_s=settings.centre.keepalive_s,
    )
