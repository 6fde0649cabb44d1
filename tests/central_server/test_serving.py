"""The program as its users start it: real processes, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from central_server.app import Centre
from central_server.db import Database
from central_server.errors import Misconfigured
from central_server.keys import Keys
from central_server.membership import service as membership
from central_server.serving import _check_keys
from config.central import CentralSettings
from demo.programs import free_port
from sync.contract.ids import member_id

TILLBEAM = [sys.executable, "-c", "from central_server.cli import main; main()"]
START_MAX_S = 40
ROOT = Path(__file__).parents[2]


class Program:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "central.yaml"
        self.port = free_port()
        self.config.write_text(
            f"state_dir: state\nweb: {{port: {self.port}}}\n"
            f"broker: {{kind: embedded, host: 127.0.0.1, port: {free_port()}}}\n"
        )
        self.process: subprocess.Popen[str] | None = None

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [*TILLBEAM, *words, "--config", str(self.config)]
        return subprocess.run(
            command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=START_MAX_S, check=False
        )

    def start(self) -> None:
        command = [*TILLBEAM, "serve", "--config", str(self.config)]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + START_MAX_S
        while self.get("/readyz") != 200:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.1)

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=START_MAX_S)
        status, self.process = self.process.returncode, None
        return status, said


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.communicate()


def test_the_centre_starts_from_nothing_and_ends_when_told(program: Program) -> None:
    program.start()
    assert program.get("/healthz") == 200
    assert program.get("/api/v1/openapi.json") == 200
    added = program.run("store", "add", "Shop 1")
    assert (added.returncode, added.stdout) == (0, "shop-1\n")
    assert len(program.run("store", "code", "shop-1").stdout.strip()) == 9
    status, said = program.stop()
    assert status == 0
    assert "Traceback" not in said


async def test_a_database_without_its_keys_is_not_served(tmp_path: Path, database: Database) -> None:
    right, wrong = Keys.fresh(), Keys.fresh()
    async with database.transaction() as session:
        person = {"name": "王小明"}
        await membership.enrol(
            session, keys=right, member=member_id(b"12345678"), person=person, by="", at_ms=1
        )
    settings = CentralSettings(state_dir=tmp_path)
    await _check_keys(Centre(settings, database=database, keys=right))
    with pytest.raises(Misconfigured, match="put back"):
        await _check_keys(Centre(settings, database=database, keys=wrong))


@pytest.mark.slow
def test_commands_on_a_fresh_machine(program: Program) -> None:
    early = program.run("aside", "list")
    assert early.returncode == 1
    assert "migrate" in early.stderr
    assert program.run("migrate").returncode == 0
    made = program.run("admin", "create", "boss", stdin="long-enough-for-anybody-7\n")
    assert (made.returncode, made.stderr) == (0, "")
    again = program.run("admin", "create", "boss", stdin="long-enough-for-anybody-7\n")
    assert again.returncode == 1
    assert "already" in again.stderr
    assert program.run("aside", "replay").stdout == "replayed 0, failed again 0\n"
    assert program.run("aside", "show", "7").returncode == 1
    assert program.run("store", "code", "nowhere").returncode == 1
    assert program.run("keys", "rotate").returncode == 0
