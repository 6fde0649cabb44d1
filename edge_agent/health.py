"""How the store's box is: for its pages, for Prometheus, for head office, and for systemd.

Heartbeats do not pile up while the line is down: a new one is recorded only when the centre has receipted the
one before, or a quarter of an hour later. A week offline leaves 672 of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from edge_agent.clocks import Calendar
from edge_agent.errors import EdgeError
from edge_agent.store.outbox import Outbox
from edge_agent.supervisor import DeviceStatus
from sync.contract.clock import Clock
from sync.contract.events import Alarm, Devices, Heartbeat
from sync.contract.ids import Lane

__all__ = [
    "Alarms",
    "DeviceStatus",
    "Health",
    "LaneStatus",
    "RaisedAlarm",
    "Status",
    "metrics_text",
    "notify",
]

OFFLINE_HEARTBEAT_MS = 15 * 60 * 1000
LOOK_S = 2.0  # how old the figures on a page may be
ALARM_SHOWN_MS = 3_600_000
# Alarms about a moment.
_PASSING = frozenset({"clock_jumped", "database_replaced", "epoch_fenced", "leases_doubtful", "lease_forged"})
_MIB = 1024 * 1024


class LaneStatus(msgspec.Struct, frozen=True):
    """A lane of the outbox."""

    name: str
    last: int
    confirmed: int


class RaisedAlarm(msgspec.Struct, frozen=True):
    """Something a person should see, since a moment of the monotonic clock."""

    name: str
    detail: str = ""
    since_mono_ms: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The box at a glance."""

    store: str
    version: str
    link: str  # online, syncing, offline
    unsent: int
    oldest_s: int
    lanes: list[LaneStatus]
    devices: list[DeviceStatus]
    disk_free_mib: int
    rss_mib: int
    clock_sure: bool
    clock_skew_ms: int
    epoch: str
    uptime_s: int = 0
    alarms: list[RaisedAlarm] = []
    link_error: str = ""


