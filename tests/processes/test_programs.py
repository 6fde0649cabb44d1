"""Both programs as their users meet them: commands, signals, systemd, mistakes."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.programs import free_port
from drivers.counter.beam.protocol import Edge, encode_edges
from tests.processes.house import (
    CHINESE,
    ENGLISH,
    House,
    broker_of,
    gone,
    program,
    say,
    until,
)

COMMANDS = {
    "tillbeam-edge": [
        "",
        "run",
        "enrol",
        "drivers",
        "decode",
        "ports",
        "sniff",
        "replay",
        "simulate",
        "doctor",
        "status",
        "config",
        "config check",
        "config show",
        "config diff",
        "config schema",
    ],
    "tillbeam-central": [
        "",
        "serve",
        "migrate",
        "openapi",
        "admin",
        "admin create",
        "store",
        "store add",
        "store code",
        "aside",
        "aside list",
        "aside show",
        "aside replay",
        "aside discard",
        "keys",
        "keys rotate",
        "config",
        "config check",
    ],
}
# Somebody who may read all, for Python itself may stand in root's home, and write nothing.
AS_NOBODY = shlex.split(
    "setpriv --reuid 65534 --regid 65534 --clear-groups "
    "--inh-caps -all,+dac_read_search --ambient-caps -all,+dac_read_search"
)


def _chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


# Words


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
async def test_every_command_explains_itself_in_both_languages(name: str) -> None:
    two_at_once = asyncio.Semaphore(2)

    async def ask(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        async with two_at_once:
            return await asyncio.to_thread(say, name, *command.split(), "--help", environ=environ)

    asked = [(command, environ) for command in COMMANDS[name] for environ in (ENGLISH, CHINESE)]
    answers = await asyncio.gather(*(ask(*each) for each in asked))
    for (command, environ), done in zip(asked, answers, strict=True):
        assert done.returncode == 0, (command, done.stderr)
        assert done.stderr == ""
        assert _chinese(done.stdout) == (environ is CHINESE), f"{name} {command}: {done.stdout}"


def test_decode_reads_standard_input() -> None:
    walk = ((0, "A", True), (60, "B", True), (120, "A", False), (180, "B", False), (9_000, "A", True))
    edges = [Edge(*each) for each in walk]
    done = say("tillbeam-edge", "decode", "counter.beam", "-", "--json", stdin=encode_edges(edges))
    assert (done.returncode, done.stderr) == (0, "")
    assert '"type": "passed/1"' in done.stdout
    unknown = say("tillbeam-edge", "decode", "counter.baem", "-")
    assert unknown.returncode == 2
    assert "counter.beam" in unknown.stderr


# Mistakes

BAD = """\
web: {prot: 1}
state_dir: [1]
"""


@pytest.mark.parametrize("words", ["tillbeam-edge run", "tillbeam-central serve", "tillbeam-central migrate"])
def test_bad_settings_are_told_line_by_line(tmp_path: Path, words: str) -> None:
    name, command = words.split()
    (tmp_path / "bad.yaml").write_text(BAD)
    done = say(name, command, "--config", str(tmp_path / "bad.yaml"))
    assert done.returncode == 1
    assert "bad.yaml:1:7: web.prot:" in done.stderr
    assert "did you mean 'port'" in done.stderr
    assert "bad.yaml:2:" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    chinese = say(name, command, "--config", str(tmp_path / "bad.yaml"), environ=CHINESE)
    assert _chinese(chinese.stderr)
    missing = say(name, command, "--config", str(tmp_path / "none.yaml"))
    assert missing.returncode == 1
    assert "none.yaml" in missing.stderr


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv to become somebody else"
)
@pytest.mark.parametrize(
    "words",
    [
        "tillbeam-edge run",
        "tillbeam-edge enrol --code AAAA-AAAA --centre http://127.0.0.1:1",
        "tillbeam-central serve",
        "tillbeam-central migrate",
        "tillbeam-central keys rotate",
    ],
)
def test_a_state_folder_of_somebody_else_is_told_in_one_line(words: str) -> None:
    name, *command = words.split()
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is for its owner only
        Path(folder).chmod(0o755)
        settings = Path(folder) / "settings.yaml"
        settings.write_text("state_dir: not-yours/state\n")
        (Path(folder) / "not-yours").mkdir()
        done = subprocess.run(
            [*AS_NOBODY, program(name), *command, "--config", str(settings)],
            env=os.environ | ENGLISH,
            cwd="/",
            capture_output=True,
            timeout=60,
            check=False,
        )
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert "Permission denied" in said
    assert "not-yours" in said
    assert "Traceback" not in said


# A life


async def test_the_agents_life_from_a_box_that_is_not_enrolled(tmp_path: Path) -> None:
    """Ready for systemd, asked for its state, given bad and good settings, and ended in order."""
    told = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(told))
        systemd.setblocking(False)
        heard: list[str] = []
        house = House(tmp_path, devices=_devices(tmp_path, "door"))
        edge = house.edge(NOTIFY_SOCKET=str(told), WATCHDOG_USEC="600000")

        def tells(what: str) -> bool:
            heard.extend(_datagrams(systemd))
            return heard.count(what) > 0

        await until(lambda: tells("READY=1"), 40)
        assert await house.page("/till") is not None  # ready means that the pages answer
        await until(lambda: tells("WATCHDOG=1") and heard.count("WATCHDOG=1") >= 3, 20)

        shown = await asyncio.to_thread(
            say, "tillbeam-edge", "status", "--config", str(house.edge_yaml), environ=CHINESE
        )
        assert shown.returncode == 0, shown.stderr
        assert "door" in shown.stdout
        assert "offline" in shown.stdout

        assert (tmp_path / "door").is_symlink()
        good = house.edge_yaml.read_text()
        house.edge_yaml.write_text(good + "colour: red\n")
        edge.signal(1)
        status = await house.status_is(lambda said: said["alarms"])
        assert [each["name"] for each in status["alarms"]] == ["settings_refused"]
        assert "colour" in status["alarms"][0]["detail"]
        assert "edge.yaml:" in edge.said()
        assert [each["name"] for each in status["devices"]] == ["door"]

        house.edge_yaml.write_text(good.replace("name: door,", "name: gate,"))
        edge.signal(1)
        await house.status_is(
            lambda said: [each["name"] for each in said["devices"]] == ["gate"] and not said["alarms"]
        )
        assert await edge.stop() == 0
        heard.extend(_datagrams(systemd))
        assert heard[-1] == "STOPPING=1"
        assert "RELOADING=1" in heard
    assert not (tmp_path / "door").is_symlink()
    assert "Traceback" not in edge.said()

    asked = say("tillbeam-edge", "status", "--config", str(house.edge_yaml))
    assert asked.returncode == 1
    assert f"127.0.0.1:{house.edge_port}" in asked.stderr


async def test_the_centres_life(tmp_path: Path) -> None:
    """A wrong code, a port that is taken, settings again, and an end that leaves no orphan."""
    house = House(tmp_path)
    central = house.central()
    await house.central_ready(central)
    broker = broker_of(central)
    assert broker is not None

    refused = await asyncio.to_thread(
        say, "tillbeam-edge", "enrol", "--code", "AAAA-AAAA", "--config", str(house.edge_yaml)
    )
    assert refused.returncode == 1
    assert "not valid" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (house.edge_db.parent / "identity.json").exists()

    (tmp_path / "second").mkdir()
    other = House(tmp_path / "second", broker_port=house.broker_port).central_yaml
    second = await asyncio.to_thread(say, "tillbeam-central", "serve", "--config", str(other))
    assert second.returncode == 1
    assert str(house.broker_port) in second.stderr
    assert "another program" in second.stderr

    good = house.central_yaml.read_text()
    house.central_yaml.write_text(good + "colour: red\n")
    central.signal(1)
    await until(lambda: "settings stay" in central.said(), 10)
    assert "colour" in central.said()
    house.central_yaml.write_text(good + "keep: {health_days: 3}\n")
    central.signal(1)
    await until(lambda: "new settings: keep" in central.said(), 10)
    await house.central_ready(central)

    assert await central.stop() == 0
    assert gone(broker)
    assert "Traceback" not in central.said()


async def test_a_web_port_that_is_taken_is_said_by_the_centre(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        house = House(tmp_path, central_port=taken.getsockname()[1])
        central = house.central()
        assert await central.ended() == 1
    last = central.said().strip().splitlines()[-1]
    assert str(house.central_port) in last, central.said()
    assert "Traceback" not in central.said()


async def test_an_agent_whose_web_port_is_taken_goes_on_without_pages(tmp_path: Path) -> None:
    """A till that cannot be shown is no reason to count nobody."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        house = House(tmp_path, edge_port=taken.getsockname()[1])
        edge = house.edge()
        await until(lambda: f"127.0.0.1:{house.edge_port}" in edge.said(), 30)
        assert edge.status is None
        assert await edge.stop() == 0
    assert "Address already in use" in edge.said()


