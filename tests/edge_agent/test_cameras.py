"""Several cameras in one agent: each a process of its own, and none of them a trouble to the others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from drivers.base import Heard
from drivers.counter.camera import DRIVER
from drivers.counter.camera.eye import EyeShut, Look, Sight, ask, door
from drivers.decode import options_of
from drivers.ports.nursery import PROGRAM
from edge_agent.listening import decoder_of, listener
from edge_agent.supervisor import Listen, Supervisor
from sync.clock import SystemClock
from sync.contract.events import CameraState, DeviceState, decode_event
from tests.edge_agent.terminal_box import TerminalBox, open_box

WITHIN_S = 30.0


class Wish(NamedTuple):
    """A camera as the settings want it."""

    name: str
    port: str
    driver: str = "counter.camera"
    till: str = "1"
    enabled: bool = True
    options: Any = options_of(DRIVER, {"row_s": 0})


def nurseries() -> set[int]:
    """The processes of ours from which cameras' workers are forked: one, or none."""
    ours = (pid for task in Path("/proc/self/task").iterdir() for pid in _children(task))
    return {pid for pid in ours if PROGRAM[-1] in _words(pid)}


def workers() -> set[int]:
    """The processes that look."""
    return {pid for nursery in nurseries() for pid in _children(Path(f"/proc/{nursery}/task/{nursery}"))}


def _children(task: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(pid) for pid in (task / "children").read_text("ascii").split()]
    return []


def _words(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return []


def supervised(box: TerminalBox, listen: Listen) -> Supervisor:
    """One that keeps its devices in that box."""
    return Supervisor(
        till=box.till,
        outbox=box.shop.outbox,
        clock=SystemClock(),
        chance=box.supervisor._chance,
        make_decoder=decoder_of,
        listen=listen,
    )


async def states(box: TerminalBox) -> dict[str, list[str]]:
    """What was said of each device, in order: device's states, and cameras' in capitals."""
    rows = await box.shop.db.read(
        lambda sql: sql.execute("SELECT body FROM row ORDER BY lane, number").fetchall()
    )
    found: dict[str, list[str]] = defaultdict(list)
    for (body,) in rows:
        event = decode_event(body)
        if isinstance(event, DeviceState):
            found[event.device].append(event.state)
        elif isinstance(event, CameraState):
            found[event.device].append(event.state.upper())
    return found


async def sight(folder: Path, name: str) -> Sight:
    """What the camera sees, as soon as it is there to be asked."""
    while True:
        try:
            answer, _ = await ask(door(folder, name), Look(width=0))
        except EyeShut:
            await asyncio.sleep(0.05)
        else:
            assert isinstance(answer, Sight)
            if answer.state == "up":
                return answer


async def test_a_camera_that_is_killed_comes_back_and_its_neighbour_never_noticed(
    tmp_path: Path, running: Any
) -> None:
    eyes = tmp_path / "eyes"
    async with open_box(tmp_path / "box.db", SystemClock(), running) as box, asyncio.timeout(WITHIN_S):
        supervisor = supervised(box, listener(SystemClock(), eyes))
        await supervisor.apply([Wish("front", "camera:sim:1")])
        await sight(eyes, "front")
        (front,) = workers()
        await supervisor.apply([Wish("front", "camera:sim:1"), Wish("back", "camera:sim:2")])
        await sight(eyes, "back")
        before = await sight(eyes, "front")
        (back,) = workers() - {front}
        os.kill(back, signal.SIGKILL)
        while not {"down"} & set((await states(box))["back"]):
            await asyncio.sleep(0.05)
        await sight(eyes, "back")
        after = await sight(eyes, "front")
        assert front in workers()
        assert after.t_s > before.t_s
        said = await states(box)
        await supervisor.stop()
        assert nurseries() == set()
    assert set(said["front"]) <= {"up", "UP"}
    assert "down" in said["back"]
    assert said["back"].count("UP") == 1  # what it sees has not changed; that it was away, its port says


async def test_cameras_whose_nursery_is_killed_come_back_by_themselves(tmp_path: Path, running: Any) -> None:
    eyes = tmp_path / "eyes"
    wishes = [Wish("front", "camera:sim:1"), Wish("back", "camera:sim:2")]
    async with open_box(tmp_path / "box.db", SystemClock(), running) as box, asyncio.timeout(WITHIN_S):
        supervisor = supervised(box, listener(SystemClock(), eyes))
        await supervisor.apply(wishes)
        for wish in wishes:
            await sight(eyes, wish.name)
        (nursery,), before = nurseries(), workers()
        os.kill(nursery, signal.SIGKILL)
        while len(workers() - before) < 2:
            await asyncio.sleep(0.05)
        for wish in wishes:
            await sight(eyes, wish.name)
        assert not before & workers()
        assert len(nurseries()) == 1
        said = await states(box)
        await supervisor.stop()
        assert nurseries() == set()
    assert "down" in said["front"]
    assert "down" in said["back"]


async def test_a_camera_that_is_covered_is_blocked_on_the_page_until_it_sees_again(
    tmp_path: Path, running: Any
) -> None:
    said: asyncio.Queue[Any] = asyncio.Queue()

    async def listen(wish: Any, decoder: Any, hear: Any, stirred: asyncio.Event) -> None:
        while True:
            await hear([Heard(0, CameraState(state=await said.get()))])
            said.task_done()

    async with open_box(tmp_path / "box.db", SystemClock(), running) as box, asyncio.timeout(WITHIN_S):
        supervisor = supervised(box, listen)
        await supervisor.apply([Wish("front", "camera:rtsp://door:secret@host/stream")])
        shown_as = {"up": "up", "covered": "blocked", "late": "up", "down": "blocked", "resting": "up"}
        for state, shown in shown_as.items():
            said.put_nowait(state)
            await said.join()
            assert supervisor.status()[0].state == shown
        assert supervisor.status()[0].port == "camera:rtsp://…@host/…"
        await supervisor.stop()