class Alarms:
    """The alarms in force; each raised and cleared once, as an event too."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox, self._clock = outbox, clock
        self._raised: dict[str, RaisedAlarm] = {}
        self._passing: set[str] = set()

    async def set(self, name: str, raised: bool, detail: str = "") -> None:
        """Raises or clears; nothing happens when it is so already. What is over at once is shown for an hour.

        Raises StoreBroken.

        Alarms of one name with different details (lanes) stand beside each other.
        """
        key = f"{name}/{detail}" if name == "lane_stuck" else name
        if raised == (key in self._raised):
            return
        if raised:
            self._raised[key] = RaisedAlarm(name, detail, self._clock.mono_ms())
            if name in _PASSING:
                self._passing.add(key)
        else:
            del self._raised[key]
            self._passing.discard(key)
        await self._outbox.accept([Alarm(name=name, raised=raised, detail=detail[:200])])

    async def expire(self) -> None:
        """Clears what has been shown long enough. Raises StoreBroken."""
        before = self._clock.mono_ms() - ALARM_SHOWN_MS
        for name in [key for key in self._passing if self._raised[key].since_mono_ms <= before]:
            await self.set(name, False)

    def all(self) -> list[RaisedAlarm]:
        return list(self._raised.values())


class Health:
    """Looks at the box every two seconds and says how it is."""

    def __init__(
        self,
        *,
        store: str,
        version: str,
        outbox: Outbox,
        calendar: Calendar,
        clock: Clock,
        alarms: Alarms,
        link: Callable[[], tuple[str, str]],
        devices: Callable[[], list[DeviceStatus]],
        free_bytes: Callable[[], int],
        heartbeat_s: float,
        settings_hash: Callable[[], str] = lambda: "",
        look_s: float = LOOK_S,
        memory_mib: Callable[[], int] | None = None,
    ) -> None:
        """`link` gives (online, syncing or offline; why not), `memory_mib` what this process takes."""
        self._memory_mib = memory_mib or rss_mib
        self._store, self._version = store, version
        self._outbox, self._calendar, self._clock, self._alarms = outbox, calendar, clock, alarms
        self._link, self._devices, self._free_bytes = link, devices, free_bytes
        self.heartbeat_s = heartbeat_s
        self._settings_hash, self._look_s = settings_hash, look_s
        self._began_ms = clock.mono_ms()
        self._oldest_s = 0
        self._free_mib = free_bytes() // _MIB
        self._told: tuple[str, ...] | None = None  # the devices that head office knows of
        self._beat_ms: int | None = None
        self._beat_number = 0

    def status(self) -> Status:
        """The figures now; the slow ones (disk, oldest row) at most two seconds old."""
        unsent = self._outbox.unsent()
        link, link_error = self._link()
        return Status(
            store=self._store,
            version=self._version,
            link=link,
            link_error=link_error,
            unsent=sum(unsent.values()),
            oldest_s=self._oldest_s if any(unsent.values()) else 0,
            lanes=[LaneStatus(k.label, self._outbox.last(k), self._outbox.confirmed(k)) for k in Lane],
            devices=self._devices(),
            disk_free_mib=self._free_mib,
            rss_mib=self._memory_mib(),
            clock_sure=self._calendar.sure,
            clock_skew_ms=self._calendar.skew_ms,
            epoch=self._outbox.epoch,
            uptime_s=(self._clock.mono_ms() - self._began_ms) // 1000,
            alarms=self._alarms.all(),
        )

    async def run(self) -> None:
        """Looks, for ever. Raises StoreBroken, sqlite3.Error."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """One look: clock, disk, alarms, which devices there are, and a heartbeat when one is due."""
        if jump := await self._calendar.check():
            await self._alarms.set("clock_jumped", True, f"{jump / 1000:+.0f} s")
        self._free_mib = self._free_bytes() // _MIB
        oldest = await self._outbox.oldest_wall_ms()
        self._oldest_s = max(0, self._calendar.now_ms() - oldest) // 1000 if oldest is not None else 0
        await self._alarms.set("disk_full", self._outbox.full)
        await self._alarms.expire()
        await self._tell_devices()
        if self._beat_is_due():
            await self._beat()

    async def _tell_devices(self) -> None:
        names = tuple(sorted(device.name for device in self._devices() if device.state != "off"))
        if names != self._told:
            await self._outbox.accept([Devices(names=names)])
            self._told = names

    def _beat_is_due(self) -> bool:
        if self._beat_ms is None:
            return True
        since = self._clock.mono_ms() - self._beat_ms
        heard = self._outbox.confirmed(Lane.HEALTH) >= self._beat_number
        return since >= (
            self.heartbeat_s * 1000 if heard else max(OFFLINE_HEARTBEAT_MS, self.heartbeat_s * 1000)
        )

    async def _beat(self) -> None:
        status = self.status()
        up = sum(device.state == "up" for device in status.devices)
        down = sum(device.state == "down" for device in status.devices)
        self._beat_ms = self._clock.mono_ms()
        await self._outbox.accept(
            [
                Heartbeat(
                    version=self._version,
                    uptime_s=status.uptime_s,
                    outbox_rows=status.unsent,
                    oldest_s=status.oldest_s,
                    disk_free_mib=status.disk_free_mib,
                    clock_skew_ms=status.clock_skew_ms,
                    clock_sure=status.clock_sure,
                    devices_up=up,
                    devices_down=down,
                    rss_mib=status.rss_mib,
                    settings=self._settings_hash(),
                )
            ]
        )
        self._beat_number = self._outbox.last(Lane.HEALTH)


def metrics_text(status: Status) -> bytes:
    """The status in Prometheus' text format 0.0.4."""
    lines: list[str] = []

    def family(name: str, kind: str, meaning: str, samples: Sequence[tuple[str, float]]) -> None:
        lines.append(f"# HELP tillbeam_edge_{name} {meaning}")
        lines.append(f"# TYPE tillbeam_edge_{name} {kind}")
        lines.extend(f"tillbeam_edge_{name}{labels} {value:g}" for labels, value in samples)

    def each(field: str) -> list[tuple[str, float]]:
        return [(_labels(device=d.name, driver=d.driver), getattr(d, field)) for d in status.devices]

    info = _labels(store=status.store, version=status.version, epoch=status.epoch)
    family("info", "gauge", "Which box this is.", [(info, 1)])
    states = ("offline", "syncing", "online")
    family(
        "link", "gauge", "State of the line.", [(_labels(state=s), float(s == status.link)) for s in states]
    )
    last = [(_labels(lane=lane.name), float(lane.last)) for lane in status.lanes]
    confirmed = [(_labels(lane=lane.name), float(lane.confirmed)) for lane in status.lanes]
    family("lane_last", "counter", "Events recorded, by lane.", last)
    family("lane_confirmed", "counter", "Events the centre has receipted, by lane.", confirmed)
    family("unsent", "gauge", "Events not yet receipted.", [("", status.unsent)])
    family("oldest_seconds", "gauge", "Age of the oldest of them.", [("", status.oldest_s)])
    family("device_up", "gauge", "Whether the device is there.", [
        (_labels(device=d.name, driver=d.driver), float(d.state == "up")) for d in status.devices
    ])  # fmt: skip
    family("device_events_total", "counter", "Events heard from the device.", each("events_total"))
    family("device_problems_total", "counter", "Things that were wrong with it.", each("problems_total"))
    family("disk_free_bytes", "gauge", "Room on the disk.", [("", status.disk_free_mib * _MIB)])
    family("resident_memory_bytes", "gauge", "Memory in use.", [("", status.rss_mib * _MIB)])
    family("clock_sure", "gauge", "Whether the time is known.", [("", float(status.clock_sure))])
    family(
        "clock_skew_seconds",
        "gauge",
        "How far the box's clock is ahead.",
        [("", status.clock_skew_ms / 1000)],
    )
    family("uptime_seconds", "counter", "Since the agent began.", [("", status.uptime_s)])
    alarms = [(_labels(name=a.name, detail=a.detail), 1.0) for a in status.alarms]
    family("alarm", "gauge", "Alarms in force.", alarms)
    return ("\n".join(lines) + "\n").encode()


def _labels(**labels: str) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items()) + "}"


def free_bytes_of(folder: Path) -> Callable[[], int]:
    """A look at the room on the disk under `folder`."""
    return lambda: shutil.disk_usage(folder).free


def rss_mib() -> int:
    """Memory of this process that is really there."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // _MIB


class NotifyFailed(EdgeError):
    """systemd asked to be told and cannot be."""


def notify(state: str, address: str | None) -> None:
    """Tells systemd (sd_notify(3)): READY=1, WATCHDOG=1 …; nothing without `address` ($NOTIFY_SOCKET)."""
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(state.encode(), name)
        except OSError as error:
            raise NotifyFailed(f"{address}: {error}") from error