async def test_an_agent_with_open_pages_ends_within_seconds(tmp_path: Path) -> None:
    house = House(tmp_path)
    edge = house.edge()
    await house.edge_ready(edge)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.edge_port)
    writer.write(f"GET /till/events?till=1 HTTP/1.1\r\nHost: 127.0.0.1:{house.edge_port}\r\n\r\n".encode())
    assert b"200" in await reader.readline()
    began_s = asyncio.get_running_loop().time()
    assert await edge.stop() == 0
    assert asyncio.get_running_loop().time() - began_s < 8  # systemd kills after ten
    writer.transport.abort()
    assert "Traceback" not in edge.said()


async def test_two_agents_on_one_database_are_not_possible(tmp_path: Path) -> None:
    house = House(tmp_path)
    edge = house.edge()
    await house.edge_ready(edge)
    other = House(tmp_path, edge_port=free_port()).edge()
    assert await other.ended() == 1
    assert "another agent is running" in other.said()
    assert "Traceback" not in other.said()
    assert edge.status is None


def _devices(folder: Path, name: str) -> str:
    return (
        f"devices:\n  - {{name: {name}, driver: counter.beam, port: {shlex.quote(f'pty:{folder}/door')}}}\n"
    )


def _datagrams(sock: socket.socket) -> Iterator[str]:
    while True:
        try:
            yield sock.recv(4096).decode()
        except BlockingIOError:
            return
