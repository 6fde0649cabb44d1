"""Workers of several cameras, forked from one process: who dies of what, and who does not."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest

from drivers.counter.camera import DRIVER
from drivers.counter.camera import nursery as process
from drivers.errors import PortGone
from drivers.ports import Nursery, Surroundings, nursery, open_port
from drivers.ports.camera import CameraPort
from sync.clock import SystemClock

PATIENCE_S = 20.0
OPTIONS = DRIVER.decoder(DRIVER.options()).replies()
AGENT = """
import asyncio, sys
from drivers.ports import Surroundings, Nursery, open_port
from sync.clock import SystemClock

async def main():
    around = Surroundings(nursery=Nursery())
    ports = [await open_port(f"camera:sim:{seed}", clock=SystemClock(), around=around) for seed in (1, 2)]
    for port in ports:
        await port.write(sys.argv[1].encode())
        await port.read()
    print(*(port.pid for port in ports), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def stat(pid: int) -> list[str]:
    """State, parent and so on of a process; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return []


def parent(pid: int) -> int:
    return int(stat(pid)[1])


def sockets(pid: int) -> set[str]:
    """Those that a process has open."""
    files = map(os.readlink, Path(f"/proc/{pid}/fd").iterdir())
    return {file for file in files if file.startswith("socket:")}


def lives(pid: int) -> bool:
    return stat(pid)[:1] not in ([], ["Z"])


async def read_on(port: CameraPort) -> None:
    """For as long as it goes."""
    while True:
        await port.read()


async def gone(*pids: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while any(map(lives, pids)):
            await asyncio.sleep(0.02)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with asyncio.timeout(3 * PATIENCE_S):
        house = House()
        yield house
        for port in house.ports:
            await port.close()
        await gone(*house.pids)


class House:
    """Cameras of one agent."""

    def __init__(self) -> None:
        self.around = Surroundings(nursery=Nursery())
        self.ports: list[CameraPort] = []
        self.pids: set[int] = set()  # of every process there was

    async def camera(self, seed: int, options: bytes = OPTIONS) -> CameraPort:
        port = await open_port(f"camera:sim:{seed}", clock=SystemClock(), around=self.around)
        assert isinstance(port, CameraPort)
        self.ports.append(port)
        self.pids |= {port.pid, parent(port.pid)}
        await port.write(options)
        return port


async def test_all_cameras_of_an_agent_are_forked_from_one_process_with_one_thread(house: House):
    front, back = await house.camera(1), await house.camera(2)
    assert front.pid != back.pid
    assert parent(front.pid) == parent(back.pid) != os.getpid()
    assert len(list(Path(f"/proc/{parent(front.pid)}/task").iterdir())) == 1
    for port in (front, back):
        assert b"up" in await port.read()
    assert not sockets(front.pid) & sockets(back.pid)
    assert not sockets(front.pid) & sockets(parent(front.pid))


async def test_a_worker_that_dies_disturbs_no_other_and_its_place_is_taken_again(house: House):
    front, back = await house.camera(1), await house.camera(2)
    await front.read()
    os.kill(back.pid, signal.SIGTERM)
    with pytest.raises(PortGone, match=r"sim:2: its worker was ended by SIGTERM$"):
        await read_on(back)
    await back.close()
    again = await house.camera(2)
    assert parent(again.pid) == parent(front.pid)
    assert b"up" in await again.read()
    assert lives(front.pid)


async def test_a_worker_that_hangs_is_killed_when_its_port_is_closed_and_it_alone(house: House):
    front, back = await house.camera(1), await house.camera(2)
    await back.read()
    os.kill(back.pid, signal.SIGSTOP)
    await back.close()
    assert not lives(back.pid)
    assert lives(front.pid)


async def test_what_each_worker_said_last_is_told_by_its_own_port(house: House):
    front = await house.camera(1)
    nonsense = await house.camera(2, b"nonsense\n")
    nothing = await house.camera(3, b'{"options": {"lines": 7}}\n')
    with pytest.raises(PortGone, match=r"sim:2: its worker ended \(1\): DecodeError$"):
        await nonsense.read()
    with pytest.raises(PortGone, match=r"sim:3: its worker ended \(1\): ValidationError$"):
        await nothing.read()
    assert b"up" in await front.read()


async def test_a_nursery_that_dies_takes_its_workers_with_it_and_the_next_camera_has_another(house: House):
    ports = [await house.camera(1), await house.camera(2)]
    await ports[0].read()
    os.kill(ports[1].pid, signal.SIGSTOP)  # that hangs, and hears nothing of it
    os.kill(parent(ports[0].pid), signal.SIGKILL)
    await gone(*house.pids)
    for port in ports:
        with pytest.raises(PortGone, match=r"its nursery was ended by SIGKILL$"):
            await read_on(port)
    ports[0] = await house.camera(1)  # before the others let go
    assert b"up" in await ports[0].read()


async def test_the_nursery_ends_with_its_last_worker(house: House):
    front, back = await house.camera(1), await house.camera(2)
    birthplace = parent(front.pid)
    await front.close()
    assert lives(birthplace)
    await back.close()
    await gone(birthplace)


async def test_a_camera_that_is_given_up_while_it_opens_leaves_nothing(house: House):
    front = await house.camera(1)
    birthplace = parent(front.pid)
    files = Path("/proc/self/fd")
    open_files = len(list(files.iterdir()))
    for turns in range(40):
        opening = asyncio.create_task(open_port("camera:sim:2", clock=SystemClock(), around=house.around))
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        for port in await asyncio.gather(opening, return_exceptions=True):
            if isinstance(port, CameraPort):
                await port.close()
    assert len(list(files.iterdir())) == open_files
    while len(Path(f"/proc/{birthplace}/task/{birthplace}/children").read_text().split()) > 1:
        await asyncio.sleep(0.02)
    await front.close()
    await gone(birthplace)


async def test_nothing_is_left_of_an_agent_that_is_killed():
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", AGENT, OPTIONS.decode(), stdout=asyncio.subprocess.PIPE
    )
    assert agent.stdout
    async with asyncio.timeout(PATIENCE_S):
        workers = [int(pid) for pid in (await agent.stdout.readline()).split()]
    birthplace = parent(workers[0])
    os.kill(workers[1], signal.SIGSTOP)  # that hangs
    agent.kill()
    await agent.wait()
    await gone(birthplace, *workers)


async def test_why_the_nursery_cannot_load_is_told(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nursery, "PROGRAM", ("-c", "raise ImportError('libGL.so.1: no such file')"))
    with pytest.raises(
        PortGone, match=r"no worker .* nursery ended \(1\): ImportError: libGL\.so\.1: no such"
    ):
        await house.camera(1)
    monkeypatch.undo()
    assert b"up" in await (await house.camera(1)).read()


async def test_a_nursery_that_hangs_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nursery, "PROGRAM", ("-c", "import time; time.sleep(600)"))
    monkeypatch.setattr(nursery, "BIRTH_WAIT_S", 0.3)
    with pytest.raises(PortGone, match=r"no worker can be started: its nursery says nothing for 0\.3 s"):
        await house.camera(1)


def test_a_box_without_room_for_another_process_says_so(monkeypatch: pytest.MonkeyPatch):
    def no_room() -> NoReturn:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(os, "fork", no_room)
    agent, asks = socket.socketpair()
    nurse = threading.Thread(target=process.Nursery(asks, lambda: 0).serve)
    nurse.start()
    tether, its_tether = socket.socketpair()
    line, its_line = socket.socketpair()
    with agent, asks, tether, its_tether, line, its_line:
        socket.send_fds(agent, [b"!"], [its_line.fileno(), its_tether.fileno()])
        its_tether.close()
        with tether.makefile() as told:
            assert told.read() == "0\n1 Cannot allocate memory\n"
        agent.close()
        nurse.join(PATIENCE_S)
        assert not nurse.is_alive()
